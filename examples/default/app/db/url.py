"""From the connection string that people paste to what the driver understands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import certifi
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVERNAME = "postgresql+psycopg"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and how: what `create_engine` needs besides the pool's size.

    Attributes:
        url: The URL for SQLAlchemy.
        connect_args: What the driver is given besides.
        is_pooled: Whether a transaction pooler is in between, so that nothing may be
            set for a session.
        transaction_settings: Server settings that each transaction must set for
            itself, because the pooler refuses them at start-up.
    """

    url: URL
    connect_args: dict[str, Any] = field(repr=False)
    is_pooled: bool
    transaction_settings: Mapping[str, str]


def parse_url(text: str, *, setting: str) -> URL:
    """Return a pasted connection string as a URL of this project's driver.

    Args:
        text: `postgres://` or `postgresql://`, with any driver, perhaps in quotes.
        setting: The name of the setting it comes from, for the error message.

    Raises:
        ValueError: It is no PostgreSQL URL. The message never shows a part of it.
    """
    text = text.strip().strip("'\"").strip()
    scheme = text.partition("://")[0].partition("+")[0]
    if scheme not in ("postgres", "postgresql"):
        raise ValueError(f"{setting} must start with postgresql://")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Raised below: the error must not drag along one that quotes the password.
        url = None
    if url is None:
        raise ValueError(f"{setting} must read postgresql://user:password@host/name")
    if "@" in (url.host or ""):
        raise ValueError(f"{setting} has an @ in the password: write it as %40")
    return url.set(drivername=DRIVERNAME)


def is_pooled(url: URL) -> bool:
    """Whether the host is one of Neon's pooled endpoints, `ep-…-pooler.….neon.tech`."""
    return (url.host or "").partition(".")[0].endswith("-pooler")


def to_direct(url: URL) -> URL:
    """Return the URL of the same database without Neon's pooler."""
    if not is_pooled(url):
        return url
    endpoint, dot, domain = (url.host or "").partition(".")
    return url.set(host=endpoint.removesuffix("-pooler") + dot + domain)


def build_endpoint(
    url: URL,
    *,
    pooled: bool,
    application_name: str,
    connect_timeout: int,
    server_settings: Mapping[str, str],
    root_cert: str | None = None,
) -> Endpoint:
    """Translate a URL and what else is wanted of a connection for psycopg.

    Args:
        url: As returned by `parse_url`.
        pooled: Whether a transaction pooler is in between.
        application_name: The name in `pg_stat_activity`.
        connect_timeout: Seconds to wait for a connection.
        server_settings: Such as `{"statement_timeout": "30s"}`. They travel with the
            start-up packet, or through a pooler in each transaction.
        root_cert: A CA file instead of certifi's.
    """
    query = {key: _last(value) for key, value in url.query.items()}
    options = query.pop("options", "")
    if not pooled:
        flags = [f"-c {name}={value}" for name, value in server_settings.items()]
        options = " ".join([options, *flags]).strip()
    connect_args: dict[str, Any] = {
        "application_name": application_name,
        "connect_timeout": connect_timeout,
    }
    if options:
        connect_args["options"] = options
    if query.get("sslmode") == "require" and is_remote(url.host):
        connect_args["sslmode"] = "verify-full"
    if connect_args.get("sslmode", query.get("sslmode")) == "verify-full":
        # The binary wheels have no CA store of their own, so `system` finds none.
        given = query.get("sslrootcert", "system")
        default = root_cert or certifi.where()
        connect_args["sslrootcert"] = default if given == "system" else given
    if pooled:
        # A pooler may hand the next statement to a server that never prepared it.
        connect_args["prepare_threshold"] = None
    url = url.difference_update_query(["options"])
    return Endpoint(
        url=url,
        connect_args=connect_args,
        is_pooled=pooled,
        transaction_settings=server_settings if pooled else {},
    )


def is_remote(host: str | None) -> bool:
    """Whether the host is another machine: no socket, no loopback address."""
    if not host or host.startswith("/") or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _last(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else value[-1]
