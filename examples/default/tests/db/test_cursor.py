"""BEGIN is sent with the first statement, and nothing runs outside a transaction."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import AdminShutdown, UniqueViolation
from psycopg.pq import Trace, TransactionStatus
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.db import get_engine
from app.db.engine import cursor as cursor_module
from app.db.engine.cursor import (
    PipelinedCursor,
    get_cursor_class,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines", "table")]

INSERT = "INSERT INTO number VALUES (%s)"
ADD = text("INSERT INTO number VALUES (:n)")
WAIT_FOR_A_SLEEPER = """
DO $$ BEGIN
    WHILE NOT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'PgSleep'
        AND pid <> pg_backend_pid()
    ) LOOP
        PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
    END LOOP;
END $$
"""
Driver = AsyncConnection[Any]


@pytest.fixture
async def table(configure: Callable[..., None]) -> AsyncIterator[None]:
    """Make a table for one test, with one row."""
    configure(DB_POOL_SIZE=1)
    async with get_engine().begin() as connection:
        await connection.execute(text("CREATE TABLE number (n integer PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO number VALUES (1)"))
    yield
    async with get_engine().begin() as connection:
        await connection.execute(text("DROP TABLE number"))


@pytest.fixture
async def driver(table: None) -> AsyncIterator[Driver]:
    """A connection of the pool, as the driver knows it."""
    async with get_engine().connect() as connection:
        pooled = await connection.get_raw_connection()
        driver = pooled.driver_connection
        assert isinstance(driver, AsyncConnection)
        yield driver


async def count_numbers() -> int:
    """Return how many numbers everybody can see."""
    async with get_engine().connect() as connection:
        count = await connection.scalar(text("SELECT count(*) FROM number"))
    return int(count or 0)


async def insert(*numbers: int) -> None:
    """Insert numbers in one transaction."""
    async with get_engine().begin() as connection:
        for number in numbers:
            await connection.execute(ADD, {"n": number})


async def test_this_version_of_psycopg_is_tested(driver: Driver) -> None:
    assert driver.cursor_factory is PipelinedCursor


async def test_an_untested_version_of_psycopg_is_logged_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cursor_module, "_TESTED_VERSIONS", ("2.",))
        get_cursor_class.cache_clear()

        classes = {get_cursor_class(), get_cursor_class()}

    get_cursor_class.cache_clear()

    assert classes == {AsyncCursor}
    assert caplog.text.count("BEGIN costs a round trip") == 1


async def execute(driver: Driver) -> None:
    await driver.execute(INSERT, [2])


async def copy(driver: Driver) -> None:
    async with driver.cursor() as cursor, cursor.copy("COPY number FROM STDIN") as rows:
        await rows.write_row([2])


async def execute_many(driver: Driver) -> None:
    async with driver.cursor() as cursor:
        await cursor.executemany(INSERT, [[2], [3]])


async def execute_several(driver: Driver) -> None:
    await driver.execute("INSERT INTO number VALUES (2); SELECT 1")


async def iterate(driver: Driver) -> None:
    async with driver.cursor("numbers") as cursor:
        await cursor.execute("SELECT %s", [1])
    await driver.execute(INSERT, [2])


async def set_isolation(driver: Driver) -> None:
    await driver.set_read_only(False)
    await driver.execute(INSERT, [2])
    assert driver.info.transaction_status == TransactionStatus.INTRANS


async def pipeline(driver: Driver) -> None:
    async with driver.pipeline():
        await driver.execute(INSERT, [2])


async def fail(driver: Driver) -> None:
    with pytest.raises(UniqueViolation):
        await driver.execute(INSERT, [1])


@pytest.mark.parametrize(
    "begin",
    [
        execute,
        copy,
        execute_many,
        execute_several,
        iterate,
        set_isolation,
        pipeline,
        fail,
    ],
)
async def test_every_kind_of_first_statement_is_in_a_transaction(
    driver: Driver,
    begin: Callable[[Driver], Awaitable[None]],
) -> None:
    await begin(driver)
    status = driver.info.transaction_status

    await driver.rollback()

    assert status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}
    cursor = await driver.execute("SELECT count(*) FROM number")
    assert await cursor.fetchone() == (1,)


@pytest.mark.skipif(sys.platform != "linux", reason="libpq traces on Linux only")
@pytest.mark.parametrize("begin", [execute, execute_many, fail])
async def test_begin_and_the_first_statement_are_sent_together_and_end_with_sync(
    driver: Driver,
    begin: Callable[[Driver], Awaitable[None]],
    tmp_path: Path,
) -> None:
    with (tmp_path / "trace").open("w+") as trace:
        driver.pgconn.trace(trace.fileno())
        driver.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        await begin(driver)
        driver.pgconn.untrace()
        trace.seek(0)
        # Who sends (F is the client), how many bytes, and what.
        messages = [line.split() for line in trace]

    sent = [name for sender, _, name, *_ in messages if sender == "F"]
    assert sent.index("Sync") == len(sent) - 1
    assert all(sender == "B" for sender, *_ in messages[len(sent) :])


async def test_many_executions_are_all_there() -> None:
    async with get_engine().begin() as connection:
        await connection.execute(ADD, [{"n": n} for n in range(2, 1001)])

    assert await count_numbers() == 1000


async def test_one_of_many_executions_fails(driver: Driver) -> None:
    with pytest.raises(UniqueViolation):
        await driver.cursor().executemany(INSERT, [[n % 500] for n in range(2, 1001)])

    await driver.rollback()
    cursor = await driver.execute("SELECT count(*) FROM number")
    assert await cursor.fetchone() == (1,)


async def test_the_reason_of_a_lost_connection_is_the_servers(driver: Driver) -> None:
    backend = driver.info.backend_pid

    with pytest.raises(AdminShutdown):
        await driver.execute("SELECT pg_terminate_backend(%s)", [backend])

    assert driver.closed


async def test_after_a_failure_the_next_transaction_is_one() -> None:
    with pytest.raises(IntegrityError):
        await insert(1)

    with pytest.raises(IntegrityError):
        await insert(2, 2)

    assert await count_numbers() == 1


@pytest.mark.parametrize("parameters", [{"n": 2}, [{"n": 2}, {"n": 3}]])
async def test_a_cancelled_statement_leaves_nothing(
    execute: Callable[[str], Awaitable[None]],
    parameters: Any,
) -> None:
    async def insert_slowly() -> None:
        async with get_engine().begin() as connection:
            slow = text("INSERT INTO number SELECT :n FROM pg_sleep(30)")
            await connection.execute(slow, parameters)

    assert await count_numbers() == 1
    task = asyncio.create_task(insert_slowly())
    await execute(WAIT_FOR_A_SLEEPER)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert await count_numbers() == 1
