"""PostgreSQL servers of a test's own, in any state, by the programs of Debian."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from glob import glob
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
import pytest
import trustme

from support.account import hand_over, leave_root, run
from support.services import TIMEOUT_SECONDS, wait_until

USER = "me"
PASSWORD = "S3cr3t"

_HBA = """\
local all postgres trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


class Server:
    """A server on loopback that was started.

    Attributes:
        data: The folder of its files and of its socket.
        port: Where it listens.
        process: Its first process.
    """

    def __init__(self, data: Path, port: int, process: "subprocess.Popen[bytes]"):
        self.data = data
        self.port = port
        self.process = process

    def url(self, *, user: str = USER, database: str = "postgres") -> str:
        """Return the URL of a database, for a role with the usual password."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def administer(self) -> "psycopg.Connection[Any]":
        """Connect as the superuser, without a password."""
        return administer(self.data, self.port)

    def wait_for(self, text: str) -> None:
        """Wait until it has logged a text."""
        wait_until(lambda: text in self._read_log())

    def limit(self, option: str) -> None:
        """Lower a limit that the kernel sets to its processes, as `prlimit` calls it."""
        run("prlimit", f"--pid={self.process.pid}", option, cwd=self.data)

    def answers(self) -> bool:
        """Whether it accepts connections yet."""
        self._read_log()
        try:
            self.administer().close()
        except psycopg.OperationalError:
            return False
        return True

    def _read_log(self) -> str:
        log = self.data.with_suffix(".log").read_text("utf-8")
        if self.process.poll() is not None:
            pytest.fail(log)
        return log


def administer(folder: Path, port: int) -> "psycopg.Connection[Any]":
    """Connect as the superuser, without a password."""
    return psycopg.connect(f"host={folder} port={port} user=postgres", autocommit=True)


@contextmanager
def make_template() -> Iterator[Path]:
    """Create the files of a server that knows `USER`, in a folder of their own."""
    # Not in pytest's folder, which other users may not enter.
    with tempfile.TemporaryDirectory(prefix="db-connection-") as folder:
        data = Path(folder, "template")
        hand_over(data.parent)
        options = ("--username=postgres", "--auth=trust", "--wal-segsize=1")
        texts = ("--encoding=UTF8", "--locale=C", "--no-sync")
        role = f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'\n"
        postgres = (_binaries() / "postgres", "--single", "-D", data, "postgres")
        run(_binaries() / "initdb", "-D", data, *options, *texts, cwd=data.parent)
        run(*postgres, cwd=data.parent, said=role)
        (data / "pg_hba.conf").write_text(_HBA, encoding="utf-8")
        yield data


def copy(data: Path, name: str) -> Path:
    """Copy the files of a server, which may run if it makes a backup."""
    run("cp", "-R", data.name, name, cwd=data.parent)
    for file in ("postmaster.pid", "postmaster.opts"):
        (data.parent / name / file).unlink(missing_ok=True)
    return data.parent / name


@contextmanager
def run_server(
    data: Path,
    *,
    port: int = 0,
    certificate: trustme.LeafCert | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
    until: str = "",
) -> Iterator[Server]:
    """Run a server.

    Args:
        data: The folder of its files.
        port: Where it listens; by default a free one.
        certificate: What it proves itself with; without one it has no TLS.
        settings: Its settings.
        until: What it has logged when it is ready; by default it accepts connections.
    """
    port = port or find_free_port()
    settings = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(data),
        "fsync": "off",
        **settings,
    }
    if certificate is not None:
        pem = data / "server.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(pem)
        pem.chmod(0o600)
        hand_over(pem)
        settings |= {"ssl": "on", "ssl_cert_file": pem.name, "ssl_key_file": pem.name}
    options = [f"-c{name}={value}" for name, value in settings.items()]
    with (
        data.with_suffix(".log").open("wb") as log,
        subprocess.Popen(
            [_binaries() / "postgres", "-D", data, *options],
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **leave_root(),
        ) as process,
    ):
        server = Server(data, port, process)
        try:
            server.wait_for(until) if until else wait_until(server.answers)
            yield server
        finally:
            # At once: nobody needs its files any more.
            process.send_signal(signal.SIGQUIT)
            process.wait(TIMEOUT_SECONDS)


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@cache
def _binaries() -> Path:
    """Return the folder of PostgreSQL's programs, or skip; in CI, fail."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    found = shutil.which("initdb", path=path)
    if found is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("PostgreSQL's server is not installed: there is no initdb")
    return Path(found).resolve().parent
