"""A real Prometheus reads a service: the dashboard shows data, the alerts fire."""

import json
import math
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.databases import make_database
from support.observed import Observed, observe
from support.postgres import find_free_port
from support.processes import Run
from support.prometheus import Prometheus, find_tool, run_prometheus
from support.services import migrate, serve, wait_until
from support.variants import Render

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("prometheus")]

# For how long a condition lasts until its alert fires, in place of minutes.
FOR = "1s"

# Each alert, by what provokes it.
TOO_LARGE = {"DatabaseConnectionBudget"}
EXHAUSTED = {
    "DatabaseConnectionsLeaked",
    "DatabasePoolSaturated",
    "DatabasePoolTimeouts",
}
CUT_OFF = {"DatabaseDisconnects"}
UNREACHABLE = {"DatabaseNotReady"}

# What Grafana puts into an expression.
VARIABLES = {"$__rate_interval": "10s", "$job": "service"}


Record = Callable[[str, object], None]
Watched = tuple[Observed, Prometheus]


class World(NamedTuple):
    """A service that is scraped, beside one whose pool is larger than its server."""

    service: Observed
    prometheus: Prometheus
    record: Record

    def list_firing(self, job: str = "service") -> set[str]:
        """Return the names of the alerts that fire for a job."""
        return {name for name, of in self.prometheus.list_firing() if of == job}

    def wait_for(self, alerts: set[str], job: str = "service") -> None:
        """Wait until these alerts fire, and put that into the table."""
        started = time.monotonic()
        wait_until(lambda: alerts <= self.list_firing(job))
        seconds = time.monotonic() - started
        self.record(
            "table", f"alerts: {', '.join(sorted(alerts))}: after {seconds:.1f} s"
        )


@pytest.fixture(scope="module")
def monitoring(render: Render) -> Path:
    """The folder of the rendered dashboard and alerts."""
    return render() / "monitoring"


@pytest.fixture
def world(watched: Watched, record_property: Record) -> World:
    return World(*watched, record_property)


@pytest.fixture(scope="module")
def watched(
    render: Render,
    run: Run,
    environment: dict[str, str],
    server_url: str,
    monitoring: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Watched]:
    project = render()
    folders = [tmp_path_factory.mktemp(name) for name in ("service", "greedy", "tsdb")]
    alerts = (monitoring / "alerts.yml").read_text("utf-8")
    with ExitStack() as stack:
        url = stack.enter_context(make_database(server_url))
        migrate(run, project, url)
        service = stack.enter_context(observe(project, folders[0], environment, url))
        greedy = find_free_port()
        variables = environment | {"DB_URL": url, "DB_POOL_SIZE": "500"}
        log = folders[1] / "log"
        stack.enter_context(serve(project, folders[1], variables, port=greedy, log=log))
        ports = {"service": service.port, "greedy": greedy}
        rules = re.sub(r"\bfor: \w+", f"for: {FOR}", alerts)
        prometheus = run_prometheus(folders[2], ports, rules=rules)
        yield service, stack.enter_context(prometheus)


def list_expressions(dashboard: Path) -> list[str]:
    """Return the expressions of a dashboard's panels, as Prometheus gets them."""
    panels: list[dict[str, Any]] = json.loads(dashboard.read_text("utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    for variable, value in VARIABLES.items():
        expressions = [expr.replace(variable, value) for expr in expressions]
    return expressions


def list_alerts(alerts: Path) -> set[str]:
    """Return the names of the alerts."""
    return set(re.findall(r"- alert: (\w+)", alerts.read_text("utf-8")))


def test_promtool_finds_nothing_wrong_with_the_alerts(monitoring: Path) -> None:
    provoked = TOO_LARGE | EXHAUSTED | CUT_OFF | UNREACHABLE
    command = (find_tool("promtool"), "check", "rules", monitoring / "alerts.yml")

    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(provoked)} rules found" in checked.stdout
    assert list_alerts(monitoring / "alerts.yml") == provoked


def test_every_expression_of_the_dashboard_has_data(
    world: World, monitoring: Path
) -> None:
    expressions = list_expressions(monitoring / "dashboard.json")

    def list_empty() -> list[str]:
        values = {expr: world.prometheus.query(expr) for expr in expressions}
        return [e for e in expressions if not any(map(math.isfinite, values[e]))]

    with world.service.under_load():
        wait_until(lambda: list_empty() == [])

    assert len(expressions) > 10


def test_no_alert_fires_while_all_is_well(world: World) -> None:
    wait_until(lambda: world.prometheus.query("db_ready") == [1, 1])

    # What fires for the other service shows that the rules are evaluated.
    wait_until(lambda: world.list_firing("greedy") >= TOO_LARGE)
    assert world.list_firing() == set()


def test_pools_that_are_larger_than_the_server_fire_an_alert(world: World) -> None:
    world.wait_for(TOO_LARGE, "greedy")


def test_a_pool_without_a_free_connection_fires_three_alerts(world: World) -> None:
    with world.service.exhausted():
        world.wait_for(EXHAUSTED)


def test_lost_connections_fire_an_alert(world: World) -> None:
    before = world.list_firing()

    with world.service.exhausted():
        for _ in range(3):
            world.service.cut_off()
        world.wait_for(CUT_OFF)

    assert not CUT_OFF & before


def test_a_service_that_is_not_ready_fires_an_alert(
    world: World, server_url: str
) -> None:
    before = world.list_firing()

    with world.service.unreachable(server_url):
        wait_until(lambda: world.service.check() == 503)
        world.wait_for(UNREACHABLE)

    assert not UNREACHABLE & before
