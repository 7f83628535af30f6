"""Fixtures of the layer's tests. They need nothing of the application."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import stamina
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.db import dispose_engine, get_settings
from app.db.testing import execute as execute_statement
from app.db.testing import temporary_database

# `pg_terminate_backend` can wait too, but looks only ten times a second.
TERMINATE = """
DO $$ BEGIN
    PERFORM pg_terminate_backend({pid});
    WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid}) LOOP
        PERFORM pg_sleep(0.001), pg_stat_clear_snapshot();
    END LOOP;
END $$
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="package", autouse=True)
def only_new_garbage() -> Iterator[None]:
    """Let the garbage collector look only at what tests make, which is much less."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[str]:
    """Point the settings at a new database, which is dropped at the end."""
    with temporary_database() as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def no_waiting_between_attempts() -> Iterator[None]:
    """Make the attempts of `retry_transient` follow each other at once."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def execute() -> Callable[[str], Awaitable[None]]:
    """Execute a statement outside of any transaction, not on the pool under test."""
    return execute_statement


@pytest.fixture
def terminate(
    execute: Callable[[str], Awaitable[None]],
) -> Callable[[int], Awaitable[None]]:
    """End a process of the server, and wait until it has gone."""

    async def terminate(pid: int) -> None:
        await execute(TERMINATE.format(pid=pid))

    return terminate


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
