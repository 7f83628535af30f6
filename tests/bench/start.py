"""What a process costs before its first request: processor time and memory."""

import json
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from support.processes import Run

ROUNDS_PER_ROUND = 3

_HEAD = """
import json, time
marks = []
def mark():
    status = open("/proc/self/status").read()
    kilobytes = int(status.split("VmHWM:")[1].split()[0])
    marks.append([time.process_time(), kilobytes])
mark()
"""
_TAIL = "print(json.dumps(marks))\n"
_SQLALCHEMY = {
    "async": "import greenlet, sqlalchemy.ext.asyncio, sqlalchemy.orm\n",
    "sync": "import sqlalchemy.orm\n",
}
# In the order in which they are imported: each is without what those before it share.
_DEPENDENCIES = {
    "FastAPI": "from fastapi import FastAPI\napp = FastAPI()\n",
    "the driver": "import {driver}\n",
    "SQLAlchemy": "{sqlalchemy}from sqlalchemy.dialects.postgresql import {driver}\n",
    "pydantic-settings": "from pydantic_settings import BaseSettings\n",
    "prometheus-client": "import prometheus_client\n",
    "stamina": "import stamina\n",
    "certifi": "import certifi\n",
}
_LAYER = {
    "imported": "from app.db import add_database\n",
    "connected": "from fastapi import FastAPI\nadd_database(FastAPI())\n",
    "application": "import app.main\n",
}


class Start(NamedTuple):
    """What a start costs.

    Attributes:
        dependencies: Seconds of the processor, by what is imported.
        imported: Importing the layer, where importing what it depends on is 1.
        connected: The same, with `add_database(app)`.
        application: The same, with the example's tables and routes.
        bare: The application's time, where FastAPI's and the driver's is 1.
        memory: The application's memory, in the same way.
    """

    dependencies: dict[str, float]
    imported: float
    connected: float
    application: float
    bare: float
    memory: float


def measure_start(
    run: Run, project: Path, mode: str, driver: str, rounds: int
) -> Start:
    """Start the dependencies and a project in turns, and return what each costs."""
    words = {"driver": driver, "sqlalchemy": _SQLALCHEMY[mode]}
    sources = [
        _compose([step.format(**words) for step in steps.values()])
        for steps in (_DEPENDENCIES, _LAYER)
    ]
    found: list[tuple[list[float], ...]] = []
    for number in range(ROUNDS_PER_ROUND * rounds + 1):
        marks = [_start(run, project, source) for source in sources]
        # The first round compiles.
        if number:
            found.append(_compare(*marks))
    shares, ratios = (
        [median(column) for column in zip(*rows, strict=True)]
        for rows in zip(*found, strict=True)
    )
    return Start(dict(zip(_DEPENDENCIES, shares, strict=True)), *ratios)


def _compose(steps: list[str]) -> str:
    return _HEAD + "".join(f"{step}mark()\n" for step in steps) + _TAIL


def _start(run: Run, project: Path, source: str) -> list[list[float]]:
    url = "postgresql://postgres@127.0.0.1/postgres"
    started = run(sys.executable, "-c", source, cwd=project, DB_URL=url)
    assert started.returncode == 0, started.stderr
    return [[float(value) for value in mark] for mark in json.loads(started.stdout)]


def _compare(
    dependencies: list[list[float]], layer: list[list[float]]
) -> tuple[list[float], list[float]]:
    """Return each dependency's seconds, and the ratios of a `Start`.

    The interpreter's own start is in neither.
    """
    times = [seconds for seconds, _ in dependencies]
    shares = [after - before for before, after in pairwise(times)]
    first, *steps = (seconds for seconds, _ in layer)
    ratios = [(step - first) / sum(shares) for step in steps]
    # The first two of `_DEPENDENCIES`.
    bare = (steps[-1] - first) / sum(shares[:2])
    memory = layer[-1][1] / dependencies[2][1]
    return shares, [*ratios, bare, memory]
