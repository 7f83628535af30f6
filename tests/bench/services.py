"""Whole applications under uvicorn: the example's handlers, on three kinds of session."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from bench.measured import BASE, CAREFUL, OURS, WORK, Rounds
from bench.plain import get_dependencies, get_drivername
from support.processes import Run, inherited
from support.services import serve
from support.variants import ROOT, Answers

# Fewer, and fifty clients of a sync service with a plain session can stop for good:
# the forty threads all wait for a connection, whose holders wait for a thread.
CONNECTIONS = 15
WARM_UP_SECONDS = 0.5

_ALIASES = """
from typing import Annotated
from fastapi import Depends

DbSession = Annotated[Session, Depends(get_plain_db, scope="function")]
ReadDbSession = Annotated[Session, Depends(get_plain_read_db, scope="function")]
"""
_MAIN = """
from fastapi import FastAPI
import plain_notes

app = FastAPI(title="My API")
app.include_router(plain_notes.router)

@app.get("/health/live", status_code=204)
async def live() -> None:
    pass
"""
_IMPORT = "from app.db import"
_APPS = {OURS: "app.main:app", BASE: "plain_main:app", CAREFUL: "plain_main:app"}


def measure_services(
    run: Run,
    answers: Answers,
    project: Path,
    url: str,
    folder: Path,
    *,
    rounds: int,
    seconds: float,
) -> Rounds:
    """Return the requests per second of each service, round by round.

    Args:
        run: What runs a command.
        answers: The pair.
        project: Its project.
        url: A migrated database.
        folder: An empty one, for modules and sockets.
        rounds: How often each of them takes its turn, in a new process.
        seconds: How long a turn is.
    """
    write_plain_application(answers, project, folder)
    plain_url = make_url(url).set(drivername=get_drivername(answers))
    environment = inherited() | {
        "BENCH_URL": plain_url.render_as_string(hide_password=False),
        "DB_POOL_SIZE": str(CONNECTIONS),
        "DB_URL": url,
        "ENVIRONMENT": "production",
        "PYTHONPATH": str(folder),
    }
    found: dict[str, dict[str, list[float]]] = {
        work: {way: [] for way in _APPS} for work in WORK
    }
    for number in range(rounds):
        # Two processes that run the same code can differ by 15 %.
        place = folder / str(number)
        place.mkdir()
        with _serve_all(project, place, environment) as sockets:
            # A note has to be written before it is read.
            for work in reversed(WORK):
                for socket in sockets.values():
                    _load(run, socket, work, WARM_UP_SECONDS)
            # None is always the first.
            turns = list(sockets.items())[:: 1 if number % 2 else -1]
            for work, ways in found.items():
                for way, socket in turns:
                    ways[way].append(_load(run, socket, work, seconds))
    return found


def write_plain_application(answers: Answers, project: Path, folder: Path) -> None:
    """Write the example once more, with the sessions of FastAPI's documentation."""
    notes = (project / "app/notes.py").read_text("utf-8")
    assert notes.count(_IMPORT) == 1
    modules = {
        "plain_db": get_dependencies(answers) + _ALIASES,
        "plain_main": _MAIN,
        "plain_notes": notes.replace(_IMPORT, "from plain_db import"),
    }
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")


@contextmanager
def _serve_all(
    project: Path, folder: Path, environment: dict[str, str]
) -> Iterator[dict[str, Path]]:
    """Serve every application at once, and yield their sockets."""
    with ExitStack() as services:
        sockets = {}
        for number, (way, app) in enumerate(_APPS.items()):
            place = folder / str(number)
            place.mkdir()
            variables = {"BENCH_PRE_PING": "1" if way == CAREFUL else ""}
            services.enter_context(serve(project, place, environment | variables, app))
            sockets[way] = place / "http"
        yield sockets


def _load(run: Run, socket: Path, work: str, seconds: float) -> float:
    clients = (sys.executable, "-m", "bench.clients", str(socket), work, str(seconds))
    loaded = run(*clients, cwd=ROOT / "tests")
    assert loaded.returncode == 0, loaded.stderr
    return float(loaded.stdout)
