"""A queue that serves its callers in the order of their requests."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_
from sqlalchemy.util.queue import Empty, Full, QueueCommon

_Waiter = asyncio.Future[ConnectionPoolEntry]


class FairQueue(QueueCommon[ConnectionPoolEntry]):
    """Hands a returned connection to the caller that has waited longest.

    In the stock queue, a new caller can take a returned connection before the waiter
    that was notified. Under load a few callers keep all connections, and the others run
    into their timeout.
    """

    def __init__(self, maxsize: int = 0, use_lifo: bool = False) -> None:
        self.maxsize = maxsize
        self.use_lifo = use_lifo
        self._idle: deque[ConnectionPoolEntry] = deque()
        self._take = self._idle.pop if use_lifo else self._idle.popleft
        self._waiters: deque[_Waiter] = deque()
        # Reentrant: a connection that is garbage-collected meanwhile is put back from
        # here.
        self._lock = threading.RLock()
        self.on_timeout: Callable[[], None] = lambda: None

    def empty(self) -> bool:
        """Whether no connection is idle."""
        return not self._idle

    def full(self) -> bool:
        """Whether no further connection is kept."""
        return len(self._idle) >= self.maxsize

    def qsize(self) -> int:
        """Return the number of idle connections."""
        return len(self._idle)

    def count_waiters(self) -> int:
        """Return the number of callers that wait for a connection."""
        return len(self._waiters)

    def put_nowait(self, item: ConnectionPoolEntry) -> None:
        """Do as `put`."""
        self.put(item)

    def put(
        self,
        item: ConnectionPoolEntry,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Give a connection to the first waiter, or keep it. This never waits.

        Raises:
            Full: Nobody waits, and there are enough idle connections.
        """
        with self._lock:
            if self._waiters and self._hand_over(item):
                return
            if len(self._idle) >= self.maxsize:
                raise Full
            self._idle.append(item)

    def get_nowait(self) -> ConnectionPoolEntry:
        """Take an idle connection.

        Raises:
            Empty: There is none.
        """
        return self.get(block=False)

    def get(
        self,
        block: bool = True,
        timeout: float | None = None,
    ) -> ConnectionPoolEntry:
        """Take an idle connection, or wait for one.

        Raises:
            Empty: There is none, or none was returned within `timeout` seconds.
        """
        with self._lock:
            if self._idle:
                return self._take()
            if not block:
                raise Empty
        return await_(self._wait(asyncio.timeout(timeout)))

    async def _wait(self, deadline: asyncio.Timeout) -> ConnectionPoolEntry:
        # Only here: where nothing can be awaited, `get` fails, and nobody has waited.
        waiter = self._join()
        try:
            async with deadline:
                try:
                    return await waiter
                except BaseException:
                    self._leave(waiter)
                    raise
        except TimeoutError:
            self.on_timeout()
            raise Empty from None

    def _join(self) -> _Waiter:
        """Begin to wait."""
        with self._lock:
            waiter = _Waiter()
            self._waiters.append(waiter)
            if self._idle:
                # Returned meanwhile, perhaps by the garbage collector.
                self._hand_over(self._take())
            return waiter

    def _hand_over(self, item: ConnectionPoolEntry) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                loop = waiter.get_loop()
                if loop is _get_running_loop():
                    waiter.set_result(item)
                else:
                    # The garbage collector returns what was lost, in any thread.
                    loop.call_soon_threadsafe(self._deliver, waiter, item)
                return True
        return False

    def _deliver(self, waiter: _Waiter, item: ConnectionPoolEntry) -> None:
        """Give a connection to a waiter, unless it has left meanwhile."""
        if not waiter.done():
            waiter.set_result(item)
            return
        with self._lock:
            if not self._hand_over(item):
                self._idle.append(item)

    def _leave(self, waiter: _Waiter) -> None:
        """Stop waiting.

        If the connection was assigned just before, it is passed on, or kept even beyond
        `maxsize`, because otherwise it would be lost. The pool then closes the next
        one.
        """
        with self._lock:
            waiter.cancel()
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not waiter.cancelled() and not self._hand_over(waiter.result()):
                self._idle.append(waiter.result())


def _get_running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
