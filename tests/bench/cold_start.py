"""What a process costs before its first request: processor time and memory."""

import json
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

from support.processes import Run

ROUNDS = 7

_ENTRIES = {
    "FastAPI and the driver": """
from fastapi import FastAPI
import {driver}
app = FastAPI()
""",
    "and SQLAlchemy and pydantic-settings": """
from fastapi import FastAPI
import {driver}
import pydantic_settings
import sqlalchemy.ext.asyncio
import sqlalchemy.orm
from sqlalchemy.dialects.postgresql import {driver}
app = FastAPI()
""",
    "this layer": "from app.main import app\n",
}
_MEASURE = """
import json, time
status = open("/proc/self/status").read()
kilobytes = int(status.split("VmHWM:")[1].split()[0])
print(json.dumps([time.process_time(), kilobytes / 1024]))
"""


class ColdStart(NamedTuple):
    """What a start costs.

    Attributes:
        seconds: Of the processor.
        megabytes: Of memory, at most.
    """

    seconds: float
    megabytes: float


def measure_cold_start(run: Run, project: Path, driver: str) -> dict[str, ColdStart]:
    """Start a bare application and a project in turns, and return what each costs."""
    found: dict[str, list[list[float]]] = {entry: [] for entry in _ENTRIES}
    for number in range(ROUNDS + 1):
        for entry, source in _ENTRIES.items():
            command = (sys.executable, "-c", source.format(driver=driver) + _MEASURE)
            url = "postgresql://postgres@127.0.0.1/postgres"
            started = run(*command, cwd=project, DB_URL=url)
            assert started.returncode == 0, started.stderr
            # The first one compiles.
            if number:
                found[entry].append(json.loads(started.stdout))
    return {
        entry: ColdStart(*map(median, zip(*costs, strict=True)))
        for entry, costs in found.items()
    }
