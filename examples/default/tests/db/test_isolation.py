"""What is set for a pooled connection does not reach the next user of it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db import get_engine, get_session, get_settings
from app.db.engine.dialect import LEAN_DRIVERNAME
from app.db.engine.limits import READ_ONLY

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

State = dict[str, Any]
TRANSACTION = text("SELECT txid_current()")
STATE = text("""
    SELECT pg_backend_pid() AS backend,
           current_setting('transaction_isolation') AS isolation,
           current_setting('transaction_read_only') AS read_only,
           current_setting('transaction_deferrable') AS deferrable,
           txid_current() AS transaction
""")
DEFERRABLE = {"postgresql_readonly": True, "postgresql_deferrable": True}


@pytest.fixture(autouse=True)
def one_connection(configure: Callable[..., None]) -> None:
    """Leave only one connection to choose from."""
    configure(DB_POOL_SIZE=1)


async def get_state(engine: AsyncEngine, **options: Any) -> State:
    """Return how statements run on a connection that is given options."""
    async with engine.connect() as connection:
        await connection.execution_options(**options)
        earlier = await connection.scalar(TRANSACTION)
        state = dict((await connection.execute(STATE)).mappings().one())
    return state | {"transaction": state["transaction"] == earlier}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"isolation_level": "AUTOCOMMIT"}, {"transaction": False}),
        (READ_ONLY, {"transaction": False}),
        ({"isolation_level": "REPEATABLE READ"}, {"isolation": "repeatable read"}),
        ({"isolation_level": "SERIALIZABLE"}, {"isolation": "serializable"}),
        ({"postgresql_readonly": True}, {"read_only": "on"}),
        (DEFERRABLE, {"read_only": "on", "deferrable": "on"}),
    ],
)
async def test_options_of_a_connection_end_with_its_use(
    options: State,
    changed: State,
) -> None:
    before = await get_state(get_engine())

    during = await get_state(get_engine(), **options)
    after = await get_state(get_engine())

    assert during == before | changed
    assert after == before


async def test_a_transaction_that_is_begun_as_text_ends_with_the_use_too() -> None:
    autocommit = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    before = await get_state(autocommit)

    async with autocommit.connect() as connection:
        await connection.execute(text("BEGIN"))

    assert await get_state(autocommit) == before


async def test_options_of_an_engine_stay_with_it() -> None:
    serializable = get_engine().execution_options(isolation_level="SERIALIZABLE")
    autocommit = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    before = await get_state(get_engine())

    during = [await get_state(engine) for engine in (serializable, autocommit) * 2]
    after = await get_state(get_engine())

    changed: list[State] = [{"isolation": "serializable"}, {"transaction": False}]
    assert during == [before | change for change in changed * 2]
    assert after == before


async def test_options_of_a_session_end_with_its_transaction() -> None:
    before = await get_state(get_engine())
    options = DEFERRABLE | {"isolation_level": "SERIALIZABLE"}

    async with get_session() as session:
        connection = await session.connection(execution_options=options)
        during = dict((await connection.execute(STATE)).mappings().one())
    after = await get_state(get_engine())

    assert during["isolation"] == "serializable"
    assert during["read_only"] == "on"
    assert after == before


async def test_a_level_for_all_connections_is_gone_back_to() -> None:
    url = make_url(get_settings().DB_URL.get_secret_value())
    engine = create_async_engine(
        url.set(drivername=LEAN_DRIVERNAME),
        isolation_level="SERIALIZABLE",
        pool_size=1,
    )
    before = await get_state(engine)

    during = await get_state(engine, isolation_level="READ COMMITTED")
    after = await get_state(engine)
    await engine.dispose()

    assert before["isolation"] == "serializable"
    assert during == before | {"isolation": "read committed"}
    assert after == before
    assert engine.dialect.default_isolation_level == "SERIALIZABLE"


async def test_autocommit_for_all_connections_outlasts_a_reader() -> None:
    url = make_url(get_settings().DB_URL.get_secret_value())
    engine = create_async_engine(
        url.set(drivername=LEAN_DRIVERNAME),
        isolation_level="AUTOCOMMIT",
        pool_size=1,
    )
    before = await get_state(engine)

    await get_state(engine, **READ_ONLY)
    after = await get_state(engine)
    await engine.dispose()

    assert before["transaction"] is False
    assert after == before


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize(
    "options",
    [READ_ONLY, {"isolation_level": "AUTOCOMMIT"}, {"isolation_level": "SERIALIZABLE"}],
)
async def test_options_end_with_a_task_that_is_cancelled(
    options: dict[str, Any],
    turns: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As when the loop was busy: psycopg then lets it run after every call.
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", 0, raising=False)
    untouched = await get_state(get_engine())

    async def use(begun: asyncio.Event, executed: asyncio.Event) -> None:
        async with get_engine().connect() as connection:
            begun.set()
            await connection.execution_options(**options)
            await connection.scalar(TRANSACTION)
            executed.set()
            await connection.close()

    for moment in (0, 1):
        events = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(use(*events))
        await events[moment].wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

        # This waits for the only connection: the end of its use was shielded.
        state = await get_state(get_engine())
        assert state | {"backend": None} == untouched | {"backend": None}
