"""The server ends a session that is idle in a transaction, whatever it did last."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from support.databases import make_database
from support.pairs import run_scenario
from support.processes import Run
from support.tls_server import Servers

pytestmark = pytest.mark.thorough

Report = Callable[[str], None]

# Three transactions at once. What each does last: a statement with parameters, several
# executions of one, and a statement that fails.
IDLE = """
from sqlalchemy.exc import IntegrityError

INSERT = text("INSERT INTO item VALUES (:n)")
IDLE = text('''
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'
''')
last = [{"n": 1}, [{"n": 2}, {"n": 3}], {"n": 0}]

async def ask(query):
    async with build_direct_engine().connect() as connection:
        return await connection.scalar(query)

async def wait():
    deadline = time.monotonic() + 60
    while await ask(IDLE) and time.monotonic() < deadline:
        await sleep(0.05)

async def idle():
    async with get_session() as session:
        connection = await session.connection()
        try:
            await connection.execute(INSERT, last.pop())
        except IntegrityError:
            pass
        await wait()

async def attempt():
    try:
        await idle()
        return "committed"
    except DatabaseUnavailable as error:
        return error.reason

async def main():
    outcomes = await together(attempt, len(last))
    emit([*outcomes, await ask(text("SELECT count(*) FROM item"))])
"""


@pytest.fixture
def report(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Report:
    """Put into the table on which server it was."""
    pair = request.node.callspec.id
    return lambda server: record_property(
        "table", f"idle in transaction: {pair}: ended by {server}"
    )


def check(run: Run, project: Path, url: str, report: Report) -> None:
    """Leave transactions idle on a server, and see what becomes of them."""
    with psycopg.connect(url, autocommit=True) as client:
        client.execute("CREATE TABLE item (n integer PRIMARY KEY)")
        client.execute("INSERT INTO item VALUES (0)")
        version = client.info.server_version // 10_000

    found = run_scenario(
        run, project, IDLE, DB_URL=url, DB_IDLE_IN_TRANSACTION_TIMEOUT="1"
    )

    *reasons, rows = found
    # Not every driver is told why.
    assert set(reasons) <= {"idle_in_transaction", "disconnected"}
    assert (len(reasons), rows) == (3, 1)
    report(f"PostgreSQL {version}")


def test_an_idle_transaction_ends(
    run: Run, project: Path, database_url: str, report: Report
) -> None:
    check(run, project, database_url, report)


@pytest.mark.xdist_group("tls")
def test_an_idle_transaction_ends_on_an_older_server(
    run: Run, project: Path, servers: Servers, report: Report
) -> None:
    server = (
        f"postgresql://postgres@/postgres?host={servers.folder}&port={servers.valid}"
    )
    with make_database(server) as url:
        check(run, project, url, report)
