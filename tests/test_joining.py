"""Services of several shapes do what is printed, and no more, to have the layer."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import alembic.command
import pytest
from alembic.config import Config
from packaging.requirements import Requirement

from support.databases import make_database
from support.full_stack_host import FULL_STACK
from support.hooks import write
from support.hosts import Files, read_host, write_host
from support.plain_host import PLAIN
from support.processes import Run
from support.releases import changes, copy_here, start_repository
from support.rendering import quick_copier
from support.variants import ROOT, all_variants, computed

pytestmark = pytest.mark.thorough

PYTEST = Path(sys.executable).with_name("pytest")
BACKEND = {"mode": "sync", "models": "sqlmodel"}

SINGLE_FILE: Files = {
    "main.py": """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def read_root() -> str:
    return "hello"
""",
    "test_main.py": """\
from fastapi.testclient import TestClient

from main import app


def test_it_says_hello() -> None:
    assert TestClient(app).get("/").json() == "hello"
""",
}
SRC: Files = {
    f"src/{name}" if name.startswith("app/") else name: text
    for name, text in PLAIN.items()
}


class Host(NamedTuple):
    """A service.

    Attributes:
        files: By their path.
        main: The module that makes the application.
        answers: Other than the defaults.
        folder: Where it lies in its repository.
    """

    files: Files
    main: str
    answers: dict[str, str] = {}  # noqa: RUF012
    folder: str = "."


HOSTS = {
    "a single file": Host(SINGLE_FILE, "main.py", {"package": "storage"}),
    "a package with an alembic": Host(
        PLAIN | {"alembic.ini": "[alembic]\n", "alembic/env.py": "# Ours.\n"},
        "app/main.py",
    ),
    "src": Host(SRC, "src/app/main.py", {"metrics": "opentelemetry"}),
    "a folder of a monorepo": Host(PLAIN, "app/main.py", folder="services/orders"),
    "full-stack": Host(FULL_STACK, "app/main.py", BACKEND, "backend"),
}
each_host = pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    with quick_copier():
        yield


def add_layer(template: Path, service: Path, **answers: str) -> str:
    """Add the layer, and return what is printed."""
    return copy_here(template, service, scaffold="layer", **answers)


def blocks(message: str) -> list[str]:
    """Return what a closing message says to type, by paragraph."""
    paragraphs = re.split(r"\n\s*\n", message[message.index("The layer is in") :])
    return [re.sub("(?m)^  ", "", text) for text in paragraphs if text.startswith("  ")]


@each_host
def test_what_is_printed_is_enough_for_both_suites(
    run: Run, template: Path, tmp_path: Path, server_url: str, host: Host
) -> None:
    service = write_host(tmp_path / host.folder, host.files)
    write(service / "pyproject.toml", "[project]\nname = 'ours'\nversion = '1'\n")
    start_repository(run, tmp_path)
    before = read_host(service)
    printed = add_layer(template, service, **host.answers)
    untouched = {name: read_host(service).get(name) for name in before}
    lines = blocks(printed)

    (adding,) = (text for text in lines if "import add_database" in text)
    (connecting,) = (text for text in lines if text.startswith("add_database("))
    (variable,) = (text for text in lines if text.startswith("DB_URL="))
    (ignored,) = (text for text in lines if text.startswith(".env"))
    (paths,) = (text for text in lines if text.startswith("[tool.pytest"))
    (checks,) = (text for text in lines if text.startswith("uv run python -m "))
    main = (service / host.main).read_text("utf-8")
    write(service / host.main, f"{adding}\n{main}\n{connecting}\n")
    write(service / ".env", re.sub("=.*", f"={server_url}", variable))
    write(service / ".gitignore", ignored)
    write(service / "pyproject.toml", f"{before['pyproject.toml'].decode()}\n{paths}")
    # What installing the package does.
    path = {"PYTHONPATH": str(service / "src")} if "src/" in host.main else {}
    ping, suite = (line.split()[3:] for line in checks.splitlines())
    pinged = run(sys.executable, *ping, cwd=service, **path)
    # Of the layer's suite what reads the environment, and what serves.
    tests = [name for name in host.files if "test_" in name]
    tests += [f"{suite[-1]}/test_{name}.py" for name in ("health", "settings")]
    commands = ((PYTEST,), (sys.executable, *suite[:-1]))
    outcomes = []
    for command in commands:
        with make_database(server_url) as url:
            urls = {"DB_URL": url, "DATABASE_URL": url}
            outcomes.append(run(*command, *tests, cwd=service, **urls))

    assert untouched == before
    assert pinged.returncode == 0, pinged.stdout + pinged.stderr
    for outcome in outcomes:
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert not [name for name in changes(run, tmp_path) if name.endswith(".env")]


def test_what_is_to_be_installed_is_printed_as_commands(
    template: Path, tmp_path: Path
) -> None:
    context = computed(all_variants()[0] | {"scaffold": "layer"})

    installing = blocks(add_layer(template, tmp_path))[0]

    commands = [re.findall('"(.*?)"', line) for line in installing.splitlines()]
    assert commands == [context["dependencies"], context["dev_dependencies"]]
    assert "prometheus-client" in {Requirement(line).name for line in commands[0]}


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_two_printed_lines_connect_an_alembic_of_its_own(
    run: Run, template: Path, tmp_path: Path, database_url: str, mode: str
) -> None:
    write_host(tmp_path, PLAIN)
    config = Config(tmp_path / "alembic.ini", stdout=sys.stderr)
    kind = {"async": "async", "sync": "generic"}[mode]
    alembic.command.init(config, str(tmp_path / "alembic"), template=kind)
    env = tmp_path / "alembic/env.py"
    before = env.read_bytes()
    printed = add_layer(template, tmp_path, mode=mode)
    untouched = env.read_bytes() == before

    (lines,) = (text for text in blocks(printed) if "connectable" in text)
    importing, connectable = lines.splitlines()
    made = r"(?s)connectable = \w+\(.*?\n    \)"
    text, count = re.subn(made, connectable, env.read_text("utf-8"))
    env.write_text(f"{importing}\n{text}", "utf-8")
    command = (sys.executable, "-m", "alembic")
    revised = run(*command, "revision", "-m", "one", cwd=tmp_path, DB_URL=database_url)
    upgraded = run(*command, "upgrade", "head", cwd=tmp_path, DB_URL=database_url)

    assert untouched
    assert count == 1
    assert revised.returncode == 0, revised.stderr
    assert upgraded.returncode == 0, upgraded.stderr
    assert "Running upgrade  -> " in upgraded.stderr


def diffs() -> dict[str, str]:
    """Return the diffs of the page on existing services, by their heading."""
    page = (ROOT / "docs/existing-services.md").read_text("utf-8")
    return dict(re.findall(r"(?s)\n## ([^\n]+)\n[^#]*?```diff\n(---.*?)```", page))


@pytest.mark.parametrize("heading", diffs())
def test_a_service_adopts_what_it_wants_by_the_diff_of_the_documentation(
    run: Run, template: Path, tmp_path: Path, database_url: str, heading: str
) -> None:
    write_host(tmp_path, FULL_STACK)
    add_layer(template, tmp_path, **BACKEND, migrations="false")
    patch = write(tmp_path / "patch", diffs()[heading])

    applied = run("git", "apply", patch, cwd=tmp_path)
    suite = run(
        *(sys.executable, "-m", "pytest", "tests/test_items.py"),
        cwd=tmp_path,
        DATABASE_URL=database_url,
    )

    assert applied.returncode == 0, applied.stderr
    assert suite.returncode == 0, suite.stdout + suite.stderr
    assert " 4 passed" in suite.stdout
