"""The command line: examine the database, wait for it, run one for development."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import NoReturn

from alembic.command import upgrade
from alembic.config import Config
from alembic.util import CommandError

from .check import ConnectionReport, check_connection
from .connection import dispose_engine
from .doctor import examine
from .doctor.lines import Lines
from .doctor.report import EXIT_CODES
from .doctor.watch import watch
from .errors import DatabaseUnavailable, describe
from .local import run_server
from .settings import get_settings
from .wait import wait_for_database


class _Parser(argparse.ArgumentParser):
    """Ends with 64 when it is called wrongly, because the doctor's 2 is a warning."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def main(arguments: list[str]) -> int:
    """Run a command of this module and return its exit code."""
    # Split by hand: what argparse makes of `--` differs between versions of Python.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = _build_parser().parse_args(arguments[:end])
    try:
        if options.command == "local":
            return local(arguments[end + 1 :])
        return asyncio.run(_run_command(options))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except DatabaseUnavailable as error:
        print(describe(error), file=sys.stderr)
    except (CommandError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
    return 1


def _build_parser() -> _Parser:
    parser = _Parser(prog=f"python -m {__package__}")
    parser.epilog = "local -- COMMAND ... runs COMMAND with it instead of waiting."
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ping", help="connect once and print what answered")
    commands.add_parser("local", help="start a PostgreSQL in .postgres/ and wait")
    wait = commands.add_parser("wait", help="wait until the database answers")
    wait.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    doctor = commands.add_parser(
        "doctor",
        help="say step by step what works and what does not",
        epilog="Exit code: 0 all is well, 1 it fails, 2 it works, with warnings.",
    )
    doctor.add_argument("--json", action="store_true", help="for a program")
    doctor.add_argument(
        "--fix-timeouts",
        action="store_true",
        help="alter the role so that the timeouts of the settings are in effect",
    )
    doctor.add_argument(
        "--watch",
        action="store_true",
        help="show what happens once a second; keeps a database awake",
    )
    doctor.add_argument(
        "--metrics",
        metavar="URL",
        help="with --watch: the /metrics of a running application",
    )
    return parser


async def _run_command(options: argparse.Namespace) -> int:
    if options.command == "doctor" and options.watch:
        await watch(sys.stdout, metrics_url=options.metrics)
    if options.command == "doctor":
        return await doctor(as_json=options.json, fix_timeouts=options.fix_timeouts)
    if options.command == "wait":
        _print(await wait_for_database(options.timeout, sys.stderr))
        return 0
    try:
        _print(await check_connection())
    finally:
        await dispose_engine()
    return 0


async def doctor(*, as_json: bool, fix_timeouts: bool) -> int:
    """Print what works and what does not, and return 0, 1 or 2."""
    lines = None if as_json else Lines(sys.stdout)
    report = await examine(lines, fix_timeouts=fix_timeouts)
    if lines is None:
        print(report.to_json())
    else:
        lines.close(report)
    return EXIT_CODES[report.status]


def _print(report: ConnectionReport) -> None:
    """Print one line about the server that answers."""
    print(
        f"{report.database} as {report.user} on PostgreSQL {report.server_version},",
        f"{report.latency_ms} ms,",
        f"{'TLS' if report.is_tls else 'no TLS'},",
        "pooled" if report.is_pooled else "direct",
    )


def local(command: list[str]) -> int:
    """Start a server, then run `command` with it, or print its URL and wait."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with run_server() as url:
        os.environ.update(DB_URL=url, DB_DIRECT_URL=url)
        if get_settings().DB_REPLICA_URL is not None:
            os.environ["DB_REPLICA_URL"] = url
        upgrade(Config("alembic.ini"), "head")
        try:
            return _run(command) if command else _wait(url)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 127
        except KeyboardInterrupt:
            return 128 + signal.SIGINT


def _run(command: list[str]) -> int:
    with subprocess.Popen(command) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The terminal interrupts the command too: wait until it has ended.
            code = process.wait()
        except SystemExit:
            process.terminate()
            raise
    # Ended by a signal: as a shell has it.
    return code if code >= 0 else 128 - code


def _wait(url: str) -> NoReturn:
    print(f"DB_URL={url}", "Ctrl-C stops the server.", sep="\n", flush=True)
    # A wait without an end could miss a signal that comes just before it.
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
