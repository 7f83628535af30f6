"""A proxy that loses, cuts, resets and swallows what it forwards."""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field

_RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Link:
    client: socket.socket
    server: socket.socket
    # After this is set, the server's answers are lost.
    lost: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Have the client see a reset, not an end."""
        with suppress(OSError):
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.client.close()
        self.close()


class Proxy:
    """Forwards connections to a port, as long as nothing else is asked for.

    Attributes:
        port: Where it listens.
        is_silent: Swallow everything, in both directions.
        loses_commits: Forward COMMIT, and close the connection instead of answering.
        cuts: Forward half of the next answers, then close their connections.
        struck: How often any of that has happened.
    """

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        self.is_silent = self.loses_commits = self.cuts = False
        self.struck = 0
        self._links: set[_Link] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset_all(self) -> int:
        """Reset every connection; return how many there were."""
        links = list(self._links)
        for link in links:
            link.reset()
        return len(links)

    def close_all(self) -> None:
        """Close every connection."""
        for link in list(self._links):
            link.close()

    def close(self) -> None:
        """Stop listening, and close everything."""
        self._listener.close()
        self.close_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                return
            with server:
                link = _Link(client, server)
                self._links.add(link)
                answers = threading.Thread(
                    target=self._answer, args=(link,), daemon=True
                )
                answers.start()
                with suppress(OSError):
                    while data := client.recv(65_536):
                        if self.loses_commits and b"COMMIT" in data:
                            link.lost.set()
                        if self.is_silent:
                            self.struck += 1
                        else:
                            server.sendall(data)
                link.close()
                answers.join()
                self._links.discard(link)

    def _answer(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(65_536):
                if self.is_silent:
                    continue
                if link.lost.is_set():
                    self.struck += 1
                    break
                if self.cuts:
                    self.struck += 1
                    link.client.sendall(data[: len(data) // 2])
                    break
                link.client.sendall(data)
        link.close()
