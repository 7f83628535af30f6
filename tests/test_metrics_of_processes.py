"""Metrics of several processes: workers of one server, and a child after a fork."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from support.pairs import PAIRS, pair_id, run_scenario
from support.postgres import find_free_port
from support.processes import Run
from support.services import migrate, serve, wait_until
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

POOL_SIZE = 4
POOL = '{db_client_connection_pool_name="primary"}'
STATEMENTS = f"db_client_operation_duration_seconds_count{POOL}"
LIMIT = f"db_client_connection_max{POOL}"

# Which of the workers it was is in no metric: two can start within a tick of the clock.
SIGNED = """
import os
from app.main import app as signed

async def app(scope, receive, send):
    async def sign(message):
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-pid", b"%d" % os.getpid())]
        await send(message)
    await signed(scope, receive, sign)
"""

READ = {
    "prometheus": """
from prometheus_client import REGISTRY

def read_metric(name, labels):
    return REGISTRY.get_sample_value(name, labels)
""",
    "opentelemetry": """
from opentelemetry.metrics import set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

set_meter_provider(MeterProvider([reader := InMemoryMetricReader()]))

def read_metric(name, labels):
    # Prometheus's names are those of OpenTelemetry, in another spelling.
    labels = {label.replace("_", "."): value for label, value in labels.items()}
    found = [
        point.value
        for of_resource in reader.get_metrics_data().resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
        if metric.name == name.replace("_", ".")
        for point in metric.data.data_points
        if point.attributes == labels
    ]
    return found[0] if found else None
""",
}
FORK = """
import logging.handlers, queue
from app.db import checkouts

def read(name, **labels):
    return read_metric(name, {"db_client_connection_pool_name": "primary", **labels})

async def use():
    reports = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(reports)
    checkouts.logger.addHandler(handler)
    async with get_session() as session:
        await session.execute(text("SELECT 1"))
        used = read("db_client_connection_count", db_client_connection_state="used")
        during = reports.get(timeout=20).getMessage()
    checkouts.logger.removeHandler(handler)
    return [used, " held for " in during, read("db_client_connection_max")]

def use_in_child():
    if asyncio.iscoroutinefunction(use):
        return asyncio.run(use())
    return use()

async def main():
    before = await use()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            untouched = read("db_client_connection_max")
            with ThreadPoolExecutor(1) as executor:
                found = [untouched, *executor.submit(use_in_child).result()]
            os.write(theirs, json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours) as answer:
        in_child = json.loads(answer.read())
    os.waitpid(child, 0)
    emit([before, in_child, await use()])
"""


@pytest.mark.parametrize("metrics", READ)
@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_a_forked_child_has_figures_and_leaks_of_its_own(
    render: Render, run: Run, database_url: str, answers: Answers, metrics: str
) -> None:
    project = render(**answers | {"metrics": metrics})
    variables = {"DB_URL": database_url, "DB_LEAK_THRESHOLD": "0.05"}

    found = run_scenario(run, project, READ[metrics] + FORK, **variables)
    before, in_child, after = found

    # One connection in use, a leak that is reported, a limit of three.
    assert before == after == [1, True, 3]
    assert in_child == [None, 1, True, 3]


class Workers:
    """The two workers of a server, asked on one port."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx2.Response:
        """Ask on a connection of its own, which either of them may accept."""
        response = httpx2.get(f"{self._url}{path}", follow_redirects=True)
        assert response.is_success, response.text
        return response

    def read(self, name: str) -> float:
        """Return a metric; what is not in the answer is 0."""
        return self.read_signed(name)[1]

    def read_signed(self, name: str) -> tuple[str, float]:
        """Return the process that answered, and what it says of a metric."""
        answer = self.get("/metrics")
        lines = dict(re.findall(r"^([^#].*) (\S+)$", answer.text, re.MULTILINE))
        return answer.headers["x-pid"], float(lines.get(name, 0))


@pytest.fixture
def workers(
    request: pytest.FixtureRequest,
    render: Render,
    run: Run,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
) -> Iterator[Workers]:
    project = render()
    migrate(run, project, database_url)
    variables = {"DB_URL": database_url, "DB_POOL_SIZE": str(POOL_SIZE)}
    folder = workshop / "metrics"
    if request.param:
        folder.mkdir()
        variables["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    port = find_free_port()
    (workshop / "signed.py").write_text(SIGNED)
    variables["PYTHONPATH"] = f"{project}{os.pathsep}{workshop}"
    with serve(
        project, workshop, environment | variables, "signed:app", port=port, workers=2
    ):
        yield Workers(port)


@pytest.mark.parametrize("workers", [True], indirect=True, ids=["shared"])
def test_with_a_folder_each_worker_answers_for_all(
    workers: Workers, workshop: Path
) -> None:
    wait_until(lambda: workers.read(LIMIT) == 2 * POOL_SIZE)
    before = workers.read(STATEMENTS)

    for _ in range(40):
        workers.get("/notes")
    counts = {workers.read(STATEMENTS) - before for _ in range(20)}
    files = list((workshop / "metrics").glob("gauge_livesum_*.db"))
    killed = int(files[0].stem.rpartition("_")[2])
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: workers.read(LIMIT) == POOL_SIZE)
    wait_until(lambda: workers.read(LIMIT) == 2 * POOL_SIZE)
    after = workers.read(STATEMENTS)

    assert counts == {40}
    # That of the new worker's start is one more.
    assert after == before + 40 + 1
    assert not files[0].exists()


@pytest.mark.parametrize("workers", [False], indirect=True, ids=["alone"])
def test_without_one_each_worker_answers_for_itself(workers: Workers) -> None:
    found: dict[str, float] = {}

    def has_both() -> bool:
        process, count = workers.read_signed(STATEMENTS)
        found[process] = count
        return len(found) == 2

    wait_until(has_both)
    before = sum(found.values())
    for _ in range(40):
        workers.get("/notes")
    found.clear()
    wait_until(has_both)

    assert sum(found.values()) == before + 40
    assert workers.read(LIMIT) == POOL_SIZE
