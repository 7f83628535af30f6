"""The way to a server, which another process can have closed or reset."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from anyio.from_thread import start_blocking_portal

_RESET = struct.pack("ii", 1, 0)


class Cable:
    """Forwards connections to a port on loopback.

    Attributes:
        port: What leads to the server.
        control: A client that writes a line there, "close" or "reset", gets it back when all
            connections have ended so.
    """

    port: int
    control: int

    def __init__(self, target: int) -> None:
        self._target = target
        self._clients: set[StreamWriter] = set()
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Begin to forward, and to obey."""
        for serve in (self._forward, self._obey):
            self._servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        self.port, self.control = (
            server.sockets[0].getsockname()[1] for server in self._servers
        )

    async def stop(self) -> None:
        """Forward nothing any more."""
        for server in self._servers:
            server.close()
        for client in self._clients:
            client.transport.abort()

    async def _forward(self, reader: StreamReader, client: StreamWriter) -> None:
        self._clients.add(client)
        answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(_copy(reader, server), _copy(answers, client))
        self._clients.discard(client)

    async def _obey(self, reader: StreamReader, writer: StreamWriter) -> None:
        line = await reader.readline()
        for client in self._clients:
            if client.is_closing():
                continue
            if line == b"reset\n":
                peer = client.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.transport.abort()
        # After the callbacks that close the sockets.
        await asyncio.sleep(0)
        writer.write(line)
        writer.close()


@contextmanager
def run_cable(target: int) -> Iterator[Cable]:
    """Forward connections to a port on loopback."""
    cable = Cable(target)
    with start_blocking_portal() as portal:
        portal.call(cable.start)
        yield cable
        portal.call(cable.stop)


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()
