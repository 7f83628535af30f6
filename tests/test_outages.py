"""A network that swallows packets, killed connections, frozen processes: it all ends."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from support.network import SERVER, Network, can_connect_hosts, connect_hosts
from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import Run
from support.services import Service, migrate, serve, wait_until
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

each_pair = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)

POOL_SIZE = 3

CUT_OFF = """
import threading, subprocess

def cable(command):
    subprocess.run(json.loads(os.environ[command]), check=True)

async def read():
    async with get_session() as session:
        await session.scalar(text("SELECT CAST(:n AS integer)"), {"n": 1})

async def wait():
    async with get_session() as session:
        await session.scalar(text("SELECT pg_sleep(:n)"), {"n": 600})

async def attempt(function):
    started = time.monotonic()
    try:
        await function()
        outcome = "served"
    except DatabaseUnavailable as error:
        outcome = error.reason
    return outcome, round(time.monotonic() - started, 1)

async def main():
    found = {"before": await attempt(read)}
    cable("CUT")
    found["a pooled connection"] = await attempt(read)
    found["a new connection"] = await attempt(read)
    cable("MEND")
    found["mended"] = await attempt(read)
    threading.Timer(0.5, cable, ["CUT"]).start()
    found["a statement that runs"] = await attempt(wait)
    cable("MEND")
    found["mended again"] = await attempt(read)
    emit(found)
"""


@pytest.fixture
def network(server_url: str) -> Iterator[Network]:
    """Two hosts, of which one leads to the server."""
    if not can_connect_hosts():
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(
            "network namespaces need root, or sudo, and ip: apt-get install iproute2"
        )
    folder = make_url(server_url).query["host"]
    assert isinstance(folder, str)
    with connect_hosts(Path(folder, ".s.PGSQL.5432")) as network:
        yield network


@each_pair
def test_a_black_hole_ends_within_the_timeouts(
    render: Render,
    environment: dict[str, str],
    network: Network,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    def run_on_client(
        *command: str, cwd: Path, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            (*network.on_client, *command),
            cwd=cwd,
            env=environment | variables,
            capture_output=True,
            text=True,
            # Without the kernel's watch, Linux would send again for a quarter of an hour.
            timeout=120,
            check=False,
        )

    found = run_scenario(
        run_on_client,
        render(**answers),
        CUT_OFF,
        DB_URL=f"postgresql://postgres@{SERVER}/postgres"
        "?keepalives_idle=1&keepalives_interval=1",
        DB_CONNECT_TIMEOUT="2",
        DB_POOL_SIZE="1",
        CUT=json.dumps(network.cut),
        MEND=json.dumps(network.mend),
    )

    for case, (outcome, seconds) in found.items():
        line = f"black hole: {pair_id(answers)}: {case}: {outcome} after {seconds} s"
        record_property("table", line)
    outcomes = {case: outcome for case, (outcome, _) in found.items()}
    assert outcomes == {
        "before": "served",
        "a pooled connection": "timeout",
        "a new connection": "timeout",
        "mended": "served",
        "a statement that runs": "timeout",
        "mended again": "served",
    }


class Outage:
    """Takes a service's connections away from it."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def count(self) -> int:
        """Return how many connections there are besides this one."""
        others = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
              AND backend_type = 'client backend'
        """
        row = self._connection.execute(others).fetchone()
        assert row is not None
        return int(row[0])

    def kill(self) -> int:
        """End them all, and return how many there were."""
        killed = self.count()
        self._connection.execute("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
        """)
        wait_until(lambda: self.count() == 0)
        return killed


@pytest.fixture(params=PAIRS, ids=pair_id)
def answers(request: pytest.FixtureRequest) -> Answers:
    """Of a function that is frozen between requests."""
    pair: Answers = request.param
    return pair | {"runtime": "serverless"}


@pytest.fixture
def outage(database_url: str) -> Outage:
    """What ends the connections to it."""
    return Outage(database_url)


@pytest.fixture
def service(
    run: Run,
    render: Render,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
    answers: Answers,
) -> Iterator[Service]:
    """The project, as it is served."""
    project = render(**answers)
    migrate(run, project, database_url)
    variables = {"DB_URL": database_url, "DB_POOL_SIZE": str(POOL_SIZE)}
    with serve(project, workshop, environment | variables) as service:
        yield service


def write_together(service: Service) -> list[int]:
    """Write notes at the same time, and return the status of each."""

    def write(number: int) -> int:
        note = {"text": f"note {number}"}
        return service.client.post("/notes", json=note).status_code

    with ThreadPoolExecutor(4 * POOL_SIZE) as executor:
        return list(executor.map(write, range(4 * POOL_SIZE)))


def test_killed_connections_fail_no_request(
    service: Service,
    outage: Outage,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    statuses = write_together(service)
    killed = []
    for _ in range(3):
        killed.append(outage.kill())
        statuses += write_together(service)

    line = f"killed connections: {pair_id(answers)}: {sum(killed)} killed"
    record_property("table", f"{line}, {statuses.count(201)} of {len(statuses)} served")
    assert killed == [POOL_SIZE] * 3
    assert set(statuses) == {201}


def test_a_frozen_process_serves_its_next_request(
    service: Service, outage: Outage
) -> None:
    assert set(write_together(service)) == {201}

    service.process.send_signal(signal.SIGSTOP)
    killed = outage.kill()
    service.process.send_signal(signal.SIGCONT)

    assert killed == POOL_SIZE
    assert set(write_together(service)) == {201}
