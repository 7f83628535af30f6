"""What a request began is ended: when its client hangs up, when its process is told to."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import psycopg
import pytest

from support.databases import WAITING_FOR_A_LOCK
from support.pairs import PAIRS, pair_id
from support.services import Service, serve, wait_until
from support.variants import Answers, Render, computed

pytestmark = pytest.mark.thorough

each_pair = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)

POOL_SIZE = 3
CLIENTS = 20

# A write that ends when the test lets it, and how many requests there have been.
APP = """
from app.db import DbSession, ReadDbSession
from app.main import app
from fastapi import Request
from sqlalchemy import text

begun = []

@app.middleware("http")
async def count(request: Request, call_next):
    begun.append(request.url.path)
    return await call_next(request)

@app.get("/begun/write")
async def count_writes() -> int:
    return begun.count("/write")

@app.post("/write")
{async_}def write(session: DbSession) -> None:
    {await_}session.execute(text("INSERT INTO done DEFAULT VALUES"))
    {await_}session.execute(text("SELECT pg_advisory_xact_lock_shared(1)"))

@app.get("/read")
{async_}def read(session: ReadDbSession) -> int | None:
    return {await_}session.scalar(text("SELECT count(*) FROM done"))
"""
WAITING = f"SELECT count(*) {WAITING_FOR_A_LOCK}"
CANCEL = f"SELECT count(pg_cancel_backend(pid)) {WAITING_FOR_A_LOCK}"
DONE = "SELECT count(*) FROM done"
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid != pg_backend_pid()
"""


class Keeper:
    """Holds the lock that the writes wait for, and looks at the database."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def count(self, query: str) -> int:
        row = self._connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def lock(self) -> None:
        self._connection.execute("SELECT pg_advisory_lock(1)")

    def unlock(self) -> None:
        self._connection.execute("SELECT pg_advisory_unlock(1)")


@pytest.fixture
def keeper(database_url: str) -> Iterator[Keeper]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE done (id serial PRIMARY KEY)")
        yield Keeper(connection)


@pytest.fixture
def service(
    render: Render,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
    answers: Answers,
) -> Iterator[Service]:
    """The project with a small pool, and routes that wait."""
    project = render(**answers)
    source = APP.format_map(computed(answers))
    (workshop / "waiting.py").write_text(source, encoding="utf-8")
    variables = {
        "DB_URL": database_url,
        "DB_POOL_SIZE": str(POOL_SIZE),
        "DB_POOL_TIMEOUT": "60",
        "PYTHONPATH": os.pathsep.join([str(project), str(workshop)]),
    }
    with serve(project, workshop, environment | variables, "waiting:app") as service:
        yield service


def hang_up(folder: Path, is_sent: Callable[[], bool]) -> None:
    """Post with several clients, and hang up on all of them when it is time."""
    with ExitStack() as clients:
        for _ in range(POOL_SIZE):
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(folder / "http"))
            client.sendall(
                b"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
            )
        wait_until(is_sent)


@each_pair
def test_the_work_of_clients_that_hang_up_is_done_once_or_not_at_all(
    service: Service, keeper: Keeper, workshop: Path, answers: Answers
) -> None:
    def all_wait() -> bool:
        return keeper.count(WAITING) == POOL_SIZE

    with ThreadPoolExecutor(1) as client:
        keeper.lock()
        hang_up(workshop, all_wait)
        behind = client.submit(service.client.get, "/read")
        # By the time of these answers, the service has seen that the clients are gone.
        for _ in range(3):
            service.client.get("/begun/write")
        goes_on = all_wait()
        keeper.unlock()
        assert behind.result().status_code == 200
        wait_until(lambda: keeper.count(DONE) == POOL_SIZE)

        keeper.lock()
        hang_up(workshop, all_wait)
        behind = client.submit(service.client.get, "/read")
        cancelled = keeper.count(CANCEL)

    assert goes_on
    assert cancelled == POOL_SIZE
    assert behind.result().json() == POOL_SIZE


@each_pair
def test_a_process_that_is_told_to_end_answers_every_request_first(
    service: Service, keeper: Keeper, answers: Answers
) -> None:
    def post(_: int) -> httpx2.Response:
        return service.client.post("/write")

    with ThreadPoolExecutor(CLIENTS) as clients:
        keeper.lock()
        posts = [clients.submit(post, number) for number in range(CLIENTS)]
        wait_until(lambda: service.client.get("/begun/write").json() == CLIENTS)
        service.process.terminate()
        keeper.unlock()
        statuses = {future.result().status_code for future in posts}

    assert statuses == {200}
    assert service.process.wait(60) in {0, -signal.SIGTERM}
    assert keeper.count(DONE) == CLIENTS
    wait_until(lambda: keeper.count(CONNECTIONS) == 0)
