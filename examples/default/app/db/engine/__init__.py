"""The engine room: values in, an engine out. Knows neither settings nor FastAPI."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, NullPool, event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from . import driver
from .connect_args import ConnectArgs
from .dialect import LEAN_DRIVERNAME, LeanDialect
from .pool import FairQueuePool
from .recycle import replace_stale_connections

# Not through a cursor of the server, also where the connection's statements are.
_AT_ONCE = {"stream_results": False, "yield_per": None}


def build_engine(
    connect_args: ConnectArgs,
    *,
    name: str,
    pool_size: int = 0,
    max_overflow: int = 0,
    pool_timeout: float = 30,
    max_age: float = math.inf,
    max_idle: float = math.inf,
    statement_timeout: float = math.inf,
    lean: bool = True,
    echo: bool = False,
) -> AsyncEngine:
    """Build an engine that replaces dead connections without asking the server.

    Args:
        connect_args: Where to connect, and how.
        name: The pool's name in logs and metrics.
        pool_size: Connections that are kept. 0 opens one for each use and keeps none.
        max_overflow: Connections beyond `pool_size`, closed when they are returned.
        pool_timeout: Seconds to wait for a connection of the pool.
        max_age: Seconds after which a pooled connection is replaced.
        max_idle: Seconds without use after which a pooled connection is replaced.
        statement_timeout: Seconds that the server allows for a statement. Not long
            after, the client gives up and closes the connection. Needs `lean`.
        lean: Skip the queries SQLAlchemy runs on the first connection. Until the
            database is inspected, `schema_translate_map` then takes no `None` as a
            target.
        echo: Log every statement, without the values of its parameters.
    """
    url = connect_args.url
    pool: dict[str, Any] = {"poolclass": NullPool}
    if pool_size:
        pool = {
            "poolclass": FairQueuePool,
            "pool_size": pool_size,
            "max_overflow": max_overflow,
            "pool_timeout": pool_timeout,
            # The last one returned is taken first, so that the others become idle.
            "pool_use_lifo": True,
        }
    engine = create_async_engine(
        url.set(drivername=LEAN_DRIVERNAME) if lean else url,
        connect_args=connect_args.arguments,
        pool_logging_name=name,
        echo=echo,
        hide_parameters=True,
        skip_autocommit_rollback=True,
        **pool,
        **driver.DIALECT_ARGUMENTS,
    )
    if isinstance(engine.dialect, LeanDialect):
        engine.dialect.statement_timeout = statement_timeout
    # What builds an engine of its own from this URL knows no driver of ours.
    engine.sync_engine.url = url
    replace_stale_connections(engine.sync_engine, max_age=max_age, max_idle=max_idle)
    if settings := connect_args.transaction_settings:
        event.listen(engine.sync_engine, "begin", set_local(settings))
    return engine


def set_local(settings: Mapping[str, str]) -> Callable[[Connection], None]:
    """Return a listener that applies settings to each transaction: one round trip.

    Without a transaction there are none. Behind a pooler, a session-level SET would
    reach the next client of the server connection.
    """
    statement = select(*[func.set_config(*item, True) for item in settings.items()])

    def set_local(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.execute(statement, execution_options=_AT_ONCE)

    return set_local
