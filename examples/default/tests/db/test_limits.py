"""A server that does not answer ends in an error, and a lost COMMIT is not repeated."""

import gc
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult

from app.db import (
    DatabaseUnavailable,
    OutcomeUnknown,
    check_connection,
    get_engine,
    get_pool_stats,
    get_session,
    retry_transient,
    set_statement_timeout,
)
from app.db.engine import limits, watchdog

from .proxy import Fault, Proxy, run_proxy

SLOW_COMMIT = (
    """CREATE OR REPLACE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END'""",
    """CREATE CONSTRAINT TRIGGER pause AFTER INSERT ON number
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pause()""",
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines", "table")]


@pytest.fixture
async def table(
    execute: Callable[[str], Awaitable[None]],
) -> AsyncIterator[None]:
    """Make an empty table for one test."""
    await execute("CREATE TABLE number (n integer)")
    yield
    await execute("DROP TABLE number")


@pytest.fixture
def proxy(
    table: None,
    database: str,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Proxy]:
    """Connect by way of a proxy, with one connection."""
    with run_proxy(database) as proxy:
        configure(DB_URL=proxy.url, DB_POOL_SIZE=1)
        yield proxy


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set how long the client waits for statements from now on, in seconds."""
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0)
    monkeypatch.setattr(watchdog, "_LONGEST", watchdog._SHORTEST)
    # Its thread may have begun a longer pause.
    watchdog._watchdog.wake_up()

    def set_limit(seconds: float) -> None:
        monkeypatch.setattr(get_engine().dialect, "statement_timeout", seconds)

    return set_limit


async def count() -> int:
    """Count the rows that are committed."""
    async with get_engine().connect() as connection:
        return await connection.scalar(text("SELECT count(*) FROM number")) or 0


async def insert() -> None:
    """Insert a row in a unit of work."""
    async with get_session() as session:
        await session.scalar(text("INSERT INTO number VALUES (1) RETURNING n"))


async def test_a_statement_that_is_never_answered_ends(
    proxy: Proxy,
    limit: Callable[[float], None],
) -> None:
    await count()
    proxy.lose_answers(b"INSERT", "silence")
    limit(0.05)

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await insert()
    proxy.mend()
    limit(30)

    assert unavailable.value.reason == "no_answer"
    assert await count() == 0
    assert get_pool_stats().used == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_rows_that_never_arrive_end_too(
    proxy: Proxy,
    limit: Callable[[float], None],
) -> None:
    await count()
    numbers = text("SELECT generate_series(1, 9000)")
    seen = []

    async def read() -> None:
        async with get_session() as session:
            rows = await session.stream_scalars(numbers)
            async for number in rows.yield_per(100):
                seen.append(number)
                if number == 100:
                    # From the client's next message on.
                    proxy.lose_answers(b"", "silence")
                    limit(0.05)

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await read()
    proxy.mend()
    limit(30)

    assert unavailable.value.reason == "no_answer"
    assert 100 <= len(seen) < 9000
    # SQLAlchemy leaves the cursor of a lost connection open, and psycopg warns of that.
    del unavailable
    gc.collect()
    assert await count() == 0


async def test_a_check_of_the_connection_ends_too(
    proxy: Proxy,
    limit: Callable[[float], None],
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(DB_STATEMENT_TIMEOUT=0, DB_CONNECT_TIMEOUT=2)
    proxy.lose_answers(b"transaction_read_only", "silence")
    limit(math.inf)
    monkeypatch.setattr(limits, "GRACE_SECONDS", -1.95)

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await check_connection()

    assert unavailable.value.reason == "no_answer"


async def stream_numbers(connection: AsyncConnection) -> AsyncResult[Any]:
    """Select the numbers from 1 to 9, which stay on the server."""
    numbers = text("SELECT generate_series(1, 9)")
    return await connection.stream(numbers)


async def test_rows_that_stay_on_the_server_all_arrive() -> None:
    async with get_engine().connect() as connection:
        rows = await stream_numbers(connection)
        first = await rows.fetchmany(2)
        others = await rows.fetchall()

    assert [*first, *others] == [(n,) for n in range(1, 10)]


async def test_the_rows_of_a_lost_connection_are_closed_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with get_engine().connect() as connection:
        rows = await stream_numbers(connection)
        await rows.fetchmany(2)
        await connection.invalidate()
        await rows.close()

    assert not caplog.records


async def test_a_wait_that_ends_leaves_the_connection_alone(
    limit: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 31)

    async with get_session() as session:
        limit(30)
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        for module in (limits, watchdog):
            monkeypatch.setattr(module, "time", later)
        await session.scalar(text("SELECT pg_sleep(0.1)"))

    async with get_session() as session:
        assert await session.scalar(text("SELECT pg_backend_pid()")) == pid


@pytest.mark.parametrize("seconds", [30, 0])
async def test_a_slow_transaction_can_be_given_more_time_or_no_limit(
    execute: Callable[[str], Awaitable[None]],
    limit: Callable[[float], None],
    seconds: float,
) -> None:
    for statement in SLOW_COMMIT:
        await execute(statement)

    async with get_session() as session:
        await set_statement_timeout(session, seconds)
        limit(0.05)
        slow = text("INSERT INTO number SELECT 1 FROM pg_sleep(0.1) RETURNING n")
        await session.scalar(slow)
    limit(30)

    assert await count() == 1


@pytest.mark.parametrize("fault", ["silence", "cut"])
async def test_a_commit_that_is_not_confirmed_is_not_repeated(
    proxy: Proxy,
    limit: Callable[[float], None],
    fault: Fault,
) -> None:
    attempts = 0

    @retry_transient
    async def create() -> None:
        nonlocal attempts
        attempts += 1
        async with get_session() as session:
            await session.scalar(text("INSERT INTO number VALUES (1) RETURNING n"))
            limit(0.05)

    await count()
    proxy.lose_answers(b"COMMIT", fault)

    with pytest.raises(OutcomeUnknown):
        await create()
    proxy.mend()
    limit(30)

    assert attempts == 1
    assert await count() == 1


async def test_what_is_declared_idempotent_is_repeated(proxy: Proxy) -> None:
    attempts = 0

    @retry_transient(idempotent=True)
    async def create() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 2:
            proxy.mend()
        await insert()

    proxy.lose_answers(b"COMMIT", "cut")

    await create()

    assert attempts == 2
    assert await count() == 2


async def test_a_connection_that_was_lost_before_commit_did_not_commit(
    terminate: Callable[[int], Awaitable[None]],
) -> None:
    async def lose_the_connection() -> None:
        async with get_session() as session:
            await session.scalar(text("INSERT INTO number VALUES (1) RETURNING n"))
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            await terminate(pid)

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await lose_the_connection()

    assert unavailable.value.reason == "disconnected"
    assert unavailable.value.is_transient
    assert await count() == 0
