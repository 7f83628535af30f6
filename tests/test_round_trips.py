"""What a request costs in round trips, counted on the wire."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from support.pairs import PAIRS, pair_id, run_scenario
from support.postgres import PASSWORD, USER
from support.processes import Run
from support.results import fingerprint
from support.round_trips import count_round_trips
from support.services import migrate
from support.tls_server import Servers
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

each_pair = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
Record = Callable[[str, object], None]

# BEGIN, INSERT, COMMIT; psycopg sends the first two together.
WRITE = {"psycopg": 2, "psycopg2": 3, "asyncpg": 3}

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


def get_socket(url: str) -> Path:
    """Return the socket of a server."""
    folder = make_url(url).query["host"]
    assert isinstance(folder, str)
    return Path(folder, ".s.PGSQL.5432")


@each_pair
def test_a_request_costs_what_it_must(
    render: Render,
    run: Run,
    database_url: str,
    record_property: Record,
    answers: Answers,
) -> None:
    project = render(**answers)
    migrate(run, project, database_url)
    name = make_url(database_url).database

    with count_round_trips(get_socket(database_url)) as proxy:
        counts = run_scenario(
            run,
            project,
            MEASURE + REQUESTS,
            DB_URL=f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}",
            COUNTER_PORT=str(proxy.counter_port),
        )

    for case, found in counts.items():
        line = f"round trips: {pair_id(answers)}: {case}: {found[-1]}"
        record_property("table", line)
    found = {case: found[-1] for case, found in counts.items()}
    record_property("round_trips", {fingerprint(project): found})
    write = WRITE[str(answers["driver"])]
    assert counts == {"read": [1] * 3, "write": [write] * 3, "nothing": [0]}


# The first row that a process reads: of a function, of a server that has checked its
# database at the start, and again after its connection was closed.
COLD = {
    "a function": """
async def read():
    async with get_read_session() as session:
        await session.scalar(text("SELECT 1"))

async def main():
    counts = []
    for _ in range(2):
        before = count()
        await read()
        await sleep(0.05)
        counts.append(count() - before)
        engine = build_direct_engine()
        async with engine.connect() as connection:
            await connection.execute(text(KILL))
        await engine.dispose()
        await sleep(0.05)
    emit(counts)
""",
    "a server": """
from fastapi.testclient import TestClient
from app.main import app

@app.get("/one")
async def read(session: ReadDbSession) -> int:
    return await session.scalar(text("SELECT 1"))

def serve():
    with TestClient(app) as client:
        counts.append(count())
        assert client.get("/one").json() == 1
        time.sleep(0.05)
        counts.append(count())

counts = [count()]

async def main():
    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    emit([counts[-1] - counts[0]])
""",
}
KILL = """
import threading

KILL = '''
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'my-api'
      AND pid <> pg_backend_pid()
'''
"""

# Counted before they close: encrypted, a Terminate message looks like a question.
RAW = {
    "psycopg": """
import psycopg

async def read():
    connection = psycopg.connect(os.environ["DB_URL"], autocommit=True)
    connection.execute("SELECT 1").fetchone()
    return connection
""",
    "psycopg2": """
import psycopg2

async def read():
    connection = psycopg2.connect(os.environ["DB_URL"])
    connection.autocommit = True
    connection.cursor().execute("SELECT 1")
    return connection
""",
    "asyncpg": """
import asyncpg

async def read():
    connection = await asyncpg.connect(os.environ["DB_URL"])
    await connection.fetchval("SELECT 1")
    return connection
""",
}
READ_RAW = """
async def main():
    before = count()
    connection = await read()
    await sleep(0.05)
    emit([count() - before])
    connection.close()
"""

# What a server may ask once for its check at the start.
CHECK = {"psycopg": 4, "psycopg2": 4, "asyncpg": 8}


def measure_cold_starts(
    run: Run, render: Render, answers: Answers, upstream: Path | int, **variables: str
) -> dict[str, list[int]]:
    """Return the round trips to the first row: of the driver alone, and of a project.

    Args:
        run: The fixture of that name.
        render: The fixture of that name.
        answers: The pair.
        upstream: The server's socket, or its port.
        variables: The environment, with a DB_URL that has the port for a gap.
    """
    runtimes = {"a function": "serverless", "a server": "server"}
    sources = {case: KILL + COLD[case] for case in runtimes}
    sources["the driver"] = RAW[str(answers["driver"])] + READ_RAW
    counts = {}
    with count_round_trips(upstream) as proxy:
        url = variables.pop("DB_URL").format(proxy.port)
        for case, source in sources.items():
            runtime = runtimes.get(case, "server")
            counts[case] = run_scenario(
                run,
                render(**answers | {"runtime": runtime}),
                MEASURE + source,
                DB_URL=url,
                COUNTER_PORT=str(proxy.counter_port),
                **variables,
            )
    return counts


def check_cold_starts(
    counts: dict[str, list[int]],
    answers: Answers,
    how: str,
    record_property: Record,
) -> None:
    """Compare a project's round trips with those of its driver, and note them."""
    for case, found in counts.items():
        line = f"round trips: {pair_id(answers)}: cold start, {how}: {case}: {found[0]}"
        record_property("table", line)
    (raw,) = counts["the driver"]
    (server,) = counts["a server"]
    # The second is that after the connection was closed: it is noticed for nothing.
    assert counts["a function"] == [raw, raw]
    assert server <= raw + CHECK[str(answers["driver"])]


@each_pair
def test_a_cold_start_asks_nothing_more_than_the_driver(
    render: Render,
    run: Run,
    database_url: str,
    record_property: Record,
    answers: Answers,
) -> None:
    counts = measure_cold_starts(
        run,
        render,
        answers,
        get_socket(database_url),
        DB_URL=f"postgresql://postgres@127.0.0.1:{{}}/{make_url(database_url).database}",
        DB_DIRECT_URL=database_url,
    )

    check_cold_starts(counts, answers, "trust", record_property)


@pytest.mark.xdist_group("tls")
@each_pair
def test_a_cold_start_over_tls_asks_nothing_more_than_the_driver(
    render: Render,
    run: Run,
    servers: Servers,
    record_property: Record,
    answers: Answers,
) -> None:
    socket = f"host={servers.folder}&port={servers.valid}"
    counts = measure_cold_starts(
        run,
        render,
        answers,
        servers.valid,
        DB_URL=f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{{}}/postgres?sslmode=require",
        DB_DIRECT_URL=f"postgresql://postgres@/postgres?{socket}",
    )

    check_cold_starts(counts, answers, "TLS and SCRAM", record_property)
