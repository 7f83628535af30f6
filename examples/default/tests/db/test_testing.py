"""Tests never reach a database other than their own."""

import asyncio
import os

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import dispose_engine, get_engine, get_session
from app.db.testing import temporary_database


async def get_name() -> str:
    """Return the name of the database that the application uses."""
    async with get_session() as session:
        return str(await session.scalar(text("SELECT current_database()")))


async def get_its_engine() -> AsyncEngine:
    """Return the engine of the running event loop."""
    return get_engine()


async def get_name_once() -> str:
    """Return it, and keep no connection."""
    name = await get_name()
    await dispose_engine()
    return name


def test_the_parameter_dbname_names_no_other_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = os.environ["DB_URL"]
    separator = "&" if "?" in server else "?"
    monkeypatch.setenv("DB_URL", f"{server}{separator}dbname=postgres")

    with temporary_database() as url:
        inside = asyncio.run(get_name_once())

    assert inside == make_url(url).database


def test_what_has_connected_before_connects_to_the_new_database() -> None:
    with asyncio.Runner() as runner:
        outside = runner.run(get_name())
        engine = runner.run(get_its_engine())
        with temporary_database() as url:
            inside = runner.run(get_name())
            runner.run(dispose_engine())
        runner.run(engine.dispose())

    assert inside != outside
    assert inside == make_url(url).database
