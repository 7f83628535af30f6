"""An outage is a line for each request, a failed start a few: no tracebacks."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from support.pairs import PAIRS, each_driver, pair_id
from support.postgres import Server, make_template, run_server
from support.processes import Run
from support.services import serve, wait_until
from support.variants import Answers, Render, computed

Record = Callable[[str, object], None]
each_pair = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)

POOL_SIZE = 5
REQUESTS = 20

# The project, and a route whose statement runs until the server ends.
APP = """
from app.db import DbSession
from app.main import app
from sqlalchemy import text

@app.get("/wait")
{async_}def wait(session: DbSession) -> None:
    {await_}session.execute(text("SELECT pg_sleep(600)"))
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)'"

REFUSED_STARTS = {
    "refused: nothing listens there": "postgresql://me:S3cr3t@127.0.0.1:1/postgres",
    "DB_URL: set DB_URL": "",
    "DB_URL must start with postgresql://": "mysql://me:S3cr3t@127.0.0.1/postgres",
}


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that the test may stop."""
    with make_template() as data, run_server(data) as server:
        yield server


@each_driver
def test_an_outage_is_a_line_for_each_request(
    render: Render,
    environment: dict[str, str],
    server: Server,
    workshop: Path,
    answers: Answers,
    loop: str,
    record_property: Record,
) -> None:
    project, log = render(**answers), workshop / "log"
    source = APP.format_map(computed(answers))
    (workshop / "outage.py").write_text(source, encoding="utf-8")
    variables = {
        "DB_URL": server.url(),
        "DB_POOL_SIZE": str(POOL_SIZE),
        "PYTHONPATH": os.pathsep.join([str(project), str(workshop)]),
    }

    def get(path: str) -> httpx2.Response:
        return service.client.get(path)

    place = (project, workshop, environment | variables, "outage:app")
    with (
        serve(*place, log=log, loop=loop) as service,
        ThreadPoolExecutor(POOL_SIZE) as clients,
    ):
        started = len(log.read_text("utf-8").splitlines())
        lost = [clients.submit(get, "/wait") for _ in range(POOL_SIZE)]
        with server.administer() as admin:
            wait_until(lambda: admin.execute(WAITING).fetchone() == (POOL_SIZE,))
        server.process.send_signal(signal.SIGQUIT)
        server.process.wait()
        statuses = [future.result().status_code for future in lost]
        paths = ["/notes"] * (REQUESTS - POOL_SIZE)
        statuses += [answer.status_code for answer in clients.map(get, paths)]

    lines = log.read_text("utf-8").splitlines()[started:]
    record_property(
        "table", f"logs: {pair_id(answers)}, {loop}: outage: {len(lines)} lines"
    )
    named = [line for line in lines if ": 503, " in line]
    assert statuses == [503] * REQUESTS
    assert len(named) == REQUESTS
    assert sum(": 503, disconnected: " in line for line in named) == POOL_SIZE
    assert sum(": 503, refused: " in line for line in named) == REQUESTS - POOL_SIZE
    assert len(lines) <= 3 * REQUESTS
    assert "Traceback" not in "".join(lines)


@each_pair
def test_a_failed_start_says_why_in_a_line(
    run: Run, render: Render, workshop: Path, answers: Answers, record_property: Record
) -> None:
    uvicorn = (sys.executable, "-m", "uvicorn")
    command = (*uvicorn, "app.main:app", f"--uds={workshop}/http")

    for why, url in REFUSED_STARTS.items():
        started = run(*command, cwd=render(**answers), DB_URL=url)

        lines = started.stderr.splitlines()
        line = f"logs: {pair_id(answers)}: no start, {why}: {len(lines)} lines"
        record_property("table", line)
        assert started.returncode != 0
        assert len([line for line in lines if why in line]) == 1
        assert len(lines) <= 10
        assert "S3cr3t" not in started.stderr
