"""How long a pooled connection is used: until it is closed, too old or idle for too long."""

import random
import selectors
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

# The cheapest for one look at one socket; Windows has only the other.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)

_EXPIRES = "expires"
_IDLE_SINCE = "idle_since"


def replace_stale_connections(
    engine: Engine,
    *,
    max_age: float,
    max_idle: float,
) -> None:
    """Have the pool replace connections before use, without asking the server.

    Times are the wall clock's, for a monotonic one stands still in a frozen machine.

    Args:
        engine: Whose pool it is.
        max_age: Seconds from opening a connection. Each one gets up to a fifth less, or
            processes that started together would all reconnect together.
        max_idle: Seconds without use.
    """

    @event.listens_for(engine, "connect")
    def set_expiry(_connection: object, entry: ConnectionPoolEntry) -> None:
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
        if is_stale or _is_closed(entry):
            raise DisconnectionError


def _is_closed(entry: ConnectionPoolEntry) -> bool:
    """Whether the server, or the kernel, has closed the connection.

    No round trip: an idle connection hardly has anything to say, so if its socket is
    readable, it holds the server's goodbye or a reset.
    """
    connection: Any = entry.driver_connection
    if connection.closed:
        return True
    with _Selector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))
