"""Fixtures of the tests: a database for this run, and a client of the application."""

from collections.abc import AsyncIterator, Iterator

import pytest
from httpx2 import ASGITransport, AsyncClient

from app.db.testing import temporary_database
from app.main import app


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[str]:
    """Point the settings at a new database, which is dropped at the end."""
    with temporary_database() as url:
        yield url


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    """The application, started, as its clients see it."""
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client
