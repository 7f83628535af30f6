"""A rendered project as a service: a database of its own, and uvicorn in front."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from support.processes import Run

TIMEOUT_SECONDS = 60


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask until the answer is yes, for what sends no event."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def migrate(run: Run, project: Path, url: str) -> None:
    """Bring a database to the project's newest schema."""
    alembic = "import alembic.config; alembic.config.main(['upgrade', 'head'])"
    migrated = run(sys.executable, "-c", alembic, cwd=project, DB_URL=url)
    assert migrated.returncode == 0, migrated.stderr


class Service:
    """A project that is served.

    Attributes:
        client: What sends requests to it.
        process: The one that answers them.
    """

    def __init__(
        self, client: httpx2.Client, process: "subprocess.Popen[bytes]"
    ) -> None:
        self.client = client
        self.process = process

    def answers(self) -> bool:
        """Whether it is there yet."""
        assert self.process.poll() is None, "the service ended"
        try:
            return self.client.get("/health/live").is_success
        except httpx2.TransportError:
            return False


@contextmanager
def serve(
    project: Path,
    folder: Path,
    environment: dict[str, str],
    app: str = "app.main:app",
    *,
    port: int | None = None,
    log: Path | None = None,
    loop: str = "asyncio",
    workers: int = 1,
) -> Iterator[Service]:
    """Serve a project with uvicorn, from when it answers.

    Args:
        project: A rendered project, which is only read.
        folder: Where its socket is.
        environment: Its variables.
        app: The application, as uvicorn finds it from the project.
        port: Where it listens instead, for a client that knows no sockets.
        log: The file for what it logs by default; without it only errors are shown.
        loop: The event loop. A project does not install uvloop, which uvicorn prefers.
        workers: Its processes.
    """
    socket = None if port else str(folder / "http")
    place = f"--port={port}" if port else f"--uds={socket}"
    uvicorn = (sys.executable, "-m", "uvicorn", app, place)
    options = (f"--loop={loop}", f"--workers={workers}")
    command = (*uvicorn, *options, f"--log-level={'info' if log else 'error'}")
    with (
        open(log or os.devnull, "wb") as output,
        subprocess.Popen(
            command,
            cwd=project,
            env=environment,
            stdout=output if log else None,
            stderr=output if log else None,
        ) as process,
        httpx2.Client(
            transport=httpx2.HTTPTransport(uds=socket),
            base_url=f"http://127.0.0.1:{port}" if port else "http://service",
            timeout=TIMEOUT_SECONDS,
        ) as client,
    ):
        service = Service(client, process)
        try:
            wait_until(service.answers)
            yield service
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)
