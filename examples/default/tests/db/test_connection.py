"""One engine for each process and event loop, and a report of its connection."""

import asyncio
import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic_settings import SettingsError
from sqlalchemy import NullPool, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import (
    build_direct_engine,
    check,
    check_connection,
    dispose_engine,
    get_engine,
    get_read_engine,
)

from .fork import ask_a_child, needs_fork

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

PID = text("SELECT pg_backend_pid()")


@pytest.fixture(autouse=True)
def nothing_logged_yet() -> None:
    """Forget what was found before: a process logs it once."""
    check._log_once.cache_clear()


async def show(setting: str) -> str:
    """Ask the server for the value of a setting, in a transaction."""
    async with get_engine().begin() as connection:
        return str(await connection.scalar(text(f"SHOW {setting}")))


async def test_each_event_loop_has_an_engine_of_its_own() -> None:
    engine = get_engine()

    async def get_another() -> AsyncEngine:
        return get_engine()

    with ThreadPoolExecutor(1) as executor:
        other = executor.submit(asyncio.run, get_another()).result()

    assert get_engine() is engine
    assert other is not engine


async def test_the_first_loop_takes_the_engine_that_was_built_without_one() -> None:
    async def get() -> AsyncEngine:
        return get_engine()

    with ThreadPoolExecutor(1) as executor:
        engine = executor.submit(get_engine).result()
        engines = [executor.submit(asyncio.run, get()).result() for _ in range(2)]

    assert [other is engine for other in engines] == [True, False]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_each_call_may_have_a_new_event_loop(
    configure: Callable[..., None],
) -> None:
    configure(DB_APPLICATION_NAME="one loop a call")
    count = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = :name
    """

    async def call() -> None:
        async with get_read_engine().connect() as connection:
            gc.collect()
            parameters = {"name": "one loop a call"}
            # The server needs a moment to see that a connection was closed.
            for _ in range(3000):
                if await connection.scalar(text(count), parameters) <= 2:
                    return
                await asyncio.sleep(0.01)
        pytest.fail("there are more than two connections")

    for _ in range(5):
        await asyncio.to_thread(asyncio.run, call())
    get_engine()
    gc.collect()


async def test_disposing_twice_is_harmless() -> None:
    first = get_engine()

    await dispose_engine()
    await dispose_engine()

    assert get_engine() is not first
    assert (await check_connection()).database.startswith("test_")


async def test_the_report_is_what_the_server_says() -> None:
    url = make_url(os.environ["DB_URL"])

    report = await check_connection()

    assert report.database == url.database
    assert report.user == (url.username or report.user)
    assert report.server_version[0].isdigit()
    assert report.latency_ms > 0
    assert not report.is_pooled
    assert report.statement_timeout == 30


async def test_connections_carry_the_name_and_the_limits(
    configure: Callable[..., None],
) -> None:
    configure(DB_APPLICATION_NAME="my tests", DB_STATEMENT_TIMEOUT=12)

    assert await show("application_name") == "my tests"
    assert await show("statement_timeout") == "12s"
    assert await show("lock_timeout") == "10s"
    assert await show("idle_in_transaction_session_timeout") == "1min"


async def test_limits_stay_in_the_transaction_behind_a_pooler(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOLED="true", DB_POOL_SIZE=1)

    inside = await show("statement_timeout")

    engine = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        outside = await connection.scalar(text("SHOW statement_timeout"))
    assert (inside, outside) == ("30s", "0")
    assert (await check_connection()).is_pooled


async def test_limits_leave_no_cursor_behind_a_pooler(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOLED="true")
    cursors = text("SELECT count(*) FROM pg_cursors WHERE name <> ''")

    async with get_engine().connect() as connection:
        await connection.execution_options(stream_results=True)
        await connection.begin()
        await connection.execution_options(stream_results=False)
        limit = await connection.scalar(text("SHOW statement_timeout"))
        opened = await connection.scalar(cursors)

    assert (limit, opened) == ("30s", 0)


async def test_a_replica_is_behind_a_pooler_too(configure: Callable[..., None]) -> None:
    configure(DB_POOLED="true", DB_REPLICA_URL=os.environ["DB_URL"])

    engine = get_read_engine().execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        outside = await connection.scalar(text("SHOW statement_timeout"))

    assert outside == "0"


async def test_a_limit_that_is_not_in_effect_is_logged_once(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(DB_POOLED="true", DB_STATEMENT_TIMEOUT=17)

    await check_connection()
    await check_connection()

    assert caplog.text.count("not 17 s: run `python -m") == 1


async def test_a_budget_above_the_servers_limit_is_a_warning(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    configure(WEB_CONCURRENCY=500, DB_POOL_SIZE=4, DB_MAX_OVERFLOW=1)

    report = await check_connection()

    assert report.connection_budget == 2500
    assert 0 < report.max_connections < 2500
    assert "500 (processes) x 5 (pool) = 2500, of the server's " in caplog.text
    assert "lower DB_POOL_SIZE or WEB_CONCURRENCY" in caplog.text


async def test_a_budget_within_the_servers_limit_is_no_warning(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    configure(UVICORN_WORKERS=2, DB_POOL_SIZE=4)

    await check_connection()

    assert "2 (processes) x 4 (pool) = 8, of the server's " in caplog.text
    assert "WARNING" not in caplog.text


async def test_a_pool_size_of_zero_keeps_no_connection(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=0)

    assert isinstance(get_engine().pool, NullPool)
    assert (await check_connection()).connection_budget == 0


async def test_the_direct_engine_has_no_limits() -> None:
    engine = build_direct_engine()

    async with engine.connect() as connection:
        limit = await connection.scalar(text("SHOW statement_timeout"))

    assert limit == "0"


async def test_a_pooler_of_ones_own_needs_a_direct_url(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOLED="true")

    with pytest.raises(ValueError, match="set DB_DIRECT_URL"):
        build_direct_engine()


async def test_the_direct_url_can_be_given(configure: Callable[..., None]) -> None:
    configure(DB_POOLED="true", DB_DIRECT_URL="postgresql://elsewhere/database")

    assert build_direct_engine().url.host == "elsewhere"


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_a_forked_child_builds_its_own_engine() -> None:
    engine = get_engine()

    assert ask_a_child(lambda: get_engine() is not engine)
    assert get_engine() is engine


async def test_a_bad_url_names_its_setting(configure: Callable[..., None]) -> None:
    configure(DB_REPLICA_URL="mysql://me:s3cret@host/name")

    with pytest.raises(ValueError, match=r"^DB_REPLICA_URL must start with") as refused:
        get_read_engine()

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
async def test_a_host_that_the_url_does_not_name_is_refused(
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    configure(DB_URL="postgresql:///orders")
    monkeypatch.setenv(variable, "192.0.2.1")

    message = f"^DB_URL has no host, and {variable} has one: write it into the URL$"
    with pytest.raises(SettingsError, match=message):
        get_engine()


async def test_a_socket_that_the_url_does_not_name_is_fine(
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(DB_URL="postgresql:///orders")
    monkeypatch.setenv("PGHOST", "/run/postgresql")

    assert get_engine().url.host is None


async def test_reading_goes_to_the_replica(configure: Callable[..., None]) -> None:
    url = make_url(os.environ["DB_URL"]).set(database="postgres")
    configure(DB_REPLICA_URL=url.render_as_string(hide_password=False))

    async with get_read_engine().connect() as connection:
        database = await connection.scalar(text("SELECT current_database()"))

    assert database == "postgres"
    assert (await check_connection()).database.startswith("test_")


async def test_a_connection_commits_without_what_is_known_of_it() -> None:
    async with get_engine().begin() as connection:
        await connection.execute(text("SELECT 1"))
        (await connection.get_raw_connection()).info.clear()


async def test_the_url_of_an_engine_is_for_any_engine() -> None:
    assert get_engine().url.drivername == "postgresql+psycopg"


async def test_a_connection_that_was_detached_commits() -> None:
    async with get_engine().connect() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        raw.detach()
        await connection.execute(text("CREATE TABLE kept (n integer)"))
        await connection.commit()
    # With psycopg, SQLAlchemy leaves it open.
    await driver.close()

    async with get_engine().begin() as connection:
        await connection.execute(text("DROP TABLE kept"))
