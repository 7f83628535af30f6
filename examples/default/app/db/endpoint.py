"""What the driver is given: parameters that it knows, TLS that verifies, time limits."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL

from app.db.tls import pop_tls_arguments
from app.db.url import get_places, is_remote

logger = logging.getLogger(__name__)

_KNOWN = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "fallback_application_name",
        "gssencmode",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "passfile",
        "require_auth",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslnegotiation",
        "sslpassword",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)
# What other tools read from a URL, and libpq would refuse.
_IGNORED = frozenset(
    {
        "connection_limit",
        "pgbouncer",
        "pool_timeout",
        "prepared_statement_cache_size",
        "schema",
        "statement_cache_size",
        "supa",
    }
)
# The kernel asks a silent peer after 20 s, and gives up on it 10 s later: a statement that
# waits for a peer that vanished ends after 30 s, like any other (DB_STATEMENT_TIMEOUT).
_KEEPALIVE = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3}
# In `options`: `-c name=value`, where a backslash escapes a space.
_SETTING = re.compile(r"(?:-c\s*|--)([\w.]+)=((?:\\.|\S)*)")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and how: what `create_engine` needs besides the pool's size.

    Attributes:
        url: The URL for SQLAlchemy, of which only the place is left.
        connect_args: What the driver is given besides.
        is_pooled: Whether a transaction pooler is in between, so that nothing may be
            set for a session.
        transaction_settings: Server settings that each transaction must set for
            itself, because a pooler refuses them at start-up.
    """

    url: URL
    connect_args: dict[str, Any] = field(repr=False)
    is_pooled: bool
    transaction_settings: Mapping[str, str]


def build_endpoint(
    url: URL,
    *,
    setting: str,
    pooled: bool,
    application_name: str,
    connect_timeout: int,
    server_settings: Mapping[str, str],
    root_cert: str | None = None,
    must_verify: bool = False,
) -> Endpoint:
    """Translate a URL, and what else is wanted of a connection, for psycopg.

    What the URL says wins over the arguments.

    Args:
        url: As returned by `parse_url`.
        setting: The name of the setting it comes from, for error messages.
        pooled: Whether a transaction pooler is in between.
        application_name: The name in `pg_stat_activity`.
        connect_timeout: Seconds to wait for a connection.
        server_settings: Such as `{"statement_timeout": "30000"}`. They travel with the
            start-up packet, or through a pooler in each transaction.
        root_cert: A CA file instead of certifi's.
        must_verify: Refuse a remote host that need not prove who it is.

    Raises:
        ValueError: A parameter is unknown, or not allowed. Its name is not shown, for
            it may be a part of a password with a question mark.
    """
    query = {k: v if isinstance(v, str) else v[-1] for k, v in url.query.items()}
    places = get_places(url) if query.pop("host", None) else []
    remote = is_remote(url)

    given = query.pop("options", "")
    server_settings = dict(server_settings) | dict(_SETTING.findall(given))
    # What is left names an endpoint, for Neon's proxy; PostgreSQL itself refuses it.
    options = _SETTING.sub("", given).split() if remote else []
    if not pooled:
        options += [f"-c {name}={value}" for name, value in server_settings.items()]
    name = query.pop("application_name", application_name)
    timeout = query.pop("connect_timeout", str(connect_timeout))
    if not timeout.isdecimal():
        raise ValueError(f"{setting} has a connect_timeout that is not in seconds")
    # What was sent and is not even acknowledged: in milliseconds.
    keepalive = _KEEPALIVE | {"tcp_user_timeout": int(timeout) * 1000}

    connect_args = pop_tls_arguments(
        query,
        setting=setting,
        remote=remote,
        root_cert=root_cert,
        must_verify=must_verify,
    )
    connect_args |= keepalive
    connect_args["connect_timeout"] = int(timeout)
    connect_args["application_name"] = name
    if options:
        connect_args["options"] = " ".join(options)
    if pooled:
        # A pooler may hand the next statement to a server that has not prepared it.
        connect_args["prepare_threshold"] = None
    if places:
        # Not by the URL: SQLAlchemy takes no IPv6 address among several hosts.
        hosts = [host for host, _ in places]
        ports = [port or 5432 for _, port in places]
        connect_args |= {"host": ",".join(hosts), "port": ",".join(map(str, ports))}
    connect_args |= {key: query.pop(key) for key in _KNOWN & query.keys()}
    if ignored := sorted(_IGNORED & query.keys()):
        logger.warning("%s: psycopg does not use %s", setting, ", ".join(ignored))
    if query.keys() - _IGNORED:
        raise ValueError(f"{setting} has an unknown parameter behind the question mark")
    return Endpoint(
        url=url.set(query={}),
        connect_args=connect_args,
        is_pooled=pooled,
        transaction_settings=server_settings if pooled else {},
    )
