"""Tasks are served in the order in which they came."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.util import greenlet_spawn

from app.db import get_engine, get_pool_stats
from app.db.pool import FairQueue

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


async def test_who_waits_longer_is_served_first(configure: Callable[..., None]) -> None:
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
        # The connection is given back, but this one comes last.
        await use(8)

    assert served == list(range(9))


async def test_no_task_starves(configure: Callable[..., None]) -> None:
    configure(DB_POOL_SIZE=5, DB_POOL_TIMEOUT=10)
    turns: Counter[int] = Counter()

    async def use(number: int) -> None:
        while max(turns.values(), default=0) < 20:
            async with get_engine().connect() as connection:
                await connection.execute(text("SELECT 1"))
            turns[number] += 1

    async with asyncio.TaskGroup() as tasks:
        for number in range(50):
            tasks.create_task(use(number))

    assert len(turns) == 50
    assert min(turns.values()) >= 15


async def test_waiting_ends_and_leaves_no_trace(configure: Callable[..., None]) -> None:
    configure(DB_POOL_SIZE=1, DB_POOL_TIMEOUT=0.05)
    engine = get_engine()

    async with engine.connect():
        with pytest.raises(PoolTimeoutError):
            await engine.connect()

    async with engine.connect():
        assert get_pool_stats().used == 1
    assert get_pool_stats().idle == 1


async def test_a_connection_for_who_has_gone_is_for_the_next() -> None:
    queue = FairQueue(1)
    connection: Any = object()

    def wait() -> asyncio.Task[Any]:
        return asyncio.create_task(greenlet_spawn(queue.get, True, 10))

    gone, going, staying = wait(), wait(), wait()
    await asyncio.sleep(0)

    gone.cancel()
    queue.put_nowait(connection)
    # It is on its way to this one.
    going.cancel()

    assert await staying is connection
    assert (gone.cancelled(), going.cancelled()) == (True, True)


async def test_a_connection_beyond_the_size_is_not_lost() -> None:
    queue = FairQueue(1)
    first: Any = object()
    second: Any = object()
    going = asyncio.create_task(greenlet_spawn(queue.get, True, 10))
    await asyncio.sleep(0)

    queue.put_nowait(first)
    queue.put_nowait(second)
    going.cancel()
    await asyncio.wait([going])

    assert going.cancelled()
    assert {queue.get_nowait(), queue.get_nowait()} == {first, second}
