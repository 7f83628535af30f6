"""Processes that see the environment of the user, and nothing of this test run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# What the fixture `run` is: it takes a command, a folder and variables.
Run = Callable[..., "subprocess.CompletedProcess[str]"]

# What this run, or its caller, sets for itself, and what would configure a database.
NOT_INHERITED = (
    "COPIER_",
    "COV_",
    "DATABASE_URL",
    "DB_",
    "GIT_",
    "PG",
    "POSTGRES_",
    "PYTEST_",
    "PYTHONDONTWRITEBYTECODE",
    "UV_FROZEN",
    "UV_LOCKED",
    "UV_NO_SYNC",
    "UV_PROJECT",
    "VIRTUAL_ENV",
)

COPIER = Path(sys.executable).with_name("copier")
# A command of its own, or a package of this environment.
UV = [found] if (found := shutil.which("uv")) else [sys.executable, "-m", "uv"]


def inherited() -> dict[str, str]:
    """Return the variables that a process of the tests may see."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(NOT_INHERITED)
    }
