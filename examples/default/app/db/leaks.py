"""Report connections that are held for too long."""

import math
import os
from collections.abc import Callable

from sqlalchemy import Engine, Pool, event
from sqlalchemy.pool import ConnectionPoolEntry

from .checkouts import Checkouts, ConnectionLeak
from .engine.background import BackgroundThread

# Of each engine.
_checkouts: list[Checkouts] = []


def watch_connections(
    engine: Engine,
    *,
    leak_after: float,
    on_return: Callable[[float], None],
) -> None:
    """Record who holds the connections of an engine.

    A leak is logged once while the connection is held, and once more when it came back
    after all.

    Args:
        engine: The engine to watch.
        leak_after: Seconds after which a held connection counts as leaked; 0 records no
            call stacks and reports none.
        on_return: Called with the seconds that a connection was in use.
    """
    checkouts = Checkouts(engine, leak_after or math.inf)
    _checkouts[:] = [other for other in _checkouts if other.engine() is not None]
    _checkouts.append(checkouts)
    event.listen(engine, "checkout", checkouts.begin)

    @event.listens_for(engine, "checkin")
    def checkin(_: object, entry: ConnectionPoolEntry) -> None:
        if (seconds := checkouts.end(entry)) is not None:
            on_return(seconds)

    @event.listens_for(engine, "detach")
    def detach(_: object, entry: ConnectionPoolEntry) -> None:
        checkouts.held.pop(entry, None)

    if leak_after:
        _reporter.wake_up()


def check_connection_leaks(threshold: float | None = None) -> list[ConnectionLeak]:
    """Return the connections that are held for too long, the oldest first.

    Args:
        threshold: Seconds; 0 returns every connection in use. By default
            `DB_LEAK_THRESHOLD`.
    """
    leaks = [leak for one in list(_checkouts) for leak in one.find(threshold)]
    return sorted(leaks, key=lambda leak: leak.held_seconds, reverse=True)


def count_held(pool: Pool, *, besides: str = "") -> int:
    """Return how many connections of a pool are in use, without those being opened.

    Args:
        pool: The pool.
        besides: The name of a task whose connections do not count.
    """
    return sum(one.count(besides) for one in list(_checkouts) if _is_of(pool, one))


def _is_of(pool: Pool, checkouts: Checkouts) -> bool:
    engine = checkouts.engine()
    return engine is not None and engine.pool is pool


def _report_leaks() -> float | None:
    pause = min((one.report() for one in list(_checkouts)), default=math.inf)
    return None if pause == math.inf else pause


_reporter = BackgroundThread(_report_leaks)


def _forget_checkouts() -> None:
    """Leave the parent's connections to the parent."""
    for checkouts in _checkouts:
        checkouts.held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_checkouts)
