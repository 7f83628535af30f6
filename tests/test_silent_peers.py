"""A peer that acknowledges and never answers: a stopped backend, a pooler that queues."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest

from support.pairs import PAIRS, pair_id, run_scenario
from support.pgbouncer import PgBouncer
from support.processes import Run
from support.services import Service, migrate, serve, wait_until
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

each_pair = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)

# What the metrics say while a request has the connection.
USED = (
    'db_client_connection_count{db_client_connection_pool_name="primary",'
    'db_client_connection_state="used"} 1.0'
)
BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'my-api'
"""


@pytest.fixture
def keeper(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the test's own."""
    with psycopg.connect(database_url, autocommit=True) as keeper:
        yield keeper


@pytest.fixture
def service(
    run: Run,
    render: Render,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
    answers: Answers,
) -> Iterator[Service]:
    """The project with one connection and little time."""
    project = render(**answers)
    migrate(run, project, database_url)
    variables = {
        "DB_URL": database_url,
        "DB_POOL_SIZE": "1",
        "DB_POOL_TIMEOUT": "30",
        "DB_STATEMENT_TIMEOUT": "0.5",
    }
    with serve(project, workshop, environment | variables) as service:
        yield service


@contextmanager
def stop_backends(keeper: psycopg.Connection) -> Iterator[None]:
    """Stop the server's processes that serve the project, as a hanging disk would."""
    pids = [pid for (pid,) in keeper.execute(BACKENDS).fetchall()]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@each_pair
def test_requests_end_while_a_backend_is_stopped_and_the_next_ones_are_served(
    service: Service, keeper: psycopg.Connection, answers: Answers
) -> None:
    def get(_: int) -> httpx2.Response:
        return service.client.get("/notes")

    assert get(0).status_code == 200
    with stop_backends(keeper), ThreadPoolExecutor(4) as clients:
        responses = list(clients.map(get, range(4)))

    # One had the connection. The others waited for it, and get its replacement.
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200, 200, 200, 503]


@each_pair
def test_sigterm_ends_a_process_whose_statement_is_never_answered(
    service: Service, keeper: psycopg.Connection, answers: Answers
) -> None:
    assert service.client.get("/notes").status_code == 200
    with stop_backends(keeper), ThreadPoolExecutor(1) as client:
        response = client.submit(service.client.post, "/notes", json={"text": "late"})
        wait_until(lambda: USED in service.client.get("/metrics/").text)
        service.process.terminate()

        assert response.result().status_code == 503
        assert service.process.wait(60) in {0, -signal.SIGTERM}


QUEUE = """
async def main():
    try:
        async with get_session() as session:
            await session.scalar(text("SELECT 1"))
        emit("served")
    except DatabaseUnavailable as error:
        emit(error.reason)
"""


def test_a_pooler_whose_server_connections_are_all_busy_is_such_a_peer(
    project: Path, run: Run, pgbouncer: PgBouncer
) -> None:
    variables = pgbouncer.environment | {"DB_STATEMENT_TIMEOUT": "0.5"}
    through = pgbouncer.environment["DB_URL"]

    with psycopg.connect(through) as one, psycopg.connect(through) as other:
        one.execute("SELECT 1")
        other.execute("SELECT 1")
        queued = run_scenario(run, project, QUEUE, **variables)
    served = run_scenario(run, project, QUEUE, **variables)

    assert (queued, served) == ("no_answer", "served")
