"""A database of the run's own: on the server of DB_URL, or on an embedded one."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import make_url, text

from app.config.settings import Settings, get_settings
from app.db import build_direct_engine, dispose_engine
from app.db.local import run_server

# What settings can also be called.
OTHER_NAMES = [
    "DATABASE_URL",
    "DATABASE_URL_UNPOOLED",
    "POSTGRES_URL_NON_POOLING",
    "UVICORN_WORKERS",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    """Create a database for this run, and drop it at the end.

    Neither `.env` nor any other setting of the environment reaches a test.
    """
    given = os.environ.get("DB_URL")
    name = f"test_{uuid4().hex[:12]}"
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        server = given or stack.enter_context(run_server())
        patch.setitem(Settings.model_config, "env_file", None)
        for variable in [*Settings.model_fields, *OTHER_NAMES]:
            patch.delenv(variable, raising=False)
        patch.setenv("DB_URL", server)
        asyncio.run(run_sql(f"CREATE DATABASE {name}"))
        url = make_url(server).set(database=name)
        patch.setenv("DB_URL", url.render_as_string(hide_password=False))
        get_settings.cache_clear()
        yield
        patch.setenv("DB_URL", server)
        get_settings.cache_clear()
        drop = f"DROP DATABASE {name} WITH (FORCE)"
        asyncio.run(run_sql(drop))


async def run_sql(statement: str) -> None:
    """Execute a statement outside of any transaction, past the pool under test."""
    engine = build_direct_engine().execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))


@pytest.fixture
def execute() -> Callable[[str], Awaitable[None]]:
    """Execute a statement outside of any transaction, past the pool under test."""
    return run_sql


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set environment variables for one test."""

    def set_variables(**variables: object) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        get_settings.cache_clear()

    yield set_variables
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
async def engines() -> AsyncIterator[None]:
    """Close the connections after the test."""
    yield
    await dispose_engine()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """The fixture `app` of a test module, started, as its clients see it."""
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client
