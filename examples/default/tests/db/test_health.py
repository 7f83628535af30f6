"""Health reports the truth, in time, and no details of the connection."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import event, make_url

from app.db import (
    check,
    dispose_engine,
    get_engine,
    get_pool_stats,
    health,
)
from app.db.health import build_health_router

from .proxy import run_proxy

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

UNREACHABLE = "postgresql://someone:s3cret@127.0.0.1:1/database"


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.include_router(build_health_router())
    return app


@pytest.fixture
def black_hole() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that readiness looks at."""
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    return clock


async def test_a_process_is_live_without_a_database(
    client: AsyncClient,
    configure: Callable[..., None],
) -> None:
    configure(DB_URL=UNREACHABLE)

    response = await client.get("/health/live")

    assert (response.status_code, response.json()) == (200, {"status": "pass"})


async def test_a_process_with_a_database_is_ready(client: AsyncClient) -> None:
    response = await client.get("/health/ready")

    assert (response.status_code, response.json()) == (200, {"status": "pass"})


async def test_the_database_is_named_and_measured(client: AsyncClient) -> None:
    response = await client.get("/health/db")

    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "pass"
    assert body["database"] == get_engine().url.database
    assert body["latency_ms"] > 0
    assert body["pool"].keys() == asdict(get_pool_stats()).keys()


@pytest.mark.parametrize("path", ["/health/ready", "/health/db"])
async def test_a_database_that_is_down_is_a_503_without_details(
    client: AsyncClient,
    configure: Callable[..., None],
    path: str,
) -> None:
    configure(DB_URL=UNREACHABLE)

    response = await client.get(path)

    body = response.json()
    assert response.status_code == 503
    assert (body["status"], body["error"]) == ("fail", "refused")
    for detail in ("127.0", "someone", "s3cret"):
        assert detail not in response.text


async def test_a_database_that_only_reads_is_ready_and_says_so(
    client: AsyncClient,
    configure: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = {"options": "-c default_transaction_read_only=on"}
    url = make_url(os.environ["DB_URL"]).update_query_dict(options)
    configure(DB_URL=url.render_as_string(hide_password=False))
    # A process logs it once.
    check._log_once.cache_clear()

    ready = await client.get("/health/ready")
    database = await client.get("/health/db")

    warning = {"status": "warn", "error": "read_only"}
    assert (ready.status_code, ready.json()) == (200, warning)
    assert (database.status_code, database.json() | warning) == (200, database.json())
    assert "does DB_URL lead to a replica?" in caplog.text


async def test_a_check_that_the_server_refuses_has_its_reason(
    client: AsyncClient,
) -> None:
    engine = get_engine()

    @event.listens_for(engine.sync_engine, "before_cursor_execute", retval=True)
    def run_out_of_memory(*args: Any) -> tuple[str, Any]:
        return "DO $$ BEGIN RAISE 'no' USING ERRCODE = '53200'; END $$", ()

    response = await client.get("/health/db")

    assert (response.status_code, response.json()["error"]) == (503, "out_of_memory")


async def test_a_check_ends_in_time_and_is_shared(
    client: AsyncClient,
    configure: Callable[..., None],
    black_hole: socket.socket,
) -> None:
    configure(
        DB_URL=f"postgresql://127.0.0.1:{black_hole.getsockname()[1]}/database",
        DB_CONNECT_TIMEOUT=60,
        DB_HEALTH_TIMEOUT=0.05,
    )

    async with asyncio.timeout(30):
        responses = await asyncio.gather(*(client.get("/health/db") for _ in range(9)))

    assert {response.status_code for response in responses} == {503}
    assert {response.json()["error"] for response in responses} == {"timeout"}
    black_hole.accept()[0].close()
    with pytest.raises(BlockingIOError):
        black_hole.accept()


async def test_readiness_repeats_its_answer_for_a_while_and_then_asks_again(
    client: AsyncClient,
    configure: Callable[..., None],
    clock: Clock,
) -> None:
    configure(DB_HEALTH_CACHE_TTL=60)
    await client.get("/health/ready")
    configure(DB_URL=UNREACHABLE)
    await dispose_engine()

    statuses = [(await client.get("/health/db")).status_code]
    for clock.now in (60, 61):
        statuses.append((await client.get("/health/ready")).status_code)

    assert statuses == [503, 200, 503]


async def test_readiness_looks_soon_whether_the_database_is_back(
    client: AsyncClient,
    configure: Callable[..., None],
    database: str,
    clock: Clock,
) -> None:
    configure(DB_HEALTH_CACHE_TTL=3600, DB_URL=UNREACHABLE)
    statuses = [(await client.get("/health/ready")).status_code]
    configure(DB_URL=database)
    await dispose_engine()

    for clock.now in (2, 4):
        statuses.append((await client.get("/health/ready")).status_code)

    assert statuses == [503, 503, 200]


async def test_a_busy_pool_is_not_a_database_that_is_down(
    client: AsyncClient,
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=1, DB_HEALTH_TIMEOUT=0.05)

    async with get_engine().connect():
        ready = await client.get("/health/ready")
        busy = await client.get("/health/db")
    configure(DB_HEALTH_TIMEOUT=5)
    calm = await client.get("/health/db")

    warning = {"status": "warn", "error": "pool_exhausted"}
    assert (ready.status_code, ready.json()) == (200, warning)
    assert (busy.status_code, busy.json() | warning) == (200, busy.json())
    assert calm.json()["status"] == "pass"


@pytest.mark.parametrize("question", [b"", b"transaction_read_only"])
async def test_a_check_that_gets_no_answer_is_not_a_busy_pool(
    client: AsyncClient,
    configure: Callable[..., None],
    database: str,
    question: bytes,
) -> None:
    with run_proxy(database) as proxy:
        proxy.lose_answers(question, "silence")
        configure(
            DB_URL=proxy.url,
            DB_POOL_SIZE=1,
            DB_HEALTH_TIMEOUT=0.05,
            DB_HEALTH_CACHE_TTL=0,
        )

        paths = ("/health/ready", "/health/ready", "/health/db")
        responses = [await client.get(path) for path in paths]

    assert {response.status_code for response in responses} == {503}
    assert {response.json()["error"] for response in responses} == {"timeout"}


async def test_a_check_that_waits_for_a_connection_is_no_fault_of_the_database(
    client: AsyncClient,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(DB_POOL_SIZE=1, DB_HEALTH_TIMEOUT=0.05)
    # As when a connection is being handed over: nobody has it.
    monkeypatch.setattr(health, "_is_full", lambda: False)

    async with get_engine().connect():
        busy = await client.get("/health/ready")
    calm = await client.get("/health/ready")
    configure(DB_HEALTH_TIMEOUT=5)
    # Waits for the same check, so that it leaves nothing behind.
    await client.get("/health/db")

    assert (busy.status_code, busy.json()["error"]) == (200, "pool_exhausted")
    assert calm.status_code == 200


async def test_a_check_is_not_awaited_from_an_event_loop_that_has_ended() -> None:
    ended = asyncio.new_event_loop()
    shared_check = health._SharedCheck()
    shared_check._running = ended.create_future()
    ended.close()

    result = await shared_check.run()

    assert isinstance(result, check.ConnectionReport)
