"""The application starts, stops, and answers for its database."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.db import DatabaseUnavailable, get_engine
from app.main import app as application

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

NOBODY = "postgresql://someone:s3cret@127.0.0.1:1/database"


@pytest.fixture
def app() -> FastAPI:
    return application


async def test_the_connections_are_closed_at_the_end() -> None:
    async with application.router.lifespan_context(application):
        engine = get_engine()

    assert get_engine() is not engine


async def test_the_start_says_how_many_connections_there_may_be(
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    configure(WEB_CONCURRENCY=3, DB_POOL_SIZE=2, DB_MAX_OVERFLOW=1)

    async with application.router.lifespan_context(application):
        assert "3 (processes) x 3 (pool) = 9, of the " in caplog.text


async def test_the_application_does_not_start_without_a_database(
    configure: Callable[..., None],
) -> None:
    configure(DB_URL=NOBODY)

    with pytest.raises(DatabaseUnavailable, match="refused"):
        async with application.router.lifespan_context(application):
            pass


async def test_prometheus_can_read_the_metrics(client: AsyncClient) -> None:
    response = await client.get("/metrics/")

    assert response.status_code == 200
    assert "db_client_connection_count" in response.text
