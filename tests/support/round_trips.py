"""A proxy that counts round trips: how often a client sends and then waits."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds by which answers are late: what is sent meanwhile has not waited for them.
LATENCY = 0.005


class CountingProxy:
    """Stands before a PostgreSQL.

    A round trip begins when the client sends after the server has: what it sends
    without waiting in between belongs to the same one.

    Attributes:
        upstream: The server's socket, or its port on loopback.
        latency: Seconds by which answers are late.
        round_trips: How many there were so far.
    """

    def __init__(self, upstream: Path | int, latency: float) -> None:
        self.upstream = upstream
        self.latency = latency
        self.port = 0
        self.counter_port = 0
        self.round_trips = 0

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Take connections until `stop` is set."""
        server = await asyncio.start_server(self._connect, "127.0.0.1")
        counter = await asyncio.start_server(self._tell, "127.0.0.1")
        self.port = server.sockets[0].getsockname()[1]
        self.counter_port = counter.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        counter.close()

    async def _tell(
        self,
        _reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Say how many there were so far, to a client in another process."""
        writer.write(str(self.round_trips).encode())
        writer.close()

    async def _connect(
        self,
        from_client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
    ) -> None:
        if isinstance(self.upstream, int):
            opening = asyncio.open_connection("127.0.0.1", self.upstream)
        else:
            opening = asyncio.open_unix_connection(self.upstream)
        from_server, to_server = await opening
        waiting = False

        async def forward_questions() -> None:
            nonlocal waiting
            while data := await from_client.read(65536):
                # The client's Terminate message has no answer.
                if not waiting and data[:1] != b"X":
                    self.round_trips += 1
                    waiting = True
                to_server.write(data)
            to_server.close()

        async def forward_answers() -> None:
            nonlocal waiting
            while data := await from_server.read(65536):
                await asyncio.sleep(self.latency)
                waiting = False
                to_client.write(data)
            to_client.close()

        await asyncio.gather(forward_questions(), forward_answers())


@contextmanager
def count_round_trips(
    upstream: Path | int, latency: float = LATENCY
) -> Iterator[CountingProxy]:
    """Run a proxy in a thread.

    Args:
        upstream: The server's socket, or its port on loopback.
        latency: Seconds by which answers are late.
    """
    proxy = CountingProxy(upstream, latency)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        loop.run_until_complete(proxy.serve(ready, stop))
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
