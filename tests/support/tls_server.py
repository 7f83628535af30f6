"""PostgreSQL servers with and without TLS, and a front that ends TLS as Neon's does."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from select import select
from typing import NamedTuple

import trustme

from support.postgres import copy, make_template, run_server
from support.services import TIMEOUT_SECONDS

HOST = "ep-cool-rain-a1b2c3.example.test"


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
    authority, other = trustme.CA(), trustme.CA()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificates = {
        "valid": authority.issue_cert(HOST),
        "expired": authority.issue_cert(HOST, not_after=yesterday),
        "plain": None,
    }
    with ExitStack() as stack:
        template = stack.enter_context(make_template())
        folder = template.parent
        ports = {}
        for name, certificate in certificates.items():
            server = run_server(copy(template, name), certificate=certificate)
            ports[name] = stack.enter_context(server).port
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
        client.settimeout(TIMEOUT_SECONDS)
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
                readable, *_ = select([tls, server], [], [], TIMEOUT_SECONDS)
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
