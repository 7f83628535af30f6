"""The doctor tries what the layer promises, and notices where it is not so."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.db import get_engine
from app.db.doctor import promises
from app.db.doctor.report import Finding

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


async def examine_sessions() -> Finding:
    async with get_engine().connect() as connection:
        return await promises.try_sessions(get_engine(), connection)


async def test_units_of_work_are_whole_and_errors_have_names() -> None:
    sessions = await examine_sessions()
    errors = await promises.try_errors(get_engine())

    message = "a unit of work ends committed, and with an exception aborted"
    assert sessions == Finding(message)
    message = "a statement that takes too long is a 504, statement_timeout"
    assert errors == Finding(message)


async def test_work_that_is_not_committed_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @asynccontextmanager
    async def forget(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            yield session

    monkeypatch.setattr(promises, "get_session", forget)

    assert (await examine_sessions()).is_warning


async def test_another_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "_SLEEP", text("SELECT missing"))

    message = "a statement that takes too long ends with schema_mismatch"
    assert await promises.try_errors(get_engine()) == Finding(message, True)


async def test_a_health_check_that_hardly_ends_in_time_is_a_warning(
    configure: Callable[..., None],
) -> None:
    configure(DB_HEALTH_TIMEOUT=60, DB_HEALTH_CACHE_TTL=5)
    health = await promises.try_health(get_engine())
    configure(DB_HEALTH_TIMEOUT=0.000001)
    slow_health = await promises.try_health(get_engine())

    assert health.message.endswith("of 60 s that readiness waits; kept for 5 s")
    assert not health.is_warning
    assert slow_health.is_warning
    assert slow_health.details == "Raise DB_HEALTH_TIMEOUT."
