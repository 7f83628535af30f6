"""Build an engine: what every connection of ours has in common. Knows no settings."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.config.settings import PoolConfig
from app.db.endpoint import Endpoint
from app.db.lifetime import replace_stale_connections
from app.db.pool import FairQueuePool

EngineListener = Callable[[Engine], None]

_listeners: list[EngineListener] = []


def on_engine_created(listener: EngineListener) -> EngineListener:
    """Call `listener` with every engine that is built from now on, to attach events."""
    _listeners.append(listener)
    return listener


def build_engine(
    endpoint: Endpoint,
    *,
    name: str,
    pool: PoolConfig | None = None,
    max_age: float = math.inf,
    max_idle: float = math.inf,
    echo: bool = False,
) -> AsyncEngine:
    """Build an engine that finds dead connections without asking the server.

    Args:
        endpoint: Where to connect.
        name: The pool's name in logs and metrics.
        pool: The pool's size. Without one, or with a size of 0, each use opens a
            connection of its own.
        max_age: Seconds after which a pooled connection is replaced.
        max_idle: Seconds without use after which a pooled connection is replaced.
        echo: Log every statement.
    """
    pool_arguments: dict[str, Any] = {"poolclass": NullPool}
    if pool is not None and pool["pool_size"] > 0:
        # The connection that was used last goes out first, so that idle ones grow old.
        fair = {"poolclass": FairQueuePool, "pool_use_lifo": True}
        pool_arguments = {**pool, **fair}
    engine = create_async_engine(
        endpoint.url,
        connect_args=endpoint.connect_args,
        pool_logging_name=name,
        echo=echo,
        hide_parameters=True,
        # Three round trips at the first connection, for a type that hardly anyone has.
        use_native_hstore=False,
        **pool_arguments,
    )
    sync_engine = engine.sync_engine
    replace_stale_connections(sync_engine, max_age=max_age, max_idle=max_idle)
    if endpoint.transaction_settings:
        event.listen(sync_engine, "begin", _setter(endpoint.transaction_settings))
    for listener in _listeners:
        listener(sync_engine)
    return engine


def _setter(settings: Mapping[str, str]) -> Callable[[Connection], None]:
    """Return a listener that gives each transaction its settings: one round trip.

    A session-level SET would reach whoever is handed the server connection next.
    """
    local = select(*[func.set_config(*item, True) for item in settings.items()])

    def set_local(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.execute(local)

    return set_local
