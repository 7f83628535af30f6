"""One engine in each process, which knows what became of its connections."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import NullPool, make_url, text

from app.db import (
    build_direct_engine,
    check_connection,
    dispose_engine,
    get_engine,
    get_read_engine,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

PID = text("SELECT pg_backend_pid()")


def ask_a_child(question: Callable[[], bool]) -> bool:
    """Answer a question in a forked process."""
    child = os.fork()
    if child == 0:
        os._exit(0 if question() else 1)
    return os.waitpid(child, 0)[1] == 0


async def show(setting: str) -> str:
    """Ask the server for the value of a setting, in a transaction."""
    async with get_engine().begin() as connection:
        return str(await connection.scalar(text(f"SHOW {setting}")))


async def test_threads_share_one_engine() -> None:
    with ThreadPoolExecutor(8) as executor:
        engines = set(executor.map(lambda _: get_engine(), range(64)))

    assert len(engines) == 1


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

    async with get_read_engine().connect() as connection:
        outside = await connection.scalar(text("SHOW statement_timeout"))
    assert (inside, outside) == ("30s", "0")
    assert (await check_connection()).is_pooled


async def test_a_limit_without_effect_is_said_once(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(DB_POOLED="true", DB_STATEMENT_TIMEOUT=17)

    await check_connection()
    await check_connection()

    assert caplog.text.count("SET statement_timeout = '17s'") == 1


async def test_a_budget_above_the_servers_is_said(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    configure(WEB_CONCURRENCY=500, DB_POOL_SIZE=4, DB_MAX_OVERFLOW=1)

    report = await check_connection()

    assert report.connection_budget == 2500
    assert 0 < report.max_connections < 2500
    assert "500 (processes) x 5 (pool) = 2500, of the " in caplog.text
    assert "lower DB_POOL_SIZE or WEB_CONCURRENCY" in caplog.text


async def test_a_budget_within_the_servers_is_no_warning(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    configure(UVICORN_WORKERS=2, DB_POOL_SIZE=4)

    await check_connection()

    assert "2 (processes) x 4 (pool) = 8, of the " in caplog.text
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


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_a_forked_child_builds_its_own_engine() -> None:
    engine = get_engine()

    assert ask_a_child(lambda: get_engine() is not engine)
    assert get_engine() is engine


async def test_reading_goes_to_the_replica(configure: Callable[..., None]) -> None:
    url = make_url(os.environ["DB_URL"]).set(database="postgres")
    configure(DB_REPLICA_URL=url.render_as_string(hide_password=False))

    async with get_read_engine().connect() as connection:
        database = await connection.scalar(text("SELECT current_database()"))

    assert database == "postgres"
    assert (await check_connection()).database.startswith("test_")
