"""The pool serves its callers in order, and loses no connection when one leaves."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.util import await_, greenlet_spawn
from sqlalchemy.util.queue import Full

from app.db import get_engine, get_pool_stats
from app.db.engine.pool import FairQueuePool
from app.db.engine.queue import FairQueue
from app.db.errors import find_reason

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


async def test_the_pool_uses_the_queue_by_an_attribute_that_is_not_public(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=2, DB_MAX_OVERFLOW=1)

    its_pool = get_engine().pool

    assert isinstance(its_pool, FairQueuePool)
    assert isinstance(its_pool._pool, FairQueue)
    assert its_pool.limit == 3
    assert type(its_pool.recreate()) is type(its_pool)


async def test_a_full_queue_takes_no_further_connection() -> None:
    queue = FairQueue(1)
    connection: Any = object()
    queue.put(connection)

    with pytest.raises(Full):
        queue.put(connection)

    assert queue.full()
    assert queue.get_nowait() is connection
    assert queue.empty()


async def test_the_first_waiter_is_served_first(configure: Callable[..., None]) -> None:
    configure(DB_POOL_SIZE=1, DB_POOL_TIMEOUT=10)
    served: list[int] = []

    async def use(number: int) -> None:
        async with get_engine().connect():
            served.append(number)

    async with asyncio.TaskGroup() as tasks:
        async with get_engine().connect():
            for number in range(8):
                tasks.create_task(use(number))
            await asyncio.sleep(0)
        # The connection has been returned, but this caller comes last.
        await use(8)

    assert served == list(range(9))


async def test_no_task_starves(configure: Callable[..., None]) -> None:
    configure(DB_POOL_SIZE=2, DB_POOL_TIMEOUT=10)
    times_served: Counter[int] = Counter()

    async def use(number: int) -> None:
        while max(times_served.values(), default=0) < 8:
            async with get_engine().connect():
                await asyncio.sleep(0)
            times_served[number] += 1

    # Whoever opens a connection takes longer than the others.
    async with get_engine().connect(), get_engine().connect():
        pass
    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(use(number))

    assert len(times_served) == 20
    assert min(times_served.values()) >= 7


async def test_waiting_has_a_timeout(configure: Callable[..., None]) -> None:
    configure(DB_POOL_SIZE=1, DB_POOL_TIMEOUT=0.01)
    engine = get_engine()

    async with engine.connect():
        with pytest.raises(PoolTimeoutError) as in_vain:
            await engine.connect()

    assert find_reason(in_vain.value) == "pool_exhausted"
    async with engine.connect():
        assert get_pool_stats().used == 1
    assert get_pool_stats().idle == 1


async def test_a_caller_that_cannot_wait_takes_no_place(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=1)
    engine = get_engine()

    async with engine.connect():
        # As a lazy attribute does, which is no coroutine.
        with pytest.raises(MissingGreenlet):
            engine.sync_engine.connect()

    assert get_pool_stats().idle == 1
    async with engine.connect():
        assert get_pool_stats().used == 1


async def test_who_waits_is_next_when_a_connection_cannot_be_opened() -> None:
    begun, refused = asyncio.Event(), asyncio.Event()
    served: list[str] = []

    def open_connection() -> Any:
        if begun.is_set():
            return MagicMock()
        begun.set()
        await_(refused.wait())
        raise ConnectionRefusedError

    pool = FairQueuePool(open_connection, 1, 0, timeout=10)

    async def use(name: str) -> None:
        connection = await greenlet_spawn(pool.connect)
        served.append(name)
        await greenlet_spawn(connection.close)

    first = asyncio.create_task(use("first"))
    await begun.wait()
    second = asyncio.create_task(use("second"))
    await asyncio.sleep(0)
    refused.set()
    with pytest.raises(ConnectionRefusedError):
        await first
    await use("third")
    await second

    assert served == ["second", "third"]


async def test_who_waits_gets_the_place_of_a_connection_that_is_not_kept() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    def close() -> None:
        begun.set()
        await_(closed.wait())

    pool = FairQueuePool(lambda: MagicMock(close=close), 1, 1, timeout=10)

    def connect() -> asyncio.Task[Any]:
        return asyncio.create_task(greenlet_spawn(pool.connect))

    kept, surplus = await connect(), await connect()
    await greenlet_spawn(kept.close)
    returning = asyncio.create_task(greenlet_spawn(surplus.close))
    await begun.wait()
    other, waiting = connect(), connect()
    await other
    assert pool.pending == 1
    closed.set()
    await returning

    assert pool.pending == 0
    for task in (waiting, other):
        await greenlet_spawn((await task).close)
    assert pool.checkedout() == 0


async def test_a_connection_that_another_thread_returns_wakes_its_waiter() -> None:
    queue = FairQueue(1)
    connection: Any = object()
    waiter = asyncio.create_task(greenlet_spawn(queue.get, True, 10))
    await asyncio.sleep(0)

    # In this mode the event loop refuses what it would not notice.
    asyncio.get_running_loop().set_debug(True)
    await asyncio.to_thread(queue.put_nowait, connection)

    assert await waiter is connection


async def test_a_connection_of_another_thread_is_kept_when_its_waiter_left() -> None:
    queue = FairQueue(1)
    connection: Any = object()
    waiter = asyncio.create_task(greenlet_spawn(queue.get, True, 10))
    await asyncio.sleep(0)

    other = threading.Thread(target=queue.put_nowait, args=[connection])
    other.start()
    other.join()
    waiter.cancel()
    await asyncio.wait([waiter])
    await asyncio.sleep(0)

    assert queue.get_nowait() is connection


async def test_a_connection_for_a_cancelled_waiter_goes_to_the_next() -> None:
    queue = FairQueue(1)
    connection: Any = object()

    def wait() -> asyncio.Task[Any]:
        return asyncio.create_task(greenlet_spawn(queue.get, True, 10))

    cancelled, cancelled_late, waiting = wait(), wait(), wait()
    await asyncio.sleep(0)

    cancelled.cancel()
    queue.put_nowait(connection)
    # The connection has been assigned to this one.
    cancelled_late.cancel()

    assert await waiting is connection
    assert (cancelled.cancelled(), cancelled_late.cancelled()) == (True, True)


async def test_a_connection_beyond_the_size_is_not_lost() -> None:
    queue = FairQueue(1)
    first: Any = object()
    second: Any = object()
    waiter = asyncio.create_task(greenlet_spawn(queue.get, True, 10))
    await asyncio.sleep(0)

    queue.put_nowait(first)
    queue.put_nowait(second)
    waiter.cancel()
    await asyncio.wait([waiter])

    assert waiter.cancelled()
    assert {queue.get_nowait(), queue.get_nowait()} == {first, second}
