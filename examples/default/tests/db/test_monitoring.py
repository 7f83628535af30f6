"""Pool figures are right, logs show what is slow, and no values."""

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import text

from app.db import (
    PoolStats,
    ReadDbSession,
    add_database,
    dispose_engine,
    get_engine,
    get_pool_stats,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


@pytest.fixture
def app(configure: Callable[..., None]) -> FastAPI:
    configure(DB_SLOW_QUERY_THRESHOLD=0.000_001)
    app = FastAPI()
    add_database(app)

    @app.get("/slow")
    async def read(session: ReadDbSession) -> None:
        await session.scalar(text("SELECT 42"))

    return app


async def test_the_figures_of_a_pool_are_right(configure: Callable[..., None]) -> None:
    configure(DB_POOL_SIZE=2, DB_MAX_OVERFLOW=1)

    fresh = get_pool_stats()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(get_engine().connect())
        full = get_pool_stats()
        await stack.enter_async_context(get_engine().connect())
        overflowing = get_pool_stats()
    returned = get_pool_stats()
    await dispose_engine()
    disposed = get_pool_stats()

    empty = PoolStats(size=2, limit=3, used=0, idle=0, overflow=0, pending=0)
    assert fresh == empty
    assert full == replace(empty, used=2)
    assert overflowing == replace(empty, used=3, overflow=1)
    assert returned == replace(empty, idle=2)
    assert disposed == empty


async def test_without_a_pool_the_connections_in_use_are_counted(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=0)

    async with get_engine().connect():
        inside = get_pool_stats()

    assert (inside.size, inside.limit, inside.used) == (0, 0, 1)
    assert get_pool_stats().used == 0


async def test_callers_that_wait_are_counted(configure: Callable[..., None]) -> None:
    configure(DB_POOL_SIZE=1)

    async with get_engine().connect():
        waiter = asyncio.ensure_future(get_engine().connect().start())
        await asyncio.sleep(0)
        waiting = get_pool_stats().pending
    await (await waiter).close()

    assert waiting == 1
    assert get_pool_stats().pending == 0


async def test_a_slow_query_is_logged_without_its_values(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(DB_SLOW_QUERY_THRESHOLD=0.001)
    slow = text("SELECT pg_sleep(0.001), :value\n FROM generate_series(1, 3)")

    async with get_engine().connect() as connection:
        await connection.execute(slow, {"value": "s3cret"})

    (record,) = caplog.records
    said = record.getMessage()
    assert re.match(r"slow query, 0\.\d+ s, 3 rows, pool primary: SELECT pg_sl", said)
    assert said.endswith(" FROM generate_series(1, 3)")
    assert "s3cret" not in said


async def test_every_kind_of_execution_is_timed(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(DB_SLOW_QUERY_THRESHOLD=0.000_001)
    statement = text("SELECT CAST(:value AS integer)")

    async with get_engine().connect() as connection:
        await connection.execute(statement, {"value": 1})
        await connection.execute(statement, [{"value": 1}, {"value": 2}])
        options = {"no_parameters": True}
        await connection.execute(text("SELECT 1"), execution_options=options)

    assert caplog.text.count("slow query") == 3


async def test_a_slow_query_of_a_request_is_logged_with_its_route(
    client: AsyncClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await client.get("/slow")

    assert "1 rows, pool primary, GET /slow: SELECT 42" in caplog.text


async def test_echo_shows_statements_without_their_values(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(DB_ECHO="true", DB_SLOW_QUERY_THRESHOLD=0)
    caplog.set_level(logging.INFO)
    statement = text("SELECT CAST(:value AS text)")

    async with get_engine().connect() as connection:
        await connection.execute(statement, {"value": "s3cret"})

    assert "SELECT CAST" in caplog.text
    assert "s3cret" not in caplog.text
