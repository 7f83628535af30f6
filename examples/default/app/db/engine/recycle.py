"""Replace pooled connections that are closed, too old or idle for too long."""

import random
import select
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, ManagesConnection

from . import driver

_EXPIRES = "expires"
_IS_READABLE = "is_readable"
_IDLE_SINCE = "idle_since"


def replace_stale_connections(
    engine: Engine,
    *,
    max_age: float,
    max_idle: float,
) -> None:
    """Have the pool replace stale connections at checkout, without a round trip.

    Uses `time.time()`: the monotonic clock may not advance while a container is
    suspended.

    Args:
        engine: The engine whose pool it is.
        max_age: Maximum age of a connection in seconds. Each connection gets 80 to 100
            % of it at random, so that processes started together do not reconnect
            together.
        max_idle: Maximum seconds without use.
    """

    @event.listens_for(engine, "connect")
    def set_expiry(_connection: object, entry: ConnectionPoolEntry) -> None:
        fileno = driver.get_fileno(entry.driver_connection)
        entry.info[_IS_READABLE] = None if fileno is None else watch_socket(fileno)
        entry.info[_EXPIRES] = time.time() + max_age * random.uniform(0.8, 1)

    @event.listens_for(engine, "checkin")
    def note_return(_connection: object, entry: ConnectionPoolEntry) -> None:
        entry.info[_IDLE_SINCE] = time.time()

    @event.listens_for(engine, "checkout")
    def replace(_: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
        if (idle_since := entry.info.get(_IDLE_SINCE)) is None:
            # It has just been opened.
            return
        now = time.time()
        is_stale = now >= entry.info[_EXPIRES] or now - idle_since >= max_idle
        if is_stale or is_closed(entry):
            raise DisconnectionError


def is_closed(connection: ManagesConnection) -> bool:
    """Whether the server or the network has closed a connection that waits for nothing.

    The server sends nothing on such a connection unless it closes it, so a readable
    socket is treated as closed. A NOTICE or NOTIFY causes a harmless reconnect.
    """
    if driver.is_closed(driver.unwrap(connection)):
        return True
    is_readable: Callable[[], object] | None = connection.info.get(_IS_READABLE)
    return is_readable is not None and bool(is_readable())


def watch_socket(fileno: int) -> Callable[[], object]:
    """Return a function whose result is true if a socket is readable, or was closed."""
    if not hasattr(select, "poll"):
        # Windows.
        return lambda: select.select([fileno], [], [], 0)[0]
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return partial(poll.poll, 0)
