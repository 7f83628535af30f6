"""The engines of this process: the one place where settings meet `engine/`."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from pydantic import SecretStr
from pydantic_settings import SettingsError
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from .engine import build_engine
from .engine.connect_args import ConnectArgs, build_connect_args
from .engine.url import has_pooler_host, parse_url, to_direct
from .errors import name_connection_failures
from .metrics import measure
from .monitoring import PoolStats, read_pool, watch
from .registry import get_or_build, pop_engines
from .settings import get_settings


def get_engine() -> AsyncEngine:
    """Return the engine for `DB_URL`, built on first use.

    Nothing connects until the first query. A forked child builds its own engine,
    because sharing a socket between processes corrupts the protocol.
    So does each event loop, because a connection belongs to the loop that opened it.

    Raises:
        pydantic_settings.SettingsError: `DB_URL` is not a PostgreSQL URL.
    """
    settings = get_settings()
    return _get_engine("primary", "DB_URL", settings.DB_URL, pooled=settings.DB_POOLED)


def get_read_engine() -> AsyncEngine:
    """Return the engine for `DB_REPLICA_URL`, or `get_engine()` if that is unset.

    Raises:
        pydantic_settings.SettingsError: The setting is not a PostgreSQL URL.
    """
    if (url := get_settings().DB_REPLICA_URL) is None:
        return get_engine()
    return _get_engine("replica", "DB_REPLICA_URL", url)


def build_direct_engine(
    *,
    server_settings: Mapping[str, str] | None = None,
) -> AsyncEngine:
    """Build an engine past the pooler, for migrations, `LISTEN` and session-level
    locks.

    It keeps no connection and sets no time limits.

    Args:
        server_settings: For example `{"lock_timeout": "5s"}`.

    Raises:
        pydantic_settings.SettingsError: The URL is malformed, or none is known that leads past the pooler.
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
        connect_args = _build_connect_args(
            url,
            pooled=False,
            server_settings=server_settings or {},
        )
    # Not lean, because a migration may take longer than any limit of a statement.
    engine = build_engine(connect_args, name="direct", lean=False)
    name_connection_failures(engine.sync_engine)
    return engine


def get_pool_stats() -> PoolStats:
    """Return how the connections of `get_engine()` are used."""
    return read_pool(get_engine().pool)


def is_pooled() -> bool:
    """Whether a transaction pooler stands behind `DB_URL`."""
    settings = get_settings()
    if settings.DB_POOLED is not None:
        return settings.DB_POOLED
    return has_pooler_host(parse_url(settings.DB_URL.get_secret_value()))


async def dispose_engine() -> None:
    """Close the connections of this event loop. The next query opens new ones."""
    for engine in pop_engines():
        await engine.dispose()


def _get_engine(
    name: str,
    setting: str,
    secret: SecretStr,
    *,
    pooled: bool | None = None,
) -> AsyncEngine:
    return get_or_build(name, partial(_build_engine, name, setting, secret, pooled))


def _build_engine(
    name: str,
    setting: str,
    secret: SecretStr,
    pooled: bool | None,
) -> AsyncEngine:
    """Build an engine and attach to it, in this order, what it does."""
    settings = get_settings()
    with _naming(setting):
        url = parse_url(secret.get_secret_value())
        pooled = has_pooler_host(url) if pooled is None else pooled
        limits = settings.get_server_settings()
        connect_args = _build_connect_args(url, pooled=pooled, server_settings=limits)
    engine = build_engine(
        connect_args,
        name=name,
        pool_size=settings.DB_POOL_SIZE,
        max_overflow=settings.DB_MAX_OVERFLOW,
        pool_timeout=settings.DB_POOL_TIMEOUT,
        max_age=settings.DB_POOL_RECYCLE,
        max_idle=settings.DB_POOL_IDLE_TIMEOUT,
        statement_timeout=settings.DB_STATEMENT_TIMEOUT or math.inf,
        echo=settings.DB_ECHO,
    )
    meter = measure(name)
    name_connection_failures(engine.sync_engine, meter=meter)
    watch(
        engine.sync_engine,
        leak_after=settings.DB_LEAK_THRESHOLD,
        slow_after=settings.DB_SLOW_QUERY_THRESHOLD,
        meter=meter,
    )
    return engine


def _build_connect_args(
    url: URL,
    *,
    pooled: bool,
    server_settings: Mapping[str, str],
) -> ConnectArgs:
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


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    """Put the name of a setting before what is wrong with its value."""
    try:
        yield
    except ValueError as error:
        raise SettingsError(f"{setting} {error}") from None
