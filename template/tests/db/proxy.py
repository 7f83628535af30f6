"""A proxy before the database that stops forwarding, as broken networks do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from sqlalchemy import URL, make_url

Fault = Literal["silence", "cut"]


class Proxy:
    """Forwards connections to a server, until a client sends what a test waits for.

    From then on the server still gets everything, and its answers are lost: after
    "silence" the client waits for them, after "cut" its connection is closed.

    Attributes:
        url: The URL of the database, by way of this proxy.
    """

    def __init__(self, url: str) -> None:
        self._upstream = make_url(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self._fault: Fault | None = None
        self._trigger = b""
        port: int = self._listener.getsockname()[1]
        through = self._upstream.difference_update_query(["host"])
        through = through.set(host="127.0.0.1", port=port)
        self.url = through.render_as_string(hide_password=False)
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_answers(self, trigger: bytes, fault: Fault) -> None:
        """Lose the answers from when a client sends `trigger`."""
        self._trigger, self._fault = trigger, fault

    def mend(self) -> None:
        """Forward everything to those who connect from now on."""
        self._trigger, self._fault = b"", None

    def close(self) -> None:
        """Close the listener and all connections."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = _connect(self._upstream)
                self._sockets += [client, server]
                lost = threading.Event()
                for target in (self._send, self._answer):
                    arguments = (client, server, lost)
                    threading.Thread(target=target, args=arguments, daemon=True).start()

    def _send(
        self,
        client: socket.socket,
        server: socket.socket,
        lost: threading.Event,
    ) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if self._fault and self._trigger in data:
                    lost.set()
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _answer(
        self,
        client: socket.socket,
        server: socket.socket,
        lost: threading.Event,
    ) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if not lost.is_set():
                    client.sendall(data)
                elif self._fault == "cut":
                    client.shutdown(socket.SHUT_RDWR)
            if not lost.is_set():
                client.shutdown(socket.SHUT_RDWR)


@contextmanager
def run_proxy(url: str) -> Iterator[Proxy]:
    """Run a proxy before the server of a URL."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()


def _connect(url: URL) -> socket.socket:
    host, port = url.query.get("host", url.host or "localhost"), url.port or 5432
    if not str(host).startswith("/"):
        return socket.create_connection((str(host), port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server
