"""A pool that serves tasks in the order in which they came."""

import asyncio
import logging
from collections import deque

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_
from sqlalchemy.util.queue import AsyncAdaptedQueue, Empty

# As SQLAlchemy does for its own pools: on INFO they name connections.
logging.getLogger(__name__).setLevel(logging.WARNING)


class FairQueue(AsyncAdaptedQueue[ConnectionPoolEntry]):
    """Hands an item that comes back to the one who has waited longest.

    In the stock queue, whoever comes when an item is given back may take it before the
    one who is woken up for it, and who then waits behind all of the others.
    """

    def __init__(self, maxsize: int = 0, use_lifo: bool = False) -> None:
        super().__init__(maxsize, use_lifo)
        self._waiting: deque[asyncio.Future[ConnectionPoolEntry]] = deque()

    def put_nowait(self, item: ConnectionPoolEntry) -> None:
        """Give `item` to the first who waits, or else keep it."""
        if not self._hand_over(item):
            super().put_nowait(item)

    def get(
        self,
        block: bool = True,
        timeout: float | None = None,
    ) -> ConnectionPoolEntry:
        """Take an item, or stand in line for one.

        Raises:
            Empty: There is none, or none came back within `timeout` seconds.
        """
        if not block or not self.empty():
            return self.get_nowait()
        return await_(self._wait(timeout))

    async def _wait(self, patience: float | None) -> ConnectionPoolEntry:
        waiter: asyncio.Future[ConnectionPoolEntry]
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(patience):
                try:
                    return await waiter
                except asyncio.CancelledError:
                    # Handed over in the moment in which nobody wanted it any more. It is
                    # kept even beyond the size: the pool then closes the next one.
                    if not waiter.cancelled() and not self._hand_over(waiter.result()):
                        self._queue._put(waiter.result())
                    raise
        except TimeoutError:
            raise Empty from None

    def _hand_over(self, item: ConnectionPoolEntry) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(item)
                return True
        return False


class FairQueuePool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool with a fair queue.

    The attribute is not public, but the one in which SQLAlchemy's own pools differ. If it
    were gone, this would be the stock pool.
    """

    _queue_class = FairQueue
