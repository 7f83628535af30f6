"""PostgreSQL servers with and without TLS, and a front that ends TLS as Neon's does."""

import os
import pwd
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from glob import glob
from pathlib import Path
from select import select
from typing import Any, NamedTuple

import psycopg
import pytest
import trustme

HOST = "ep-cool-rain-a1b2c3.example.test"
USER = "me"
PASSWORD = "S3cr3t"
PATIENCE_SECONDS = 60

_HBA = """\
local all postgres trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Servers:
    """Three servers on loopback, by port, that have the same roles.

    Attributes:
        valid: Its certificate is for `HOST`.
        expired: Its certificate ended yesterday.
        plain: It has no TLS.
        folder: Where the first one's socket is.
        authority: Who signed the certificates, with `ca_file`.
        other_ca_file: The certificate of somebody else.
    """

    valid: int
    expired: int
    plain: int
    folder: Path
    authority: trustme.CA
    ca_file: Path
    other_ca_file: Path


@contextmanager
def run_servers() -> Iterator[Servers]:
    """Run the servers in a folder of their own."""
    binaries = _find_binaries()
    authority, other = trustme.CA(), trustme.CA()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificates = {
        "valid": authority.issue_cert(HOST),
        "expired": authority.issue_cert(HOST, not_after=yesterday),
        "plain": None,
    }
    with ExitStack() as stack:
        # Not in pytest's folder, which other users may not enter.
        temporary = tempfile.TemporaryDirectory(prefix="db-connection-")
        folder = Path(stack.enter_context(temporary))
        _hand_over(folder)
        _initialize(binaries, folder / "template")
        ports = {}
        for name, certificate in certificates.items():
            _run("cp", "-R", "template", name, cwd=folder)
            server = _run_server(binaries, folder / name, certificate)
            ports[name] = stack.enter_context(server)
        authority.cert_pem.write_to_path(folder / "ca.pem")
        other.cert_pem.write_to_path(folder / "other.pem")
        yield Servers(
            **ports,
            folder=folder / "valid",
            authority=authority,
            ca_file=folder / "ca.pem",
            other_ca_file=folder / "other.pem",
        )


class Hello(NamedTuple):
    """How a client began."""

    is_direct: bool
    server_name: str | None
    alpn: str | None


@dataclass
class Front:
    """What ends TLS before the first of the servers, and notes who came."""

    servers: Servers
    port: int = 0
    hellos: list[Hello] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        """Note how a client begins, and pass on what it and the server say."""
        client.settimeout(PATIENCE_SECONDS)
        # The type of a TLS record; PostgreSQL's own packets begin with their length.
        is_direct = client.recv(1, socket.MSG_PEEK) == b"\x16"
        if not is_direct:
            client.recv(8, socket.MSG_WAITALL)
            client.sendall(b"S")
        names: list[str | None] = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.servers.authority.issue_cert(HOST).configure_cert(context)
        context.set_alpn_protocols(["postgresql"])
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        with (
            context.wrap_socket(client, server_side=True) as tls,
            socket.socket(socket.AF_UNIX) as server,
        ):
            self.hellos.append(Hello(is_direct, names[0], tls.selected_alpn_protocol()))
            server.connect(f"{self.servers.folder}/.s.PGSQL.{self.servers.valid}")
            while True:
                readable, *_ = select([tls, server], [], [], PATIENCE_SECONDS)
                if not readable or not (said := readable[0].recv(65_536)):
                    return
                if readable[0] is tls and tls.pending():
                    # It is decrypted already: `select` would wait for more.
                    said += tls.recv(tls.pending())
                (server if readable[0] is tls else tls).sendall(said)


@contextmanager
def run_front(servers: Servers) -> Iterator[Front]:
    """Run a front, with a thread for each client."""
    front = Front(servers)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # A client that goes away is no error of the front.
            with suppress(OSError):
                front.serve(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        front.port = listener.server_address[1]
        threading.Thread(target=listener.serve_forever).start()
        try:
            yield front
        finally:
            listener.shutdown()


def administer(folder: Path, port: int) -> "psycopg.Connection[Any]":
    """Connect as the superuser, without a password."""
    return psycopg.connect(f"host={folder} port={port} user=postgres", autocommit=True)


def _find_binaries() -> Path:
    """Return the folder of PostgreSQL's programs, or skip; in CI, fail."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    found = shutil.which("initdb", path=path)
    if found is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("PostgreSQL's server is not installed: there is no initdb")
    return Path(found).resolve().parent


def _initialize(binaries: Path, data: Path) -> None:
    """Create the files of a server that knows `USER`."""
    options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
    role = f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'\n"
    postgres = (binaries / "postgres", "--single", "-D", data, "postgres")
    _run(binaries / "initdb", "-D", data, *options, "--no-sync", cwd=data.parent)
    _run(*postgres, cwd=data.parent, said=role)
    (data / "pg_hba.conf").write_text(_HBA, encoding="utf-8")


@contextmanager
def _run_server(
    binaries: Path, data: Path, certificate: trustme.LeafCert | None
) -> Iterator[int]:
    """Run a server, and return its port when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    settings = {"port": port, "listen_addresses": "127.0.0.1", "fsync": "off"}
    settings["unix_socket_directories"] = str(data)
    if certificate is not None:
        pem = data / "server.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(pem)
        pem.chmod(0o600)
        _hand_over(pem)
        settings |= {"ssl": "on", "ssl_cert_file": pem.name, "ssl_key_file": pem.name}
    options = [f"-c{name}={value}" for name, value in settings.items()]
    with (
        data.with_suffix(".log").open("wb") as log,
        subprocess.Popen(
            [binaries / "postgres", "-D", data, *options],
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **_unprivileged(),
        ) as process,
    ):
        try:
            _wait_for(process, data, port)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)


def _wait_for(process: "subprocess.Popen[bytes]", data: Path, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return administer(data, port).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(data.with_suffix(".log").read_text("utf-8"))
            time.sleep(0.05)


def _run(*command: str | Path, cwd: Path, said: str = "") -> None:
    account, data = _unprivileged(), said.encode()
    subprocess.run(
        command, cwd=cwd, input=data, capture_output=True, check=True, **account
    )


def _unprivileged() -> dict[str, Any]:
    """Return what makes `subprocess` leave root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _hand_over(path: Path) -> None:
    if account := _unprivileged():
        os.chown(path, account["user"], account["group"])
