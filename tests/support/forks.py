"""Python in processes that are forked from one with the dependencies imported.

A forked process imports this module, so it imports nothing of the template's tests.
"""

import gc
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from _pytest.config import default_plugins

TIMEOUT_SECONDS = 600

# What the projects and their tests import, which takes a process longer than what most
# of them are for.
_DEPENDENCIES = [
    "alembic.autogenerate",
    "alembic.command",
    "anyio._backends._asyncio",
    "asyncpg",
    "certifi",
    "copier.__main__",
    "fastapi.responses",
    "fastapi.testclient",
    "httpx2",
    "opentelemetry.sdk.metrics.export",
    "prometheus_client",
    "psycopg.errors",
    "psycopg2",
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.ext.asyncio",
    "sqlmodel.ext.asyncio.session",
    "stamina",
]

# Of these a project has what its code imports.
_OPTIONAL = {
    "alembic",
    "asyncpg",
    "prometheus_client",
    "psycopg",
    "psycopg2",
    "sqlmodel",
}

# What the command does that copier's package installs.
RUN_COPIER = """
import sys
from copier.__main__ import CopierApp

sys.argv[0] = "copier"
sys.exit(CopierApp.run())
"""


def fork_server() -> ForkServerContext:
    """Return what makes processes in which the dependencies are imported."""
    context = get_context("forkserver")
    own = [f"_pytest.{name}" for name in default_plugins]
    context.set_forkserver_preload([*own, *_DEPENDENCIES])
    return context


def run_source(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Do what `python -c` does, and return what comes out of it.

    Args:
        arguments: The code, and what it finds in `sys.argv`.
        folder: Where it runs.
        environment: All of its variables.
    """
    with tempfile.TemporaryDirectory(prefix="db-connection-") as name:
        place = Path(name)
        process = fork_server().Process(
            target=_be_python, args=(arguments, place, folder, environment)
        )
        process.start()
        process.join()
        stdout, stderr, code = (
            path.read_text("utf-8", "replace") if path.exists() else ""
            for path in (place / "stdout", place / "stderr", place / "code")
        )
    # Not the process's own code: two threads that wait for processes can lose it.
    return subprocess.CompletedProcess("python", int(code or -1), stdout, stderr)


def run_pytest(
    folder: Path, arguments: list[str], environment: dict[str, str], output: Path
) -> None:
    """Be a pytest that was started in a folder, until the end of this process.

    What the project does not depend on cannot be imported.

    Args:
        folder: The project.
        arguments: What would follow `pytest`.
        environment: All of its variables.
        output: The file for what it prints.
    """
    _start_over(folder, environment, output, output)
    _hide(_OPTIONAL - _find_imports(folder))
    # The folder is used once.
    sys.dont_write_bytecode = True
    sys.exit(pytest.main(arguments, plugins=[_EndWithoutGarbage()]))


class _EndWithoutGarbage:
    """Makes the end quick: pytest collects all garbage five times then."""

    def pytest_unconfigure(self) -> None:
        """Leave nothing to collect, because the process ends."""
        gc.freeze()


def _find_imports(project: Path) -> set[str]:
    """Return the packages that the code of a project imports, not that of its tests."""
    code = [
        path.read_text()
        for path in project.glob("**/*.py")
        if not path.is_relative_to(project / "tests")
    ]
    return set(re.findall(r"^ *(?:from|import) (\w+)", "\n".join(code), re.MULTILINE))


def _hide(packages: set[str]) -> None:
    """Have the imports of packages fail, as if they were not installed."""
    for name in list(sys.modules):
        if name.partition(".")[0] in packages:
            del sys.modules[name]
    hidden: Any = dict.fromkeys(packages)
    sys.modules.update(hidden)


def _be_python(
    arguments: list[str], place: Path, folder: Path, environment: dict[str, str]
) -> None:
    _start_over(folder, environment, place / "stdout", place / "stderr")
    source = place / "source"
    source.write_text(arguments[0], "utf-8")
    sys.argv = ["-c", *arguments[1:]]
    code: object = 1
    try:
        runpy.run_path(str(source), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code
    finally:
        (place / "code").write_text(str(code or 0))


def _start_over(
    folder: Path, environment: dict[str, str], stdout: Path, stderr: Path
) -> None:
    """Forget the process that this one was forked from."""
    signal.alarm(TIMEOUT_SECONDS)
    # What has been imported is never garbage.
    gc.freeze()
    for number, path in enumerate((stdout, stderr), 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    installed = (sys.prefix, sys.base_prefix)
    others = [path for path in sys.path if path.startswith(installed)]
    given = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [str(folder), *given, *others]
