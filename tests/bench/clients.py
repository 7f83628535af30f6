"""Fifty clients that keep their connections: as cheap as Python can be, on its own.

Run as `python -m bench.clients SOCKET WORK SECONDS`; prints the requests per second.
"""

import asyncio
import sys
import time

CLIENTS = 50

_BODY = b'{"text":"bench"}'
REQUESTS = {
    "read": b"GET /notes/1 HTTP/1.1\r\nHost: bench\r\n\r\n",
    "write": b"POST /notes HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY),
}


class Client(asyncio.Protocol):
    """Sends the same request again and again, each after the answer to the last.

    Attributes:
        answered: How many there were so far.
        ended: Set when there are no more, or to what went wrong.
    """

    def __init__(self, request: bytes, deadline: float) -> None:
        self._request = request
        self._deadline = deadline
        self._received = b""
        self.answered = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Send the next request when the answer is complete."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _get_length(head):
            return
        if not head.startswith(b"HTTP/1.1 20"):
            self._fail(f"answered with {head[:12]!r}")
            return
        self._received = b""
        self.answered += 1
        if time.perf_counter() < self._deadline:
            self._transport.write(self._request)
        elif not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so if an answer was still to come."""
        self._fail(f"hung up: {exc}")

    def _fail(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(f"the service {reason}"))


def _get_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])


async def measure(socket: str, request: bytes, seconds: float) -> float:
    """Return how many requests were answered per second."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = []
    for _ in range(CLIENTS):
        _, client = await loop.create_unix_connection(
            lambda: Client(request, started + seconds), socket
        )
        clients.append(client)
    await asyncio.gather(*(client.ended for client in clients))
    answered = sum(client.answered for client in clients)
    return answered / (time.perf_counter() - started)


if __name__ == "__main__":
    path, work, duration = sys.argv[1:]
    print(asyncio.run(measure(path, REQUESTS[work], float(duration))))
