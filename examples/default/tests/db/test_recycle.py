"""A pooled connection is used while it is open, young and not idle for long."""

import time
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from app.db import get_engine

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


@pytest.fixture(autouse=True)
def small_pool(configure: Callable[..., None]) -> None:
    """Leave only one connection to choose from."""
    configure(DB_POOL_SIZE=1, DB_POOL_RECYCLE=100, DB_POOL_IDLE_TIMEOUT=10)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass."""
    now = time.time()

    def set_clock(seconds: float) -> None:
        nonlocal now
        now += seconds
        monkeypatch.setattr(time, "time", lambda: now)

    return set_clock


async def get_backend() -> int:
    """Return the number of the server process that serves a connection of the pool."""
    async with get_engine().connect() as connection:
        return int(await connection.scalar(text("SELECT pg_backend_pid()")) or 0)


async def test_a_connection_is_kept() -> None:
    assert await get_backend() == await get_backend()


async def test_a_connection_that_the_server_closed_is_replaced(
    terminate: Callable[[int], Awaitable[None]],
) -> None:
    before = await get_backend()

    await terminate(before)

    assert await get_backend() != before


async def test_an_idle_connection_is_replaced(wait: Callable[[float], None]) -> None:
    before = await get_backend()

    wait(9)
    assert await get_backend() == before

    wait(10)
    assert await get_backend() != before


async def test_the_log_does_not_name_what_is_replaced(
    wait: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    before = await get_backend()
    wait(11)

    assert await get_backend() != before

    assert "connection" not in caplog.text


async def test_connections_are_replaced_at_different_ages(
    configure: Callable[..., None],
    wait: Callable[[float], None],
) -> None:
    configure(DB_POOL_IDLE_TIMEOUT=1000)
    ages = set()

    for _ in range(10):
        before = await get_backend()
        age = 79
        wait(79)
        while await get_backend() == before:
            wait(3)
            age += 3
        ages.add(age)

    assert min(ages) > 79
    assert max(ages) <= 100
    assert len(ages) > 1
