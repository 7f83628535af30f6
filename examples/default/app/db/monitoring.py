"""How the pools are used, and which statements are slow."""

import logging
import math
from dataclasses import astuple, dataclass
from textwrap import shorten
from typing import Any

from sqlalchemy import Engine, Pool, event
from sqlalchemy.exc import DisconnectionError

from .engine.limits import LimitedDialect
from .engine.pool import FairQueuePool
from .errors import diagnose_loss
from .leaks import count_held, watch_connections
from .meter import Meter
from .registry import list_pools
from .route import describe_route, get_scope

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolStats:
    """How the connections of a pool are used.

    Attributes:
        size: Connections that the pool keeps; 0 when it keeps none.
        limit: Connections that it opens at most; 0 when there is no limit.
        used: Connections in use.
        idle: Connections that wait for use.
        overflow: Connections beyond `size`, closed when they are returned.
        pending: Callers that wait for a connection.
    """

    size: int
    limit: int
    used: int
    idle: int
    overflow: int
    pending: int


def read_pool(pool: Pool) -> PoolStats:
    """Return how the connections of a pool are used."""
    if not isinstance(pool, FairQueuePool):
        return PoolStats(0, 0, used=count_held(pool), idle=0, overflow=0, pending=0)
    return PoolStats(
        size=pool.size(),
        limit=pool.limit,
        used=pool.checkedout(),
        idle=pool.checkedin(),
        # Below zero until the pool has opened all of its connections.
        overflow=max(0, pool.overflow()),
        pending=pool.pending,
    )


def read_pools() -> dict[str, PoolStats]:
    """Return how the connections are used, of all pools with one name together.

    Each event loop has pools of its own.
    """
    found: dict[str, PoolStats] = {}
    for pool in list_pools():
        name, stats = pool.logging_name or "default", read_pool(pool)
        if (other := found.get(name)) is not None:
            sums = zip(astuple(stats), astuple(other), strict=True)
            stats = PoolStats(*map(sum, sums))
        found[name] = stats
    return found


def watch(
    engine: Engine,
    *,
    leak_after: float,
    slow_after: float,
    meter: Meter,
) -> None:
    """Record who holds connections, and how long statements take.

    Args:
        engine: The engine to watch.
        leak_after: Seconds after which a held connection counts as leaked; 0 records no
            call stacks and reports none.
        slow_after: Seconds after which a statement is logged; 0 logs none.
        meter: Is told what happens.
    """
    watch_connections(engine, leak_after=leak_after, on_return=meter.use)
    slow_after = slow_after or math.inf
    name = engine.pool.logging_name

    def finish(statement: str, seconds: float, cursor: Any) -> None:
        meter.operation(seconds)
        if seconds >= slow_after:
            meter.slow_query()
            _log_slow_query(statement, seconds, cursor.rowcount, name)

    if isinstance(engine.dialect, LimitedDialect):
        engine.dialect.on_statement = finish
    if isinstance(engine.pool, FairQueuePool):
        engine.pool.on_timeout = meter.timeout

    @event.listens_for(engine, "invalidate")
    def invalidate(_: object, _entry: object, error: BaseException | None) -> None:
        # Not what was found stale before anybody got it, nor what was cancelled.
        if isinstance(error, Exception) and not isinstance(error, DisconnectionError):
            meter.disconnect(diagnose_loss(error))


def _log_slow_query(
    statement: str,
    seconds: float,
    rows: int,
    pool: str | None,
) -> None:
    parts = [f"slow query, {seconds:.3f} s"]
    if rows >= 0:
        parts.append(f"{rows} rows")
    parts.append(f"pool {pool}")
    if route := describe_route(get_scope()):
        parts.append(route)
    text = shorten(statement, 2000, placeholder=" ...")
    logger.warning("%s: %s", ", ".join(parts), text)
