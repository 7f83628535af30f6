"""Pool figures, connections held too long, slow queries."""

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Engine, Pool, event
from sqlalchemy.pool import ConnectionPoolEntry

from .callstack import CallStack, format_call_stack, get_call_stack
from .engine.limits import LimitedDialect
from .engine.pool import FairQueuePool

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
    """

    size: int
    limit: int
    used: int
    idle: int
    overflow: int


@dataclass(frozen=True, slots=True)
class ConnectionLeak:
    """A connection that was not returned in time.

    Attributes:
        held_seconds: Seconds since it was taken.
        stack: The call stack at checkout, innermost call first.
    """

    held_seconds: float
    stack: str


class _Held(NamedTuple):
    pool: str | None
    since: float
    leak_after: float
    stack: CallStack


_held: dict[ConnectionPoolEntry, _Held] = {}


def read_pool(pool: Pool) -> PoolStats:
    """Return how the connections of a pool are used."""
    if not isinstance(pool, FairQueuePool):
        used = sum(held.pool == pool.logging_name for held in list(_held.values()))
        return PoolStats(size=0, limit=0, used=used, idle=0, overflow=0)
    return PoolStats(
        size=pool.size(),
        limit=pool.limit,
        used=pool.checkedout(),
        idle=pool.checkedin(),
        # Below zero until the pool has opened all of its connections.
        overflow=max(0, pool.overflow()),
    )


def check_connection_leaks(threshold: float | None = None) -> list[ConnectionLeak]:
    """Return the connections that are held for too long, the oldest first.

    Args:
        threshold: Seconds; 0 returns every connection in use. By default
            `DB_LEAK_THRESHOLD`.
    """
    now = time.monotonic()
    leaks = []
    for held in list(_held.values()):
        seconds = now - held.since
        limit = held.leak_after if threshold is None else threshold
        if seconds >= limit and (held.leak_after or threshold is not None):
            leaks.append(ConnectionLeak(seconds, format_call_stack(held.stack)))
    return sorted(leaks, key=lambda leak: leak.held_seconds, reverse=True)


def watch(
    engine: Engine,
    *,
    leak_after: float,
    slow_after: float,
    on_statement: Callable[[float], None] | None = None,
) -> None:
    """Record who holds connections, and how long statements take.

    Args:
        engine: The engine to watch.
        leak_after: Seconds after which a held connection counts as leaked; 0 records no
            call stacks and reports none.
        slow_after: Seconds after which a statement is logged; 0 logs none.
        on_statement: Called with the duration of each statement in seconds.
    """
    _watch_connections(engine, leak_after)
    _watch_statements(engine, slow_after, on_statement)


def _watch_connections(engine: Engine, leak_after: float) -> None:
    name = engine.pool.logging_name

    @event.listens_for(engine, "checkout")
    def checkout(_: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
        stack = get_call_stack() if leak_after else ()
        _held[entry] = _Held(name, time.monotonic(), leak_after, stack)

    @event.listens_for(engine, "checkin")
    def checkin(_: object, entry: ConnectionPoolEntry) -> None:
        held = _held.pop(entry, None)
        if held is None or not leak_after:
            return
        seconds = time.monotonic() - held.since
        if seconds >= leak_after:
            stack = format_call_stack(held.stack)
            logger.warning("connection held for %.1f s, taken at\n%s", seconds, stack)

    @event.listens_for(engine, "detach")
    def detach(_: object, entry: ConnectionPoolEntry) -> None:
        _held.pop(entry, None)


def _watch_statements(
    engine: Engine,
    slow_after: float,
    on_statement: Callable[[float], None] | None,
) -> None:
    slow_after = slow_after or math.inf

    def finish(statement: str, seconds: float) -> None:
        if on_statement is not None:
            on_statement(seconds)
        if seconds >= slow_after:
            logger.warning("slow query, %.3f s: %s", seconds, statement)

    if isinstance(engine.dialect, LimitedDialect):
        engine.dialect.on_statement = finish


if hasattr(os, "register_at_fork"):
    # A forked child does not have the connections of its parent.
    os.register_at_fork(after_in_child=_held.clear)
