"""Pool figures are right, leaks show the code that caused them, logs show no values."""

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from app.db import (
    PoolStats,
    check_connection_leaks,
    dispose_engine,
    get_engine,
    get_pool_stats,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


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

    assert fresh == PoolStats(size=2, limit=3, used=0, idle=0, overflow=0)
    assert full == PoolStats(size=2, limit=3, used=2, idle=0, overflow=0)
    assert overflowing == PoolStats(size=2, limit=3, used=3, idle=0, overflow=1)
    assert returned == PoolStats(size=2, limit=3, used=0, idle=2, overflow=0)
    assert disposed == fresh


async def test_without_a_pool_the_connections_in_use_are_counted(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=0)

    async with get_engine().connect():
        inside = get_pool_stats()

    assert inside == PoolStats(size=0, limit=0, used=1, idle=0, overflow=0)
    assert get_pool_stats().used == 0


async def test_a_leak_shows_the_code_that_took_the_connection() -> None:
    async with get_engine().connect():
        leaks = check_connection_leaks(threshold=0)
        by_default = check_connection_leaks()

    assert len(leaks) == 1
    assert leaks[0].held_seconds > 0
    assert "test_a_leak_shows_the_code" in leaks[0].stack
    assert "sqlalchemy" not in leaks[0].stack
    assert not by_default
    assert not check_connection_leaks(threshold=0)


async def test_a_connection_that_was_returned_late_is_logged(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(DB_LEAK_THRESHOLD=0.001)

    async with get_engine().connect() as connection:
        await connection.execute(text("SELECT pg_sleep(0.01)"))

    assert "connection held" in caplog.text
    assert "test_a_connection_that_was_returned_late" in caplog.text


async def test_leaks_are_not_tracked_when_the_threshold_is_0(
    configure: Callable[..., None],
) -> None:
    configure(DB_LEAK_THRESHOLD=0)

    async with get_engine().connect():
        assert not check_connection_leaks()


async def test_a_slow_query_is_logged_without_its_values(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(DB_SLOW_QUERY_THRESHOLD=0.005)
    slow = text("SELECT pg_sleep(0.01), CAST(:value AS text)")

    async with get_engine().connect() as connection:
        await connection.execute(slow, {"value": "s3cret"})

    assert "slow query" in caplog.text
    assert "pg_sleep" in caplog.text
    assert "s3cret" not in caplog.text


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
