"""A server that is some milliseconds away."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import make_url

from support.round_trips import count_round_trips


@contextmanager
def delay(url: str, milliseconds: int) -> Iterator[tuple[str, str]]:
    """Yield a URL that is so far away, and the port that tells its round trips.

    A proxy in a process of its own delays the answers. For 0 there is none.

    Args:
        url: A database on a Unix socket.
        milliseconds: The round-trip time.
    """
    if not milliseconds:
        yield url, ""
        return
    place = make_url(url)
    upstream = Path(str(place.query["host"]), ".s.PGSQL.5432")
    here, there = Pipe()
    process = Process(target=_run_proxy, args=(upstream, milliseconds / 1000, there))
    process.start()
    try:
        port, counter_port = here.recv()
        yield f"postgresql://postgres@127.0.0.1:{port}/{place.database}", counter_port
    finally:
        here.send("stop")
        process.join()


def _run_proxy(upstream: Path, seconds: float, parent: Connection) -> None:
    with count_round_trips(upstream, seconds) as proxy:
        parent.send((proxy.port, str(proxy.counter_port)))
        parent.recv()
