"""Servers that do not serve, each for another reason, and peers that hang up."""

import os
import signal
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from support.account import hand_over
from support.postgres import (
    PASSWORD,
    USER,
    Server,
    copy,
    make_template,
    run_server,
)

_PREPARE = f"""
CREATE DATABASE busy CONNECTION LIMIT 0;
CREATE DATABASE closed ALLOW_CONNECTIONS false;
CREATE DATABASE private;
REVOKE CONNECT ON DATABASE private FROM PUBLIC;
CREATE ROLE busy LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 0;
CREATE ROLE nologin PASSWORD '{PASSWORD}';
CREATE ROLE broken LOGIN PASSWORD '{PASSWORD}';
ALTER ROLE broken SET session_preload_libraries = 'no-such-library'
"""
# A standby that never gets what it needs to become consistent.
_BEHIND = "waiting for WAL"


@contextmanager
def run_refusals() -> Iterator[dict[str, str]]:
    """Run the servers, and yield a URL for each way to be refused."""
    with ExitStack() as stack:
        template = stack.enter_context(make_template())

        def start(data: Path, *, until: str = "", **settings: str) -> Server:
            server = run_server(data, settings=settings, until=until)
            return stack.enter_context(server)

        well = start(copy(template, "well"))
        backup = _back_up(well)
        with well.administer() as admin:
            for statement in _PREPARE.split(";"):
                admin.execute(statement.encode())

        limits = {"max_connections": "5", "superuser_reserved_connections": "3"}
        full = start(copy(template, "full"), **limits)
        for _ in range(2):
            stack.enter_context(full.administer())

        stopping = start(copy(template, "stopping"))
        # It waits for this session.
        stack.enter_context(stopping.administer())
        stopping.process.send_signal(signal.SIGTERM)
        stopping.wait_for("received smart shutdown request")

        starting = copy(backup, "starting")
        for segment in (starting / "pg_wal").glob("0*"):
            segment.unlink()
        crashed = start(copy(backup, "crashed"), until=_BEHIND)
        _crash(crashed)

        poor, single = start(copy(template, "poor")), start(copy(template, "single"))
        poor.limit("--as=1000000:")
        single.limit("--nproc=1:")

        close = partial(_start_peer, stack, is_reset=False)
        reset = partial(_start_peer, stack, is_reset=True)
        down = well.url().replace(str(well.port), "1")
        yield {
            "too many for the role": well.url(user="busy"),
            "too many for the database": well.url(database="busy"),
            "too many for those without privileges": full.url(),
            "no such role": well.url(user="nobody"),
            "another password": well.url().replace(PASSWORD, "other"),
            "no password": well.url().replace(f":{PASSWORD}", ""),
            "a role that may not log in": well.url(user="nologin"),
            "a private database": well.url(database="private"),
            "no such database": well.url(database="nowhere"),
            "a database without connections": well.url(database="closed"),
            "no TLS": f"{well.url()}?sslmode=require",
            "a missing library": well.url(user="broken"),
            "shutting down": stopping.url(),
            "starting up": start(starting, until="entering standby mode").url(),
            "in recovery mode": crashed.url(),
            "not yet accepting": start(backup, until=_BEHIND).url(),
            "out of memory": poor.url(),
            "out of processes": f"{single.url()}?sslmode=disable",
            "out of processes, asked for TLS": single.url(),
            "nobody listens": down,
            "no such socket": "postgresql:///postgres?host=/no/such/folder",
            "the first host is down, the second one full": _join(down, full.url()),
            "the first host is full, the second one down": _join(full.url(), down),
            "it closes": close(b"", "disable"),
            "it resets": reset(b"", "disable"),
            "it closes when asked for TLS": close(b"", "require"),
            "it resets when asked for TLS": reset(b"", "require"),
            "it closes in the handshake": close(b"S", "require"),
            "it resets in the handshake": reset(b"S", "require"),
        }


def _join(one: str, other: str) -> str:
    """Return a URL with two hosts."""
    return one.replace("/postgres", f",{other.partition('@')[2]}")


def _back_up(server: Server) -> Path:
    """Copy a server as a standby, without the WAL that makes the copy consistent."""
    with server.administer() as admin:
        admin.execute("SELECT pg_backup_start('refusals', true)")
        data = copy(server.data, "backup")
        admin.execute("CREATE TABLE filling AS SELECT generate_series(1, 1000)")
        admin.execute("SELECT pg_switch_wal()")
        stopped = admin.execute("SELECT labelfile FROM pg_backup_stop(false)")
        ((label,),) = stopped.fetchall()
    for name, text in (("backup_label", label), ("standby.signal", "")):
        (data / name).write_text(text, encoding="utf-8")
        hand_over(data / name)
    return data


def _crash(server: Server) -> None:
    """Kill a part of a server, which then recovers."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    for child in children:
        # Another one may have ended meanwhile.
        with suppress(FileNotFoundError):
            if "checkpointer" in Path(f"/proc/{child}/cmdline").read_text("utf-8"):
                os.kill(int(child), signal.SIGKILL)
    server.wait_for("all server processes terminated; reinitializing")


def _start_peer(stack: ExitStack, answer: bytes, mode: str, *, is_reset: bool) -> str:
    """Start what hangs up on a client that wants to connect, and return its URL."""
    peer = _Peer(answer, is_reset=is_reset)
    stack.enter_context(peer)
    threading.Thread(target=peer.serve_forever).start()
    stack.callback(peer.shutdown)
    port = peer.server_address[1]
    return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode={mode}"


class _Peer(socketserver.ThreadingTCPServer):
    """Answers the first packet, waits for what follows, and hangs up."""

    def __init__(self, answer: bytes, *, is_reset: bool) -> None:
        super().__init__(("127.0.0.1", 0), _HangUp)
        self.answer = answer
        self.is_reset = is_reset


class _HangUp(socketserver.BaseRequestHandler):
    server: _Peer

    def handle(self) -> None:
        client: socket.socket = self.request
        client.recv(65_536)
        if self.server.answer:
            client.sendall(self.server.answer)
            client.recv(65_536)
        if self.server.is_reset:
            linger = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
