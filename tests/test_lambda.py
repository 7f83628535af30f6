"""A function behind Mangum keeps its connection, and survives being frozen."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.services import migrate
from support.variants import Render

pytestmark = pytest.mark.thorough

# An event of API Gateway's HTTP API, and what Lambda does between two of them.
HEAD = """
import json, os, signal, time
from pathlib import Path

import psycopg
from app.aws_lambda import handler

OTHERS = (
    "SELECT {} FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

def invoke(method, path, body=""):
    http = {"method": method, "path": path, "sourceIp": "127.0.0.1"}
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": http},
        "body": body,
        "isBase64Encoded": False,
    }
    return handler(event, None)["statusCode"]

def work():
    return [invoke("POST", "/notes", '{"text": "a"}'), invoke("GET", "/notes")]

def ask(what):
    with psycopg.connect(os.environ["DB_URL"], autocommit=True) as connection:
        return [row[0] for row in connection.execute(OTHERS.format(what))]

def freeze(meanwhile):
    function = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            stat = Path(f"/proc/{function}/stat")
            while stat.read_text().rpartition(")")[2].split()[0] != "T":
                time.sleep(0.001)
            meanwhile()
        finally:
            os.kill(function, signal.SIGCONT)
            os._exit(0)
    os.kill(function, signal.SIGSTOP)
    os.waitpid(child, 0)

def advance(*clocks):
    for name in clocks:
        clock = getattr(time, name)
        setattr(time, name, lambda clock=clock: clock() + 3600)

"""
WARM = """
found = [[work(), ask("pid")] for _ in range(3)]
"""
CLOSED = """
def close():
    while ask("pg_terminate_backend(pid)"):
        pass

found = [[work(), ask("pid")]]
for _ in range(3):
    freeze(close)
    found.append([work(), ask("pid")])
"""
# The monotonic clock goes on in some frozen machines, and stands still in others.
LATER = """
found = [[work(), ask("pid")]]
for clocks in (["time"], ["time", "monotonic"]):
    freeze(lambda: None)
    advance(*clocks)
    found.append([work(), ask("pid")])
"""


@pytest.fixture(params=PAIRS, ids=pair_id)
def project(request: pytest.FixtureRequest, render: Render) -> Path:
    """The function of each driver pair."""
    return render(**request.param | {"runtime": "serverless"})


def run_function(run: Run, project: Path, url: str, source: str) -> list[Any]:
    """Invoke the function as the source says, and return what it found.

    Whatever was worth a warning in its log is an error here.
    """
    migrate(run, project, url)
    source = f"{HEAD}{source}\nprint('found', json.dumps(found))"
    result = run(sys.executable, "-c", source, cwd=project, DB_URL=url)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
    assert "ERROR" not in result.stderr
    assert "Traceback" not in result.stderr
    found: list[Any] = json.loads(result.stdout.partition("found ")[2])
    return found


def test_one_event_after_another_uses_the_same_connection(
    project: Path, run: Run, database_url: str
) -> None:
    found = run_function(run, project, database_url, WARM)

    (backend,) = found[0][1]
    assert found == [[[201, 200], [backend]]] * 3


@pytest.mark.parametrize("source", [CLOSED, LATER], ids=["closed", "an hour later"])
def test_a_thawed_function_replaces_its_connection_and_answers(
    project: Path, run: Run, database_url: str, source: str
) -> None:
    found = run_function(run, project, database_url, source)

    assert [statuses for statuses, _ in found] == [[201, 200]] * len(found)
    backends = [backend for _, backends in found for backend in backends]
    # One after each thaw, and none that stays.
    assert len(set(backends)) == len(backends) == len(found)
