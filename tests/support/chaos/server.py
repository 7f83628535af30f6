"""A PostgreSQL that can be killed, paused, stopped and started again."""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import trustme

from support.postgres import administer, find_free_port, run_server
from support.services import wait_until

MAX_CONNECTIONS = 20


class Server:
    """A PostgreSQL of Debian's with TLS, always on the same port.

    Attributes:
        port: Its TCP port on 127.0.0.1.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._certificate = trustme.CA().issue_cert("127.0.0.1")
        self.port = find_free_port()
        self._running = ExitStack()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        running = run_server(
            self._data,
            port=self.port,
            certificate=self._certificate,
            settings={"max_connections": str(MAX_CONNECTIONS)},
        )
        self._process = self._running.enter_context(running).process

    def stop(self) -> None:
        """End all sessions, and then the server."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)
        self._running.close()

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self) -> "psycopg.Connection[Any]":
        """Connect past everything that fails, as the superuser."""
        return administer(self._data, self.port)

    def list_backends(self) -> list[int]:
        """Return the processes that serve other clients."""
        query = """
            SELECT pid FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        """
        with self.connect() as connection:
            return [pid for (pid,) in connection.execute(query)]

    def count_sessions(self, name: str) -> dict[str, int]:
        """Count the sessions of an application by their state."""
        query = """
            SELECT state, count(*) FROM pg_stat_activity
            WHERE application_name = %s GROUP BY state
        """
        with self.connect() as connection:
            return dict(connection.execute(query, [name]).fetchall())

    def count_notes(self) -> Counter[str]:
        """Count the notes by their text."""
        with self.connect() as connection:
            query = "SELECT text, count(*) FROM note GROUP BY text"
            return Counter(dict(connection.execute(query).fetchall()))

    def kill(self, rng: random.Random, share: float) -> int:
        """End the sessions of a share of the clients; return how many there were."""
        pids = [pid for pid in self.list_backends() if rng.random() <= share]
        with self.connect() as connection:
            query = "SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid"
            return sum(ended for (ended,) in connection.execute(query, [pids]))

    def crash(self, rng: random.Random) -> None:
        """Kill one process, after which the server restarts all of them."""
        wait_until(lambda: self._kill_process(rng))
        wait_until(self.is_ready)

    def _kill_process(self, rng: random.Random) -> bool:
        """Kill the process of a session, if there is any."""
        if backends := self.list_backends():
            os.kill(rng.choice(backends), signal.SIGKILL)
        return bool(backends)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Stop every process: the kernel acknowledges, and nobody answers."""
        pids = [self._process.pid, *self.list_backends()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def exhaust(self) -> Iterator[None]:
        """Take all of its connections."""
        taken: list[psycopg.Connection[Any]] = []
        try:
            self.kill(random.Random(), 1)
            while len(taken) < MAX_CONNECTIONS:
                try:
                    taken.append(self.connect())
                except psycopg.OperationalError:
                    break
            yield
        finally:
            for connection in taken:
                connection.close()
