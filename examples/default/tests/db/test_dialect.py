"""The dialect asks the server nothing, and SQLAlchemy calls what it overrides."""

import pytest
from sqlalchemy import Dialect, literal

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


@pytest.mark.parametrize(
    ("announced", "sql"), [("on", r"'C:\new'"), ("off", r"'C:\\new'")]
)
async def test_strings_are_escaped_as_the_server_announced(
    monkeypatch: pytest.MonkeyPatch,
    announced: str,
    sql: str,
) -> None:
    monkeypatch.setattr(driver, "get_parameter", lambda *_: announced)

    dialect = await connect()

    compiled = literal(r"C:\new").compile(
        dialect=dialect, compile_kwargs={"literal_binds": True}
    )
    assert str(compiled) == sql
