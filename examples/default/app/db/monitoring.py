"""Pool figures, connections held too long, slow queries."""

import logging
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import greenlet
import sqlalchemy
from sqlalchemy import Connection, Engine, Pool, QueuePool, event
from sqlalchemy.pool import ConnectionPoolEntry

from app.config.settings import get_settings
from app.db.connection import get_engine
from app.db.engine import on_engine_created

logger = logging.getLogger(__name__)

QUERY_STARTED = "query_started"
"""The key in `Connection.info` of the `time.perf_counter()` of the running statement."""

Stack = tuple[tuple[CodeType, int], ...]

_SQLALCHEMY = str(Path(sqlalchemy.__file__).parent)
_STACK_DEPTH = 50


@dataclass(frozen=True, slots=True)
class PoolStats:
    """How the connections of a pool are used.

    Attributes:
        size: Connections that the pool keeps; 0 when it keeps none.
        max: Connections that it opens at most; 0 when there is no limit.
        used: Connections in use.
        idle: Connections that wait for use.
        overflow: Connections beyond `size`, closed when they come back.
    """

    size: int
    max: int
    used: int
    idle: int
    overflow: int


@dataclass(frozen=True, slots=True)
class ConnectionLeak:
    """A connection that was not given back in time.

    Attributes:
        held_for: Seconds since it was taken.
        stack: The calls that led to where it was taken, that place first.
    """

    held_for: float
    stack: str


@dataclass(frozen=True, slots=True)
class _Held:
    pool: str | None
    since: float
    stack: Stack


_held: dict[ConnectionPoolEntry, _Held] = {}


def get_pool_stats(pool: Pool | None = None) -> PoolStats:
    """Return how the connections of a pool are used, by default of `get_engine()`'s."""
    pool = get_engine().pool if pool is None else pool
    if not isinstance(pool, QueuePool):
        used = sum(held.pool == pool.logging_name for held in list(_held.values()))
        return PoolStats(size=0, max=0, used=used, idle=0, overflow=0)
    return PoolStats(
        size=pool.size(),
        max=pool.size() + get_settings().DB_MAX_OVERFLOW,
        used=pool.checkedout(),
        idle=pool.checkedin(),
        # A pool that has not opened all of its connections yet counts below zero.
        overflow=max(0, pool.overflow()),
    )


def check_connection_leaks(threshold: float | None = None) -> list[ConnectionLeak]:
    """Return the connections that are held for too long, the oldest first.

    Args:
        threshold: Seconds, by default `DB_LEAK_THRESHOLD`.
    """
    threshold = threshold or get_settings().DB_LEAK_THRESHOLD or math.inf
    now = time.monotonic()
    return [
        ConnectionLeak(held_for=now - held.since, stack=_format(held.stack))
        for held in sorted(_held.values(), key=lambda held: held.since)
        if now - held.since >= threshold
    ]


@on_engine_created
def _watch_connections(engine: Engine) -> None:
    threshold = get_settings().DB_LEAK_THRESHOLD

    @event.listens_for(engine, "checkout")
    def checkout(_: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
        _held[entry] = _Held(
            pool=engine.pool.logging_name,
            since=time.monotonic(),
            stack=_call_stack() if threshold else (),
        )

    @event.listens_for(engine, "checkin")
    def checkin(_: object, entry: ConnectionPoolEntry) -> None:
        held = _held.pop(entry, None)
        if held is None or not threshold:
            return
        seconds = time.monotonic() - held.since
        if seconds >= threshold:
            stack = _format(held.stack)
            logger.warning("connection held for %.1f s, taken at\n%s", seconds, stack)

    @event.listens_for(engine, "detach")
    def detach(_: object, entry: ConnectionPoolEntry) -> None:
        _held.pop(entry, None)


@on_engine_created
def _watch_queries(engine: Engine) -> None:
    threshold = get_settings().DB_SLOW_QUERY_MS

    @event.listens_for(engine, "before_cursor_execute")
    def start(connection: Connection, *_: Any) -> None:
        connection.info[QUERY_STARTED] = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def finish(connection: Connection, _: object, statement: str, *_rest: Any) -> None:
        elapsed_ms = (time.perf_counter() - connection.info[QUERY_STARTED]) * 1000
        if threshold and elapsed_ms >= threshold:
            logger.warning("slow query, %.0f ms: %s", elapsed_ms, statement)


def _call_stack() -> Stack:
    """Return the calls that lead here, the innermost first."""
    calls: list[tuple[CodeType, int]] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and len(calls) < _STACK_DEPTH:
        calls.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    # The pool runs in a greenlet of SQLAlchemy's, what awaits it in that one's parent.
    parent = greenlet.getcurrent().parent
    frame = parent.gr_frame if parent is not None else None
    while frame is not None and len(calls) < 2 * _STACK_DEPTH:
        calls.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(calls)


def _format(stack: Stack) -> str:
    """Show a stack without the calls inside of SQLAlchemy."""
    own = (call for call in stack if not call[0].co_filename.startswith(_SQLALCHEMY))
    calls = (f"  {c.co_filename}:{line} in {c.co_qualname}" for c, line in own)
    return "\n".join(calls)


if hasattr(os, "register_at_fork"):
    # What the parent holds is the parent's.
    os.register_at_fork(after_in_child=_held.clear)
