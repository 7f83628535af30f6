"""Build an engine: what every connection of ours has in common. Knows no settings."""

import selectors
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, event, func, select
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.config.settings import PoolConfig
from app.db.endpoint import Endpoint

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
    echo: bool = False,
) -> AsyncEngine:
    """Build an engine that finds dead connections without asking the server.

    Args:
        endpoint: Where to connect.
        name: The pool's name in logs and metrics.
        pool: The pool's size. Without one, or with a size of 0, each use opens a
            connection of its own.
        echo: Log every statement.
    """
    pool_arguments: dict[str, Any] = {"poolclass": NullPool}
    if pool is not None and pool["pool_size"] > 0:
        # The connection that was used last goes out first, so that idle ones grow old.
        pool_arguments = {**pool, "pool_use_lifo": True}
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
    event.listen(sync_engine, "checkout", _replace_closed)
    if endpoint.transaction_settings:
        event.listen(sync_engine, "begin", _setter(endpoint.transaction_settings))
    for listener in _listeners:
        listener(sync_engine)
    return engine


def _replace_closed(
    _dbapi_connection: object,
    entry: ConnectionPoolEntry,
    _proxy: PoolProxiedConnection,
) -> None:
    """Have the pool replace a connection that the server has closed.

    No round trip: an idle connection has nothing to say, so if its socket is readable,
    it holds the server's goodbye or a reset.
    """
    connection: Any = entry.driver_connection
    if connection.closed:
        raise DisconnectionError
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if selector.select(timeout=0):
            raise DisconnectionError


def _setter(settings: Mapping[str, str]) -> Callable[[Connection], None]:
    """Return a listener that gives each transaction its settings: one round trip.

    A session-level SET would reach whoever is handed the server connection next.
    """
    local = select(*[func.set_config(*item, True) for item in settings.items()])

    def set_local(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.execute(local)

    return set_local
