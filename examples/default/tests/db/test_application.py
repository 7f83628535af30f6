"""One call connects an application: start, end, health, errors, metrics."""

from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic_settings import SettingsError
from sqlalchemy import text

from app.db import (
    DatabaseUnavailable,
    ReadDbSession,
    add_database,
    get_engine,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

UNREACHABLE = "postgresql://someone:s3cret@127.0.0.1:1/database"


@pytest.fixture
def calls() -> list[str]:
    """What the application's own lifespan did."""
    return []


@pytest.fixture
def app(calls: list[str]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        calls.append("start")
        yield
        calls.append("end")

    app = FastAPI(lifespan=lifespan)
    add_database(app)

    @app.get("/")
    async def read(session: ReadDbSession) -> int:
        return int(await session.scalar(text("SELECT 1")) or 0)

    return app


async def test_the_connections_are_closed_at_the_end(app: FastAPI) -> None:
    async with app.router.lifespan_context(app):
        engine = get_engine()

    assert get_engine() is not engine


async def test_the_application_keeps_its_own_lifespan(
    app: FastAPI,
    calls: list[str],
) -> None:
    async with app.router.lifespan_context(app):
        started = list(calls)

    assert started == ["start"]
    assert calls == ["start", "end"]


async def test_health_and_handlers_answer(client: AsyncClient) -> None:
    assert (await client.get("/health/ready")).json() == {"status": "pass"}
    assert (await client.get("/")).json() == 1


async def test_the_schema_of_the_application_is_unchanged(client: AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()

    assert list(schema["paths"]) == ["/"]


async def test_the_start_logs_how_many_connections_there_may_be(
    app: FastAPI,
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    configure(WEB_CONCURRENCY=3, DB_POOL_SIZE=2, DB_MAX_OVERFLOW=1)

    async with app.router.lifespan_context(app):
        assert "3 (processes) x 3 (pool) = 9, of the server's " in caplog.text


async def test_the_application_does_not_start_without_a_database(
    app: FastAPI,
    configure: Callable[..., None],
) -> None:
    configure(DB_URL=UNREACHABLE)

    with pytest.raises(DatabaseUnavailable, match="refused"):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DB_URL": UNREACHABLE}, "refused: nothing listens there"),
        ({"DB_URL": " "}, "DB_URL: set DB_URL"),
        ({"DB_URL": "mysql://host/name"}, "DB_URL must start with postgresql://"),
    ],
)
async def test_a_server_is_told_in_one_line_why_there_is_no_start(
    app: FastAPI,
    configure: Callable[..., None],
    variables: dict[str, str],
    said: str,
) -> None:
    configure(**variables)
    events: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(event: MutableMapping[str, Any]) -> None:
        events.append(event)

    with pytest.raises((DatabaseUnavailable, SettingsError)):
        await app({"type": "lifespan"}, receive, send)

    (event,) = events
    assert event["type"] == "lifespan.startup.failed"
    assert event["message"].startswith(said)
    assert "\n" not in event["message"]


async def test_prometheus_can_read_the_metrics(client: AsyncClient) -> None:
    response = await client.get("/metrics/")

    assert response.status_code == 200
    assert "db_client_connection_count" in response.text
