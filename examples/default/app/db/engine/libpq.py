"""What psycopg and psycopg2 have in common, because both are built on libpq."""

from typing import Any

from .reasons import Reason
from .tls import Tls

# Parameters of a URL that libpq takes as they are. Source: "Parameter Key Words" in
# https://www.postgresql.org/docs/current/libpq-connect.html.
_PARAMETERS = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "fallback_application_name",
        "gssencmode",
        "hostaddr",
        "keepalives",
        "load_balance_hosts",
        "passfile",
        "require_auth",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslnegotiation",
        "sslpassword",
        "target_session_attrs",
    }
)

FAILURE_TEXTS: dict[Reason, tuple[str, ...]] = {
    "host_not_found": (
        "resolve host",
        "translate host name",
        # What the resolver says, which is all that psycopg before 3.3 passes on.
        "no address associated with",
        "not known",
    ),
}
"""Parts of libpq's messages, in lower case, by what they mean."""


def build_arguments(
    query: dict[str, str],
    *,
    addresses: list[tuple[str, int]],
    application_name: str,
    connect_timeout: int,
    keepalive: dict[str, int],
    options: str,
    tls: Tls,
) -> dict[str, Any]:
    """Return libpq's parameters. Takes those that libpq knows out of `query`."""
    arguments: dict[str, Any] = {
        "application_name": application_name,
        "connect_timeout": connect_timeout,
        **keepalive,
    }
    if options:
        arguments["options"] = options
    if tls.mode:
        arguments["sslmode"] = tls.mode
    if tls.is_verified:
        arguments["sslrootcert"] = tls.ca_file
    if addresses:
        # Not in the URL, because SQLAlchemy accepts no IPv6 address among several
        # hosts.
        arguments["host"] = ",".join(host for host, _ in addresses)
        arguments["port"] = ",".join(str(port) for _, port in addresses)
    return arguments | {name: query.pop(name) for name in _PARAMETERS & query.keys()}


def is_closed(connection: Any) -> bool:
    """Whether the driver knows that the connection is closed."""
    return bool(connection.closed)


def get_fileno(connection: Any) -> int | None:
    """Return the descriptor of the connection's socket."""
    return int(connection.fileno())


def get_server_version(connection: Any) -> tuple[int, int]:
    """Return major and minor version, as the server announced them."""
    version = int(connection.info.server_version)
    return version // 10_000, version % 10_000


def get_parameter(connection: Any, name: str) -> str | None:
    """Return a server setting, as the server announced it."""
    value: str | None = connection.info.parameter_status(name)
    return value
