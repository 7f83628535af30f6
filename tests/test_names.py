"""Titles of any kind, and packages that hide no module."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
from packaging.requirements import Requirement

from support.processes import Run
from support.variants import Render, all_variants, computed

TITLES = [
    "Bill's API",
    'The "new" API',
    'Bill\'s "new" API',
    "Bill’s API – übersicht",  # noqa: RUF001
    "API: v2 # draft",
    "C:\\new\\table",
    "{{ braces }} {% raw %} ${HOME} %(here)s",
    "2nd API",
    "-",
    "🚀 API",
    "FastAPI",
    "注文",
    "x" * 80,
]

MAY_BE_A_PACKAGE = re.compile(r"[a-z][a-z0-9_]*$")


@pytest.mark.parametrize("title", TITLES)
def test_any_title_is_the_title_of_the_application(
    render: Render, run: Run, title: str
) -> None:
    project = render(project_name=title)
    show = "from app.main import app; print(ascii(app.title))"

    shown = run(sys.executable, "-c", show, cwd=project)

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() == ascii(title)
    readme = (project / "README.md").read_text("utf-8")
    assert readme.splitlines()[0] == f"# {title}"
    pyproject = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", pyproject["project"]["name"])
    ruff = run(sys.executable, "-m", "ruff", "check", "--no-cache", cwd=project)
    assert ruff.returncode == 0, ruff.stdout
    ruff = run(sys.executable, "-m", "ruff", "format", "--check", cwd=project)
    assert ruff.returncode == 0, ruff.stdout


def test_no_package_can_hide_a_module_that_a_project_imports(render: Render) -> None:
    refused = set(computed(all_variants()[0])["module_names"].split())
    pyproject = tomllib.loads((render() / "pyproject.toml").read_text("utf-8"))
    of_the_service = pyproject["project"]["dependencies"]
    of_its_tests = pyproject["dependency-groups"]["dev"]

    installed = modules_of(
        {
            name
            for answers in all_variants()
            for key in ("dependencies", "dev_dependencies")
            for name in computed(answers)[key]
        }
        | {*of_the_service, *of_its_tests}
    )

    names = sys.stdlib_module_names | installed
    assert {name for name in names if MAY_BE_A_PACKAGE.match(name)} - refused == set()


def modules_of(requirements: set[str]) -> set[str]:
    """Return the top-level modules of packages, and of those that they need."""
    names: set[str] = set()
    waiting = requirements
    while waiting:
        found = [Requirement(line) for line in waiting]
        here = {
            line.name
            for line in found
            if line.marker is None or line.marker.evaluate({"extra": ""})
        }
        waiting = {line for name in here - names for line in needs(name)}
        names |= here
    owners = packages_distributions()
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in names}
    return {
        module
        for module, distributions in owners.items()
        if normal & {re.sub(r"[-_.]+", "-", name).lower() for name in distributions}
        and module.isidentifier()
    }


def needs(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []
