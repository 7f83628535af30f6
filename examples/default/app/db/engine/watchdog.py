"""Shut down connections whose server does not answer in time."""

import os
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy.pool import PoolProxiedConnection

from . import driver
from .background import BackgroundThread
from .recycle import watch_socket

# Seconds between two looks at the waits.
_SHORTEST, _LONGEST = 0.02, 1.0


class NoAnswer(driver.OperationalError):
    """The server did not answer in time, so the connection was shut down."""


class Wait:
    """A wait for the server's answer, with a limit. Enter it, then call the driver.

    A peer can acknowledge what it gets and never answer: a stopped backend, a proxy
    that hangs, a pooler that queues. TCP does not notice that, the server's own
    timeouts do not reach it, and the drivers have no limit for it. Here another thread
    shuts the socket down, and the driver's call fails at once.

    Raises:
        NoAnswer: On exit, in place of the driver's error.
    """

    __slots__ = ("_connection", "_is_over", "expires", "started")

    def __init__(self, connection: PoolProxiedConnection, limit: float) -> None:
        self._connection = connection
        self._is_over = False
        self.started = time.monotonic()
        self.expires = self.started + limit

    def __enter__(self) -> Self:
        _watchdog.waits.add(self)
        if _watchdog.is_idle:
            try:
                _watchdog.wake_up()
            except BaseException:
                # The process can have no further thread, and nothing leaves this wait.
                _watchdog.waits.discard(self)
                raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        _watchdog.waits.discard(self)
        if self._is_over and isinstance(error, Exception):
            seconds = self.expires - self.started
            raise NoAnswer(f"no answer within {seconds:g} seconds") from error

    def end(self) -> None:
        """Shut the socket down, unless it holds an answer that nobody has read yet."""
        connection = driver.unwrap(self._connection)
        fileno = driver.get_fileno(connection)
        if fileno is None or fileno < 0 or watch_socket(fileno)():
            return
        with socket.socket(fileno=os.dup(fileno)) as peer:
            # Before `dup`, the descriptor may have been closed and used for another.
            if self in _watchdog.waits and driver.get_fileno(connection) == fileno:
                self._is_over = True
                peer.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """The waits of this process, and the thread that ends those that are over."""

    def __init__(self) -> None:
        self._thread = BackgroundThread(self._end_overdue)
        self.forget()

    def wake_up(self) -> None:
        self._thread.wake_up()

    def forget(self) -> None:
        """Leave the waits to the parent, which has the connections."""
        self.waits: set[Wait] = set()
        # Whether the thread must be woken, or started, when a wait begins.
        self.is_idle = True

    def _end_overdue(self) -> float | None:
        """Return the seconds until the next look, or None when nothing waits."""
        # In this order: a wait that is added from here on wakes the thread.
        self.is_idle = True
        if not (waits := list(self.waits)):
            return None
        now = time.monotonic()
        for wait in waits:
            if now >= wait.expires:
                # A connection that was closed meanwhile has no socket.
                with suppress(Exception):
                    wait.end()
        self.is_idle = False
        rest = min(wait.expires for wait in waits) - now
        return min(max(rest, _SHORTEST), _LONGEST)


_watchdog = _Watchdog()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watchdog.forget)
