"""A PgBouncer in transaction mode, in front of a PostgreSQL."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy import URL, make_url

from support.postgres import find_free_port
from support.services import TIMEOUT_SECONDS, wait_until

_CONFIG = """\
[databases]
{name} = {target}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 400
ignore_startup_parameters = {ignored}
"""


class PgBouncer:
    """A PgBouncer that can be stopped and started again.

    Attributes:
        environment: The settings of a project that goes through it.
    """

    def __init__(self, url: URL, direct_url: str, command: Callable[[], Any]) -> None:
        self._url = url
        self._direct_url = direct_url
        self._command = command
        self.environment = {
            "DB_URL": url.render_as_string(),
            "DB_DIRECT_URL": direct_url,
            "DB_POOLED": "true",
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process: subprocess.Popen[bytes] = self._command()
        wait_until(self._is_ready)

    def stop(self) -> None:
        """Stop it at once: its clients are cut off."""
        self._process.terminate()
        self._process.wait(TIMEOUT_SECONDS)

    def show(self, what: str) -> list[dict[str, Any]]:
        """Return what its console says about `POOLS`, `SERVERS` and so on."""
        with psycopg.connect(
            self._url.set(database="pgbouncer").render_as_string(),
            autocommit=True,
            connect_timeout=10,
            row_factory=dict_row,
        ) as console:
            return console.execute(f"SHOW {what}".encode()).fetchall()

    def count_clients(self) -> int:
        """Return how many clients are connected, whether served or waiting."""
        pools = [p for p in self.show("POOLS") if p["database"] == self._url.database]
        return sum(pool["cl_active"] + pool["cl_waiting"] for pool in pools)

    def list_servers(self) -> set[int]:
        """Return the processes of its connections to PostgreSQL."""
        return {int(server["remote_pid"]) for server in self.show("SERVERS")}

    def kill_servers(self) -> None:
        """End its connections to PostgreSQL from there, and wait until it notices."""
        killed = self.list_servers()
        with psycopg.connect(self._direct_url) as direct:
            query = "SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid"
            direct.execute(query, [list(killed)])
        wait_until(lambda: not killed & self.list_servers())

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, "PgBouncer ended"
        try:
            return bool(self.show("VERSION"))
        except psycopg.OperationalError:
            return False


@contextmanager
def run_pgbouncer(
    direct_url: str,
    folder: Path,
    *,
    pool_size: int = 2,
    name: str = "*",
    ignored: str = "",
) -> Iterator[PgBouncer]:
    """Run PgBouncer in transaction mode on a free port, in front of a PostgreSQL.

    Args:
        direct_url: The URL of the database.
        folder: A folder for its files, which is given to its account.
        pool_size: Its connections to the server.
        name: The only database that it serves, by default each one.
        ignored: The start-up parameters that it accepts and ignores.
    """
    binary = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        reason = "PgBouncer is not installed: apt-get install pgbouncer"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    server = conninfo_to_dict(direct_url)
    port = find_free_port()
    keys = ("host", "port", "user", "password")
    target = " ".join(f"{key}={_quote(server[key])}" for key in keys if key in server)
    values = {"name": name, "target": target, "port": port, "pool_size": pool_size}
    values["ignored"] = ignored
    config = folder / "pgbouncer.ini"
    config.write_text(_CONFIG.format(**values), encoding="utf-8")
    account = _find_account(str(server.get("host", "")))
    if account:
        os.chown(folder, account["user"], account["group"])
    url = make_url(f"postgresql://postgres@127.0.0.1:{port}/{server['dbname']}")
    command = [binary, str(config)]
    pgbouncer = PgBouncer(url, direct_url, lambda: subprocess.Popen(command, **account))
    try:
        pgbouncer.start()
        yield pgbouncer
    finally:
        pgbouncer.stop()


def _quote(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _find_account(host: str) -> dict[str, Any]:
    """Choose who runs it: never root, and someone who may enter the socket's folder."""
    if os.getuid() != 0:
        return {}
    owner = os.stat(host).st_uid if host.startswith("/") else 0
    account = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
