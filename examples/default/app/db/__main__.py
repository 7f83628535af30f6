"""The command line: check the database, or run one for development."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import threading

from alembic.command import upgrade
from alembic.config import Config
from alembic.util import CommandError

from .check import check_connection
from .connection import dispose_engine
from .errors import DatabaseUnavailable, describe
from .local import run_server
from .settings import get_settings


def main(arguments: list[str]) -> int:
    """Run a command of this module and return its exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ping", help="connect once and print what answered")
    commands.add_parser("local", help="start a PostgreSQL in .postgres/ and wait")
    parser.epilog = "local -- COMMAND ... runs COMMAND with it instead of waiting."
    # Split by hand: what argparse makes of `--` differs between versions of Python.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    try:
        if parser.parse_args(arguments[:end]).command == "local":
            return local(arguments[end + 1 :])
        return asyncio.run(ping())
    except DatabaseUnavailable as error:
        print(describe(error), file=sys.stderr)
    except (CommandError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
    return 1


async def ping() -> int:
    """Print one line about the server that answers."""
    try:
        report = await check_connection()
    finally:
        await dispose_engine()
    print(
        f"{report.database} as {report.user} on PostgreSQL {report.server_version},",
        f"{report.latency_ms} ms,",
        f"{'TLS' if report.is_tls else 'no TLS'},",
        "pooled" if report.is_pooled else "direct",
    )
    return 0


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
        except KeyboardInterrupt:
            return 128 + signal.SIGINT


def _run(command: list[str]) -> int:
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The terminal interrupts the command too: wait until it has ended.
            return process.wait()
        except SystemExit:
            process.terminate()
            raise


def _wait(url: str) -> int:
    print(f"DB_URL={url}", "Ctrl-C stops the server.", sep="\n", flush=True)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
