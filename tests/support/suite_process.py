"""pytest in processes that are forked from one with the dependencies imported.

A forked process imports this module, so it imports nothing of the template's tests.
"""

import gc
import os
import signal
import sys
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from _pytest.config import default_plugins

TIMEOUT_SECONDS = 600

# What the variants and their tests import, which takes a process longer than to run
# most of the suites.
_DEPENDENCIES = [
    "alembic.autogenerate",
    "alembic.command",
    "anyio._backends._asyncio",
    "asyncpg",
    "certifi",
    "fastapi.responses",
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


def fork_server() -> ForkServerContext:
    """Return what makes processes in which the dependencies are imported."""
    context = get_context("forkserver")
    own = [f"_pytest.{name}" for name in default_plugins]
    context.set_forkserver_preload([*own, *_DEPENDENCIES])
    return context


def run_pytest(
    folder: Path, arguments: list[str], environment: dict[str, str], output: Path
) -> None:
    """Be a pytest that was started in a folder, until the end of this process.

    Args:
        folder: The project.
        arguments: What would follow `pytest`.
        environment: All of its variables.
        output: The file for what it prints.
    """
    signal.alarm(TIMEOUT_SECONDS)
    # What has been imported is never garbage.
    gc.freeze()
    # The folder is used once.
    sys.dont_write_bytecode = True
    printed = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    installed = (sys.prefix, sys.base_prefix)
    others = [path for path in sys.path if path.startswith(installed)]
    sys.path[:] = [str(folder), *others]
    sys.exit(pytest.main(arguments))
