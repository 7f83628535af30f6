"""What a request costs in round trips, counted on the wire."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from pairs import PAIRS, pair_id, run_scenario
from round_trips import count_round_trips
from sqlalchemy import make_url
from variants import Answers, Render

# One after the other: they migrate the same database.
pytestmark = pytest.mark.xdist_group("round trips")
each_pair = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)

# A read is one. A write is BEGIN, INSERT, COMMIT.
READ = 1
WRITE = 3

MEASURE = """
import socket

def count():
    port = int(os.environ["COUNTER_PORT"])
    with socket.create_connection(("127.0.0.1", port)) as counter:
        return int(counter.recv(16))

def measure(function):
    before = count()
    function()
    time.sleep(0.05)
    return count() - before
"""

REQUESTS = """
from fastapi.testclient import TestClient
from app.main import app

@app.get("/nothing")
async def use_no_database(session: DbSession) -> None:
    pass

async def main():
    with TestClient(app) as client:
        note = client.post("/notes", json={"text": "first"}).json()
        path = f"/notes/{note['id']}"
        client.get(path)
        emit({
            "read": [measure(lambda: client.get(path)) for _ in range(3)],
            "write": [
                measure(lambda: client.post("/notes", json={"text": "more"}))
                for _ in range(3)
            ],
            "nothing": [measure(lambda: client.get("/nothing"))],
        })
"""


@pytest.fixture
def socket_path(server_url: str) -> Path:
    """The socket of the server."""
    folder = make_url(server_url).query["host"]
    assert isinstance(folder, str)
    return Path(folder, ".s.PGSQL.5432")


@each_pair
def test_a_request_costs_what_it_must(
    render: Render,
    run: Run,
    server_url: str,
    socket_path: Path,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    project = render(**answers)
    migrated = run(
        sys.executable,
        "-m",
        "alembic",
        "upgrade",
        "head",
        cwd=project,
        DB_URL=server_url,
    )
    assert migrated.returncode == 0, migrated.stderr

    with count_round_trips(socket_path) as proxy:
        counts = run_scenario(
            run,
            project,
            MEASURE + REQUESTS,
            DB_URL=f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres",
            COUNTER_PORT=str(proxy.counter_port),
        )

    for case, found in counts.items():
        record_property(
            "table", f"round trips: {pair_id(answers)}: {case}: {found[-1]}"
        )
    assert counts == {"read": [READ] * 3, "write": [WRITE] * 3, "nothing": [0]}


COLD = """
async def main():
    before = count()
    async with get_read_engine().connect() as connection:
        await connection.scalar(text("SELECT 1"))
    await sleep(0.05)
    emit(count() - before)
"""

RAW = {
    "psycopg": """
import psycopg

def read():
    with psycopg.connect(os.environ["DB_URL"], autocommit=True) as connection:
        connection.execute("SELECT 1").fetchone()
""",
    "psycopg2": """
import psycopg2

def read():
    connection = psycopg2.connect(os.environ["DB_URL"])
    connection.autocommit = True
    connection.cursor().execute("SELECT 1")
    connection.close()
""",
    "asyncpg": """
import asyncpg

def read():
    async def connect_and_read():
        connection = await asyncpg.connect(os.environ["DB_URL"])
        await connection.fetchval("SELECT 1")
        await connection.close()

    thread = threading.Thread(target=asyncio.run, args=[connect_and_read()])
    thread.start()
    thread.join()
""",
}

MEASURE_RAW = """
async def main():
    emit(measure(read))
"""


@each_pair
def test_a_cold_start_asks_nothing_more_than_the_driver(
    render: Render,
    run: Run,
    socket_path: Path,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    project = render(**answers | {"runtime": "serverless"})
    raw = f"import threading\n{RAW[str(answers['driver'])]}{MEASURE_RAW}"

    with count_round_trips(socket_path) as proxy:
        ours, drivers = (
            run_scenario(
                run,
                project,
                MEASURE + functions,
                DB_URL=f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres",
                COUNTER_PORT=str(proxy.counter_port),
            )
            for functions in (COLD, raw)
        )

    record_property("table", f"round trips: {pair_id(answers)}: cold start: {ours}")
    record_property("table", f"round trips: {pair_id(answers)}: raw driver: {drivers}")
    assert ours == drivers
