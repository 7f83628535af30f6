"""The engines of this process: the one place where settings meet `engine/`."""

import math
from collections.abc import Mapping
from functools import partial

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from .endpoints import get_connect_args, get_direct_connect_args, get_hints
from .engine import build_engine
from .engine.connect_args import ConnectArgs
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
    The first loop takes the engine that was built at import, where no loop ran.

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
    settings = get_settings()
    if (url := settings.DB_REPLICA_URL) is None:
        return get_engine()
    return _get_engine("replica", "DB_REPLICA_URL", url, pooled=settings.DB_POOLED)


def build_direct_engine(
    *,
    server_settings: Mapping[str, str] | None = None,
) -> AsyncEngine:
    """Build an engine past the pooler, for migrations, `LISTEN` and session-level
    locks.

    It keeps no connection and sets no time limits.

    DANGER: if a statement has failed and you caught that, COMMIT rolls back without an
    error, as it does in SQLAlchemy itself.

    Args:
        server_settings: For example `{"lock_timeout": "5s"}`.

    Raises:
        pydantic_settings.SettingsError: The URL is malformed, or none is known that
            leads past the pooler.
    """
    connect_args = get_direct_connect_args(server_settings or {})
    # Not lean, because a migration may take longer than any limit of a statement.
    engine = build_engine(connect_args, name="direct", lean=False)
    name_connection_failures(engine.sync_engine, hints=get_hints(connect_args))
    return engine


def build_single_engine(connect_args: ConnectArgs) -> AsyncEngine:
    """Build an engine that keeps no connection, as `get_engine()` builds its own.

    Args:
        connect_args: Where to connect, and how.
    """
    statement_timeout = get_settings().DB_STATEMENT_TIMEOUT or math.inf
    engine = build_engine(
        connect_args,
        name="single",
        statement_timeout=statement_timeout,
    )
    name_connection_failures(engine.sync_engine, hints=get_hints(connect_args))
    return engine


def get_pool_stats() -> PoolStats:
    """Return how the connections of `get_engine()` are used."""
    return read_pool(get_engine().pool)


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
    connect_args = get_connect_args(setting, secret, pooled=pooled)
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
    hints = get_hints(connect_args)
    meter = measure(name)
    name_connection_failures(engine.sync_engine, hints=hints, meter=meter)
    watch(
        engine.sync_engine,
        leak_after=settings.DB_LEAK_THRESHOLD,
        slow_after=settings.DB_SLOW_QUERY_THRESHOLD,
        meter=meter,
    )
    return engine
