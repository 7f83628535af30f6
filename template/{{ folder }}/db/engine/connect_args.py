"""Translate a database URL into what `create_engine` needs."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL

from . import driver
from .providers import Provider
from .tls import Tls, pop_tls
from .url import get_addresses, get_provider, is_remote

logger = logging.getLogger(__name__)

# Parameters that other tools read from a URL, and that no driver knows.
_FOREIGN_PARAMETERS = frozenset(
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
# Seconds, seconds and a count. TCP probes an idle peer after 20 s and every 10 s. It
# gives up 30 s after the last answer, because TCP_USER_TIMEOUT is over by the second
# probe.
_KEEPALIVE = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3}
# In `options`: `-c name=value`, where a backslash escapes a space.
_SERVER_SETTING = re.compile(r"(?:-c\s*|--)([\w.-]+)=((?:\\.|\S)*)")
_ESCAPED, _TO_ESCAPE = re.compile(r"\\(.)"), re.compile(r"[\\\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectArgs:
    """Where to connect, and how.

    Attributes:
        url: The URL without its query: driver, user, password, host, port, database.
        arguments: The `connect_args` of `create_engine`.
        addresses: Host and port of each server; a host may be a socket's directory.
        provider: Whose server it is, if that is known.
        tls: How the connection is encrypted.
        is_pooled: Whether a pooler is in between.
        is_remote: Whether the server is another machine.
        server_settings: The server settings that are to be in effect.
    """

    url: URL
    arguments: dict[str, Any] = field(repr=False)
    addresses: list[tuple[str, int]]
    provider: Provider | None
    tls: Tls
    is_pooled: bool
    is_remote: bool
    server_settings: Mapping[str, str]

    @property
    def transaction_settings(self) -> Mapping[str, str]:
        """Server settings that each transaction must set for itself, because a pooler
        refuses them at start-up.
        """
        return self.server_settings if self.is_pooled else {}


def build_connect_args(
    url: URL,
    *,
    pooled: bool,
    application_name: str,
    connect_timeout: int,
    server_settings: Mapping[str, str],
    root_cert: str | None = None,
    must_verify: bool = False,
) -> ConnectArgs:
    """Translate a URL and the limits of its connections for the driver.

    What the URL says overrides the arguments, except for `statement_timeout`.

    Args:
        url: As returned by `parse_url`.
        pooled: Whether a transaction pooler is in between.
        application_name: The name in `pg_stat_activity`.
        connect_timeout: Seconds to open a connection; also TCP_USER_TIMEOUT, which is
            how long sent data may stay unacknowledged.
        server_settings: For example `{"statement_timeout": "30000"}` (milliseconds).
            Sent at start-up; behind a pooler, set in each transaction.
        root_cert: A CA file to use instead of certifi's.
        must_verify: Reject an `sslmode` below `verify-ca` for a remote host.

    Raises:
        ValueError: A parameter is unknown or not allowed. The message is a predicate,
            to follow the name of a setting. It does not name an unknown parameter,
            because that may be a part of a password that contains a question mark.
    """
    query = {k: v if isinstance(v, str) else v[-1] for k, v in url.query.items()}
    addresses = [(host, port or 5432) for host, port in get_addresses(url)]
    has_host_parameter = query.pop("host", None) is not None
    remote, provider = is_remote(url), get_provider(url)

    given = query.pop("options", "")
    found = _SERVER_SETTING.findall(given)
    # PostgreSQL takes the names in any case, and a hyphen for an underscore.
    in_url: dict[str, str] = {}
    for name, value in found:
        in_url[name.lower().replace("-", "_")] = _ESCAPED.sub(r"\1", value)
    # The client gives up by its own limit, which would not follow.
    if "statement_timeout" in in_url.keys() & server_settings.keys():
        raise ValueError("sets statement_timeout in options: use DB_STATEMENT_TIMEOUT")
    server_settings = dict(server_settings) | in_url
    # The rest names an endpoint for Neon's proxy; PostgreSQL itself refuses it.
    options = _SERVER_SETTING.sub("", given).split() if remote else []
    if not pooled:
        options += [_format_option(*setting) for setting in server_settings.items()]

    # For libpq 0 is no limit.
    timeout = _pop_number(query, "connect_timeout", connect_timeout) or connect_timeout
    defaults = _KEEPALIVE | {"tcp_user_timeout": timeout * 1000}
    tls = pop_tls(
        query,
        remote=remote,
        root_cert=root_cert,
        has_tls=provider is not None,
        must_verify=must_verify,
    )
    arguments = driver.build_arguments(
        query,
        addresses=addresses if has_host_parameter else [],
        application_name=query.pop("application_name", application_name),
        connect_timeout=timeout,
        keepalive={name: _pop_number(query, name, defaults[name]) for name in defaults},
        options=" ".join(options),
        pooled=pooled,
        tls=tls,
    )
    unused = _FOREIGN_PARAMETERS | driver.UNUSED_PARAMETERS
    if ignored := sorted(unused & query.keys()):
        logger.warning("%s ignores parameters of the URL: %s", driver.NAME, ignored)
    if query.keys() - unused:
        raise ValueError("has an unknown parameter after the question mark")
    return ConnectArgs(
        url=url.set(query={}),
        arguments=arguments,
        addresses=addresses,
        provider=provider,
        tls=tls,
        is_pooled=pooled,
        is_remote=remote,
        server_settings=server_settings,
    )


def _format_option(name: str, value: str) -> str:
    escaped = _TO_ESCAPE.sub(r"\\\g<0>", value)
    return f"-c {name}={escaped}"


def _pop_number(query: dict[str, str], name: str, default: int) -> int:
    text = query.pop(name, str(default))
    if not text.isdecimal():
        raise ValueError(f"has a value of {name} that is not a whole number")
    return int(text)
