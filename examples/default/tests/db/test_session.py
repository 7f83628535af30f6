"""A 2xx is committed, and everything else is not."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from fastapi import FastAPI, HTTPException
from httpx2 import AsyncClient
from sqlalchemy import (
    Executable,
    ForeignKey,
    delete,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateTable

from app.db import (
    DatabaseUnavailable,
    DbSession,
    ReadDbSession,
    dispose_engine,
    get_engine,
    get_read_session,
    get_session,
    retry_transient,
)
from app.db.problems import add_error_handlers

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


class Base(DeclarativeBase):
    """The tables of these tests."""


class Item(Base):
    """A row whose parent is looked for at COMMIT."""

    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent: Mapped[int | None] = mapped_column(
        ForeignKey("item.id", deferrable=True, initially="DEFERRED"),
    )


@pytest.fixture(autouse=True)
async def tables(engines: None) -> AsyncIterator[None]:
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.create_all, checkfirst=False)
    yield
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.drop_all, checkfirst=False)


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    add_error_handlers(app)

    @app.post("/items/{item_id}")
    async def create(
        session: DbSession,
        item_id: int,
        parent: int | None = None,
    ) -> None:
        session.add(Item(id=item_id, parent=parent))

    @app.post("/refused/{item_id}")
    async def refuse(session: DbSession, item_id: int) -> None:
        session.add(Item(id=item_id))
        await session.flush()
        raise HTTPException(409)

    @app.post("/committed/{item_id}")
    async def commit(session: DbSession, item_id: int, fail: bool = False) -> None:
        session.add(Item(id=item_id))
        await session.commit()
        session.add(Item(id=item_id + 1))
        await session.flush()
        if fail:
            raise HTTPException(409)

    @app.get("/items")
    async def read(session: ReadDbSession) -> list[int]:
        return list(await session.scalars(select(Item.id)))

    @app.post("/read-only/flush")
    async def flush_while_reading(session: ReadDbSession) -> None:
        session.add(Item(id=1))
        with pytest.raises(InvalidRequestError, match="use DbSession"):
            await session.flush()

    @app.post("/read-only/insert")
    async def insert_while_reading(session: ReadDbSession) -> None:
        with pytest.raises(InvalidRequestError, match="use DbSession"):
            await session.execute(insert(Item).values(id=1))

    @app.post("/read-only/isolation")
    async def isolate_while_reading(session: ReadDbSession) -> None:
        options = {"isolation_level": "SERIALIZABLE"}
        with pytest.raises(InvalidRequestError, match="use DbSession"):
            await session.connection(execution_options=options)

    return app


async def count() -> int:
    """Count the rows that are committed."""
    async with get_engine().connect() as connection:
        return len((await connection.execute(select(Item.id))).all())


async def test_a_2xx_is_committed(client: AsyncClient) -> None:
    response = await client.post("/items/1")

    assert response.status_code == 200
    assert await count() == 1
    assert (await client.get("/items")).json() == [1]


async def test_failing_commit_is_not_a_200(client: AsyncClient) -> None:
    response = await client.post("/items/1?parent=2")

    assert response.status_code == 409
    assert await count() == 0


async def test_a_handler_may_commit_and_go_on(client: AsyncClient) -> None:
    response = await client.post("/committed/1")

    assert response.status_code == 200
    assert await count() == 2


async def test_what_follows_a_commit_is_rolled_back_on_its_own(
    client: AsyncClient,
) -> None:
    response = await client.post("/committed/1?fail=true")

    assert response.status_code == 409
    assert await count() == 1


async def test_an_http_exception_rolls_back(client: AsyncClient) -> None:
    response = await client.post("/refused/1")

    assert response.status_code == 409
    assert await count() == 0


@pytest.mark.parametrize("way", ["flush", "insert", "isolation"])
async def test_a_session_for_reading_refuses_what_needs_a_transaction(
    client: AsyncClient,
    way: str,
) -> None:
    response = await client.post(f"/read-only/{way}")

    assert response.status_code == 200
    assert await count() == 0


async def test_an_exhausted_pool_is_a_503_that_says_when_to_come_back(
    client: AsyncClient,
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=1, DB_POOL_TIMEOUT=0.01)
    await dispose_engine()

    async with get_engine().connect():
        response = await client.get("/items")

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


async def test_a_unit_of_work_is_committed_at_its_end() -> None:
    async with get_session() as session:
        session.add(Item(id=1))

    assert await count() == 1


async def test_a_unit_of_work_that_fails_is_rolled_back() -> None:
    async def fail() -> None:
        async with get_session() as session:
            session.add(Item(id=1))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await count() == 0


async def test_a_unit_of_work_may_be_closed_early() -> None:
    async with get_session() as session:
        session.add(Item(id=1))
        await session.commit()
        await session.close()

    assert await count() == 1


async def test_a_session_that_has_ended_says_so() -> None:
    async with get_session() as session:
        await session.scalar(text("SELECT 1"))
    async with get_read_session() as reader:
        await reader.scalar(text("SELECT 1"))

    for ended in (session, reader):
        with pytest.raises(InvalidRequestError, match="permanently closed"):
            await ended.scalar(text("SELECT 1"))


async def test_objects_can_be_read_after_the_commit() -> None:
    async with get_session() as session:
        item = Item(id=1)
        session.add(item)

    assert item.id == 1


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(insert(Item).values(id=1), id="INSERT"),
        pytest.param(update(Item).values(id=1), id="UPDATE"),
        pytest.param(delete(Item), id="DELETE"),
        pytest.param(CreateTable(Item.metadata.tables["item"]), id="DDL"),
    ],
)
async def test_a_job_that_reads_is_refused_to_write(statement: Executable) -> None:
    async with get_read_session() as session:
        connection = await session.connection()
        with pytest.raises(InvalidRequestError, match="use DbSession"):
            await connection.execute(statement)


async def test_a_job_that_reads_is_refused_to_stream() -> None:
    async with get_read_session() as session:
        with pytest.raises(InvalidRequestError, match="does not stream: use DbSession"):
            await session.stream_scalars(select(Item))


async def test_each_statement_that_reads_is_a_transaction_of_its_own() -> None:
    transaction = text("SELECT txid_current()")

    async with get_read_session() as session:
        transactions = {await session.scalar(transaction) for _ in range(2)}

    assert len(transactions) == 2


async def test_reading_goes_to_the_replica(configure: Callable[..., None]) -> None:
    url = make_url(os.environ["DB_URL"]).set(database="postgres")
    configure(DB_REPLICA_URL=url.render_as_string(hide_password=False))

    async with get_read_session() as session:
        database = await session.scalar(text("SELECT current_database()"))

    assert database == "postgres"


async def test_a_transaction_in_which_a_statement_failed_is_not_committed() -> None:
    async def go_on_after_an_error() -> None:
        async with get_session() as session:
            session.add(Item(id=1))
            await session.flush()
            with suppress(DBAPIError):
                await session.scalar(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError, match="use begin_nested"):
        await go_on_after_an_error()

    assert await count() == 0


async def test_a_savepoint_keeps_what_was_done_before_an_error() -> None:
    async with get_session() as session:
        session.add(Item(id=1))
        with suppress(DBAPIError):
            async with session.begin_nested():
                await session.scalar(text("SELECT 1 / 0"))

    assert await count() == 1


async def test_a_connection_lost_in_use_is_database_unavailable(
    terminate: Callable[[int], Awaitable[None]],
) -> None:
    async def lose_the_connection() -> None:
        async with get_session() as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            await terminate(pid)
            await session.scalar(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable) as lost:
        await lose_the_connection()

    assert lost.value.reason == "disconnected"


async def test_a_unit_of_work_is_tried_again_after_a_lost_connection(
    terminate: Callable[[int], Awaitable[None]],
) -> None:
    attempts = 0

    @retry_transient
    async def create() -> None:
        nonlocal attempts
        attempts += 1
        async with get_session() as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            if attempts == 1:
                await terminate(pid)
            session.add(Item(id=1))

    await create()

    assert attempts == 2
    assert await count() == 1
