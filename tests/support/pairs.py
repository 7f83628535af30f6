"""The driver pairs, and a way to run the same scenario in the project of each."""

import json
import re
import sys
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from support.processes import Run
from support.variants import Answers, all_variants

_DEFAULTS = all_variants()[0]

# A pair differs from the default in nothing but mode and driver.
PAIRS: list[Answers] = [
    answers
    for answers in all_variants()
    if answers == _DEFAULTS | {"mode": answers["mode"], "driver": answers["driver"]}
]

# What asyncpg says of a connection is what its event loop says.
each_driver = pytest.mark.parametrize(
    ("answers", "loop"),
    [
        pytest.param(answers, loop, id=f"{answers['mode']}-{answers['driver']}-{loop}")
        for answers in PAIRS
        for loop in ("asyncio", "uvloop")
        if loop == "asyncio" or answers["driver"] == "asyncpg"
    ],
)

_HEAD = """
import asyncio, json, logging, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import text
from app.db import *

def emit(value):
    print("\\0" + json.dumps(value))

"""
_ASYNC = """
sleep = asyncio.sleep

async def together(function, count):
    return await asyncio.gather(*(function() for _ in range(count)))

{functions}
asyncio.run(main())
"""
_SYNC = """
sleep = time.sleep

def together(function, count):
    with ThreadPoolExecutor(count) as executor:
        return list(executor.map(lambda _: function(), range(count)))

{functions}
main()
"""


def pair_id(answers: Answers) -> str:
    """Name a pair, such as `async-psycopg`."""
    return f"{answers['mode']}-{answers['driver']}"


def run_scenario(run: Run, project: Path, functions: str, **variables: str) -> Any:
    """Run `async def main()` in a project, and return what it gave to `emit`.

    The functions are written for the async mode; a sync project runs them without
    `async` and `await`. They may use all that `app.db` exports, `text`, `emit(value)`,
    `sleep(seconds)` and `together(function, count)`.

    Args:
        run: The fixture of that name.
        project: A rendered project, which is only read.
        functions: The source.
        variables: The environment, such as `DB_URL`.
    """
    sessions = (project / "app/db/session.py").read_text("utf-8")
    is_async = "async def get_session" in sessions
    functions = dedent(functions)
    if not is_async:
        functions = re.sub(r"\b(async|await) ", "", functions)
    source = _HEAD + (_ASYNC if is_async else _SYNC).format(functions=functions)
    result = run(sys.executable, "-c", source, cwd=project, **variables)
    assert result.returncode == 0, (
        f"{result.stdout}{result.stderr}\n{indent(source, '  ')}"
    )
    (emitted,) = re.findall(r"^\0(.*)$", result.stdout, re.MULTILINE)
    return json.loads(emitted)
