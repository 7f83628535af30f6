"""A service with routes that provoke what dashboard and alerts show, and its clients."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psycopg

from support.databases import WAITING_FOR_A_LOCK
from support.postgres import find_free_port
from support.services import Service, serve, wait_until

POOL_SIZE = 3

# The project, and what its users would not do.
_APP = """
from app.db import DatabaseUnavailable, DbSession, retry_transient
from app.main import app
from sqlalchemy import text

@app.get("/hold")
async def hold(session: DbSession) -> None:
    await session.execute(text("SELECT pg_advisory_xact_lock_shared(1)"))

@app.get("/slow")
async def wait(session: DbSession) -> None:
    await session.execute(text("SELECT pg_sleep(0.02)"))

@app.get("/retry")
async def retry() -> None:
    outcomes = iter([DatabaseUnavailable("refused"), None])

    @retry_transient
    async def work() -> None:
        if error := next(outcomes):
            raise error

    await work()
"""

_HOLDERS = f"SELECT pid {WAITING_FOR_A_LOCK}"


class Observed:
    """A service that is scraped, and what goes wrong with it.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, service: Service, port: int, url: str) -> None:
        self.port = port
        self._service = service
        self._url = url

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Send requests of all kinds, one after another."""
        stop = Event()

        def send() -> None:
            while not stop.wait(0.1):
                self._service.client.post("/notes", json={"text": "observed"})
                for path in ("/notes", "/slow", "/retry", "/health/ready"):
                    self._service.client.get(path)

        with ThreadPoolExecutor(1) as executor:
            sending = executor.submit(send)
            try:
                yield
            finally:
                stop.set()
                sending.result()

    @contextmanager
    def exhausted(self) -> Iterator[None]:
        """Keep all connections, while others wait for one again and again."""
        stop = Event()

        def hold() -> None:
            while not stop.is_set():
                self._service.client.get("/hold")

        with (
            psycopg.connect(self._url, autocommit=True) as keeper,
            ThreadPoolExecutor(3 * POOL_SIZE) as clients,
        ):
            keeper.execute("SELECT pg_advisory_lock(1)")
            requests = [clients.submit(hold) for _ in range(3 * POOL_SIZE)]
            try:
                yield
            finally:
                stop.set()
                keeper.execute("SELECT pg_advisory_unlock(1)")
                for request in requests:
                    request.result()

    def cut_off(self) -> None:
        """End the sessions of all connections that are in use."""
        with psycopg.connect(self._url, autocommit=True) as killer:
            wait_until(lambda: len(killer.execute(_HOLDERS).fetchall()) >= POOL_SIZE)
            killer.execute(
                f"SELECT pg_terminate_backend(pid) FROM ({_HOLDERS}) holders"
            )

    @contextmanager
    def unreachable(self, server_url: str) -> Iterator[None]:
        """Have the server refuse its connections."""
        name = psycopg.conninfo.conninfo_to_dict(self._url)["dbname"]
        allow = f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS"
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        )
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(f"{allow} false".encode())
            server.execute(end, [name])
            try:
                yield
            finally:
                server.execute(f"{allow} true".encode())

    def check(self) -> int:
        """Ask whether it is ready, and return the status of its answer."""
        return self._service.client.get("/health/ready").status_code


@contextmanager
def observe(
    project: Path, folder: Path, environment: dict[str, str], url: str
) -> Iterator[Observed]:
    """Serve a project with the routes above, with a small pool.

    Args:
        project: A rendered project, which is only read.
        folder: For its module.
        environment: Its variables.
        url: A database that is migrated.
    """
    (folder / "observed.py").write_text(_APP, encoding="utf-8")
    variables = {
        "DB_URL": url,
        "DB_POOL_SIZE": str(POOL_SIZE),
        "DB_POOL_TIMEOUT": "1",
        "DB_LEAK_THRESHOLD": "2",
        # So that connections are opened all the time.
        "DB_POOL_RECYCLE": "1",
        "DB_SLOW_QUERY_THRESHOLD": "0.01",
        "DB_HEALTH_CACHE_TTL": "0",
        "PYTHONPATH": os.pathsep.join([str(project), str(folder)]),
    }
    port = find_free_port()
    variables = environment | variables
    with serve(
        project, folder, variables, "observed:app", port=port, log=folder / "log"
    ) as service:
        yield Observed(service, port, url)
