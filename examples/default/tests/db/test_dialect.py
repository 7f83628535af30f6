"""The dialect asks the server nothing, and SQLAlchemy calls what it overrides."""

import pytest
from sqlalchemy import Dialect, inspect, literal, text

from app.db import get_engine
from app.db.engine import driver

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


async def connect() -> Dialect:
    """Return the dialect after the first connection of its engine."""
    async with get_engine().connect() as connection:
        return connection.dialect


async def test_the_schema_and_the_isolation_level_are_not_asked_for() -> None:
    dialect = await connect()

    assert dialect.default_schema_name is None
    assert dialect.default_isolation_level is None


async def test_the_version_is_what_the_server_announced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "get_server_version", lambda _: (99, 0))

    dialect = await connect()

    assert dialect.server_version_info == (99, 0)


async def test_the_version_is_that_of_the_server() -> None:
    async with get_engine().connect() as connection:
        number = await connection.scalar(text("SHOW server_version_num"))

        assert connection.dialect.server_version_info == divmod(int(number), 10_000)


@pytest.mark.parametrize(
    ("announced", "sql"),
    [("on", r"'C:\new'"), ("off", r"'C:\\new'")],
)
async def test_strings_are_escaped_as_the_server_announced(
    monkeypatch: pytest.MonkeyPatch,
    announced: str,
    sql: str,
) -> None:
    monkeypatch.setattr(driver, "get_parameter", lambda *_: announced)

    dialect = await connect()

    compiled = literal(r"C:\new").compile(
        dialect=dialect,
        compile_kwargs={"literal_binds": True},
    )
    assert str(compiled) == sql


async def test_an_inspector_asks_for_the_schema_and_leaves_no_transaction() -> None:
    async with get_engine().connect() as connection:
        await connection.run_sync(inspect)
        # Alembic reads it here.
        schema = connection.dialect.default_schema_name

        assert not connection.in_transaction()
        assert schema == await connection.scalar(text("SELECT current_schema()"))
