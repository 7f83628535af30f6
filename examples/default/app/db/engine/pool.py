"""A pool that serves its callers in the order of their requests."""

import logging
from collections.abc import Callable
from typing import Any, Literal, cast

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.pool.base import _ConnectionRecord

from .queue import FairQueue

# SQLAlchemy silences its own pools below WARNING, but names a pool's logger after the
# module of its class. Without this line, INFO would print the repr of connections.
logging.getLogger(__name__).setLevel(logging.WARNING)


class FairQueuePool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool with a fair queue.

    The members with an underscore are not public, but they are what SQLAlchemy's own
    pools differ in. If they were gone, this would be the stock pool, which the tests
    notice.

    Attributes:
        limit: The number of connections that the pool opens at most.
    """

    _queue_class = FairQueue

    def __init__(
        self,
        creator: Any,
        pool_size: int = 5,
        max_overflow: int = 10,
        **options: Any,
    ) -> None:
        super().__init__(creator, pool_size, max_overflow, **options)
        self.limit = pool_size + max_overflow
        self._queue = cast("FairQueue", self._pool)

    def _create_connection(self) -> ConnectionPoolEntry:
        """Return a place for a connection, which its first user opens.

        When that fails, the place goes back through the queue, to the next in order.
        """
        return _ConnectionRecord(self, connect=False)

    def _dec_overflow(self) -> Literal[True]:
        """Give up the place of a connection that was not kept, but closed.

        Somebody may have begun to wait meanwhile.
        """
        super()._dec_overflow()
        if self.pending and self._inc_overflow():
            self._do_return_conn(self._create_connection())
        return True

    @property
    def pending(self) -> int:
        """The number of callers that wait for a connection."""
        return self._queue.count_waiters()

    @property
    def on_timeout(self) -> Callable[[], None]:
        """Called when a caller has waited for a connection in vain."""
        return self._queue.on_timeout

    @on_timeout.setter
    def on_timeout(self, callback: Callable[[], None]) -> None:
        self._queue.on_timeout = callback

    def recreate(self) -> "FairQueuePool":
        """Return an empty pool like this one: `dispose` puts it in its place."""
        pool = cast("FairQueuePool", super().recreate())
        pool.on_timeout = self.on_timeout
        return pool
