"""Through PgBouncer each statement gets its own answer, and no setting stays behind."""

import json

import psycopg
import pytest
from sqlalchemy import make_url

from support.databases import ask_all
from support.load import Report, Start
from support.pairs import PAIRS, pair_id
from support.pgbouncer import PgBouncer

pytestmark = pytest.mark.thorough

ASYNC = [answers for answers in PAIRS if answers["mode"] == "async"]

WORK = """
async def main():
    emit(await together(work, WORKERS))
"""
# What SQLAlchemy and the driver do on their own, in place of the project.
PLAIN = """
from contextlib import asynccontextmanager
from sqlalchemy.ext.asyncio import create_async_engine

plain = create_async_engine(os.environ["PLAIN_URL"], isolation_level="AUTOCOMMIT")

@asynccontextmanager
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
                async with opener() as session:
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
