"""The endpoints that the settings name: where to connect, and how."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import SecretStr
from pydantic_settings import SettingsError
from sqlalchemy import URL

from .engine.connect_args import ConnectArgs, build_connect_args
from .engine.reasons import Reason
from .engine.url import (
    get_addresses,
    is_known_pooler,
    is_remote,
    parse_url,
    to_direct,
)
from .settings import get_settings

# Where the drivers look for a host that the URL does not name.
_HOST_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE")


def get_connect_args(
    setting: str,
    secret: SecretStr,
    *,
    pooled: bool | None = None,
) -> ConnectArgs:
    """Return how to connect to an endpoint, with the timeouts of the settings.

    Args:
        setting: The setting's name.
        secret: Its value, a connection string.
        pooled: Whether a pooler is in between; by default, what is known of the host.

    Raises:
        pydantic_settings.SettingsError: It is not a PostgreSQL URL, or it names no host
            and the driver would find one of another machine.
    """
    with _naming(setting):
        url = parse_url(secret.get_secret_value())
        return _build_connect_args(
            url,
            pooled=is_known_pooler(url) if pooled is None else pooled,
            server_settings=get_settings().get_server_settings(),
        )


def get_primary_connect_args() -> ConnectArgs:
    """Return how `get_engine()` connects."""
    settings = get_settings()
    return get_connect_args("DB_URL", settings.DB_URL, pooled=settings.DB_POOLED)


def get_direct_connect_args(server_settings: Mapping[str, str]) -> ConnectArgs:
    """Return how to connect past the pooler.

    Raises:
        pydantic_settings.SettingsError: The URL is malformed, or none is known that
            leads past the pooler.
    """
    settings = get_settings()
    setting, secret = "DB_DIRECT_URL", settings.DB_DIRECT_URL
    if secret is None:
        if settings.DB_POOLED:
            raise SettingsError("set DB_DIRECT_URL: DB_POOLED says DB_URL is pooled")
        setting, secret = "DB_URL", settings.DB_URL
    with _naming(setting):
        url = parse_url(secret.get_secret_value())
        url = url if setting == "DB_DIRECT_URL" else to_direct(url)
        return _build_connect_args(url, pooled=False, server_settings=server_settings)


def is_pooled() -> bool:
    """Whether a pooler stands behind `DB_URL`."""
    settings = get_settings()
    if settings.DB_POOLED is not None:
        return settings.DB_POOLED
    return is_known_pooler(parse_url(settings.DB_URL.get_secret_value()))


def get_hints(connect_args: ConnectArgs) -> dict[Reason, str]:
    """Return what to look at, where more is known of a server than the error tells."""
    provider = connect_args.provider
    if provider is None or not provider.ca or not connect_args.tls.needs_public_ca:
        return {}
    hint = f"{provider.name} signs its servers with a CA of its own: get it from"
    return {"tls": f"{hint} {provider.ca}, and set DB_SSL_ROOT_CERT to the file"}


def _build_connect_args(
    url: URL,
    *,
    pooled: bool,
    server_settings: Mapping[str, str],
) -> ConnectArgs:
    _refuse_foreign_host(url)
    settings = get_settings()
    root_cert = settings.DB_SSL_ROOT_CERT
    return build_connect_args(
        url,
        pooled=pooled,
        application_name=settings.DB_APPLICATION_NAME,
        connect_timeout=settings.DB_CONNECT_TIMEOUT,
        server_settings=server_settings,
        root_cert=None if root_cert is None else str(root_cert),
        must_verify=settings.is_production,
    )


def _refuse_foreign_host(url: URL) -> None:
    """Refuse a URL whose host the driver would take from elsewhere, unverified."""
    if get_addresses(url) or "hostaddr" in url.query:
        return
    for name in _HOST_VARIABLES:
        host = os.environ.get(name)
        if host and is_remote(url.set(host=host)):
            raise ValueError(f"has no host, and {name} has one: write it into the URL")


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    """Put the name of a setting before what is wrong with its value."""
    try:
        yield
    except ValueError as error:
        raise SettingsError(f"{setting} {error}") from None
