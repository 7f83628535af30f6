"""More requests than connections: served in order, or told in time when to come back."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest

from support.databases import WAITING_FOR_A_LOCK
from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.services import Service, migrate, serve, wait_until
from support.variants import Answers, Render, computed

pytestmark = pytest.mark.thorough

POOL_SIZE = 5
CLIENTS = 50

# The project, and a route that takes a connection for as long as the test wants.
APP = """
from app.db import DbSession
from app.main import app
from sqlalchemy import text

@app.get("/hold")
{async_}def hold(session: DbSession) -> None:
    {await_}session.execute(text("SELECT pg_advisory_xact_lock(1)"))
"""

HOLDING = f"SELECT count(*) {WAITING_FOR_A_LOCK}"


@pytest.fixture
def service(
    run: Run,
    render: Render,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
    answers: Answers,
) -> Iterator[Service]:
    """The project with a pool that is smaller than the load."""
    project = render(**answers)
    migrate(run, project, database_url)
    source = APP.format_map(computed(answers))
    (workshop / "overload.py").write_text(source, encoding="utf-8")
    variables = {
        "DB_URL": database_url,
        "DB_POOL_SIZE": str(POOL_SIZE),
        # Long enough for every client's turn on a machine that is busy.
        "DB_POOL_TIMEOUT": "5",
        # Who holds one keeps it until all others have been refused.
        "DB_LOCK_TIMEOUT": "60",
        "DB_STATEMENT_TIMEOUT": "60",
        "PYTHONPATH": os.pathsep.join([str(project), str(workshop)]),
    }
    with serve(project, workshop, environment | variables, "overload:app") as service:
        yield service


@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_who_is_not_served_in_time_is_told_when_to_come_back(
    service: Service,
    database_url: str,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    def get(path: str) -> httpx2.Response:
        return service.client.get(path)

    with (
        psycopg.connect(database_url, autocommit=True) as keeper,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        keeper.execute("SELECT pg_advisory_lock(1)")
        holders = [clients.submit(get, "/hold") for _ in range(POOL_SIZE)]
        wait_until(lambda: keeper.execute(HOLDING).fetchone() == (POOL_SIZE,))
        refused = list(clients.map(get, ["/notes"] * 20))
        health = {path: get(f"/health/{path}").json() for path in ("live", "ready")}
        keeper.execute("SELECT pg_advisory_unlock(1)")
        held = [holder.result().status_code for holder in holders]
        burst = list(clients.map(get, ["/notes"] * CLIENTS * 10))

    statuses = Counter(answer.status_code for answer in burst)
    line = f"overload: {pair_id(answers)}: {len(refused)} refused, then {statuses}"
    record_property("table", line)
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["Retry-After"] for answer in refused} == {"5"}
    assert health == {
        "live": {"status": "pass"},
        "ready": {"status": "warn", "error": "pool_exhausted"},
    }
    assert held == [200] * POOL_SIZE
    assert statuses == {200: CLIENTS * 10}
