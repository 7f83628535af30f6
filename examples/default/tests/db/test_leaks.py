"""Leaks name the code that caused them, once while they last and once at their end."""

from collections.abc import Callable, Iterator
from logging import Handler, LogRecord
from logging.handlers import QueueHandler
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import text

from app.db import (
    DbSession,
    add_database,
    check_connection_leaks,
    checkouts,
    get_engine,
    get_session,
)
from app.db.leaks import _report_leaks

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

Reports = SimpleQueue[LogRecord]


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    add_database(app)

    @app.get("/leaks/{number}")
    async def find_leaks(session: DbSession, number: int) -> list[str]:
        await session.scalar(text("SELECT 1"))
        return [str(leak) for leak in check_connection_leaks(threshold=0)]

    return app


@pytest.fixture
def reports() -> Iterator[Reports]:
    """What is logged about leaks. They are reported by a thread."""
    reports: Reports = SimpleQueue()
    handler = QueueHandler(reports)
    checkouts.logger.addHandler(handler)
    yield reports
    checkouts.logger.removeHandler(handler)


async def test_a_leak_shows_who_took_the_connection() -> None:
    async with get_session() as session:
        await session.connection()
        leaks = check_connection_leaks(threshold=0)
        by_default = check_connection_leaks()

    (leak,) = leaks
    assert leak.pool == "primary"
    assert leak.held_seconds > 0
    assert leak.holder.startswith("task ")
    assert leak.route is None
    assert "test_a_leak_shows_who_took" in leak.stack
    assert "sqlalchemy" not in leak.stack
    assert not by_default
    assert not check_connection_leaks(threshold=0)


async def test_a_connection_may_be_returned_while_another_one_is_reported() -> None:
    held = checkouts.Checkouts(get_engine().sync_engine, leak_after=0)
    first: Any = object()
    second: Any = object()

    class Collector(Handler):
        """Does what the garbage collector may do at any time."""

        def emit(self, _: LogRecord) -> None:
            held.end(second)

    for entry in (first, second):
        held.begin(None, entry, None)
    collector = Collector()
    checkouts.logger.addHandler(collector)
    returning = Thread(target=held.end, args=[first], daemon=True)
    returning.start()
    returning.join(10)
    checkouts.logger.removeHandler(collector)

    assert not returning.is_alive()
    assert not held.held


async def test_a_leak_in_a_request_shows_its_route(client: AsyncClient) -> None:
    response = await client.get("/leaks/7")

    (leak,) = response.json()
    assert leak.endswith(" in GET /leaks/{number}")


async def test_a_leak_is_logged_while_it_lasts_and_when_it_ends(
    configure: Callable[..., None],
    reports: Reports,
) -> None:
    configure(DB_LEAK_THRESHOLD=0.01)

    async with get_engine().connect():
        during = reports.get(timeout=10).getMessage()
        _report_leaks()
        is_logged_once = reports.empty()
    after = reports.get(timeout=10).getMessage()

    assert during.startswith("connection of the pool primary held for ")
    assert "in test_a_leak_is_logged_while_it_lasts" in during
    assert is_logged_once
    assert " came back, taken at " in after
    assert after.endswith(" in test_a_leak_is_logged_while_it_lasts_and_when_it_ends")
    assert reports.empty()


async def test_a_connection_that_is_returned_in_time_is_not_logged(
    configure: Callable[..., None],
    reports: Reports,
) -> None:
    configure(DB_LEAK_THRESHOLD=5)

    async with get_engine().connect():
        pass

    assert reports.empty()


async def test_a_threshold_of_0_records_no_call_stacks_and_finds_no_leaks(
    configure: Callable[..., None],
) -> None:
    configure(DB_LEAK_THRESHOLD=0)

    async with get_engine().connect():
        (held,) = check_connection_leaks(threshold=0)
        leaks = check_connection_leaks()

    assert held.stack == ""
    assert not leaks
