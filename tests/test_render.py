"""Every variant renders what it should: these files, well-formed, clean, declared."""

import re
import sys
import tomllib
import warnings
from collections.abc import Callable
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
import yaml
from mako.template import Template  # type: ignore[import-untyped]

from support.processes import Run
from support.variants import (
    CONFIG,
    ROOT,
    Answers,
    Render,
    all_variants,
    pairwise,
    variant_id,
)

LAYER = """
    .copier-answers.yml
    app/__init__.py app/api/__init__.py app/config/__init__.py app/db/__init__.py
    app/api/health.py app/config/settings.py app/db/__main__.py app/db/check.py
    app/db/connection.py app/db/dialect.py app/db/endpoint.py app/db/engine.py
    app/db/errors.py app/db/failures.py app/db/lifetime.py app/db/local.py
    app/db/monitoring.py app/db/pool.py app/db/session.py app/db/tls.py app/db/url.py
    {tests}/conftest.py {tests}/test_command_line.py {tests}/test_connection.py
    {tests}/test_endpoint.py {tests}/test_errors.py {tests}/test_health.py
    {tests}/test_lifetime.py {tests}/test_monitoring.py {tests}/test_pool.py
    {tests}/test_session.py {tests}/test_settings.py {tests}/test_url.py
"""
APPLICATION = """
    .env.example .github/workflows/ci.yml .gitignore README.md pyproject.toml
    app/main.py app/models.py tests/test_main.py tests/test_notes.py
"""
SYNC = " app/db/turns.py {tests}/test_turns.py "
DRIVERS = {
    "psycopg": " app/db/cursor.py {tests}/test_cursor.py ",
    "asyncpg": " app/db/keepalive.py {tests}/test_keepalive.py ",
    "psycopg2": "",
}
MIGRATIONS = """
    alembic.ini alembic/env.py alembic/script.py.mako {tests}/test_migrations.py
"""
METRICS = " app/db/metrics.py {tests}/test_metrics.py "

LONG_NAME = "a_package_of_thirty_characters"


def compile_python(text: str) -> None:
    with warnings.catch_warnings(action="error"):
        compile(text, "<rendered>", "exec", dont_inherit=True)


PARSERS: dict[str, Callable[[str], object]] = {
    ".ini": lambda text: ConfigParser(interpolation=None).read_string(text),
    ".mako": Template,
    ".py": compile_python,
    ".toml": tomllib.loads,
    ".yml": yaml.safe_load,
}
UNPARSED = {".env.example", ".gitignore", ".gitkeep", "README.md"}

# GitHub's own braces follow a dollar sign.
JINJA = re.compile(r"(?<!\$)\{\{|\{%|\{#")
SCARS = {
    "a blank line at the start": r"\A\n",
    "a blank line at the end": r"\n\n\Z",
    "no newline at the end": r"[^\n]\Z",
    "white space at the end of a line": r"(?m)[ \t\r]$",
    "too many blank lines in a row": r"\n{3}",
}
# In Python two may be right; `ruff format` finds those that are not.
PYTHON_SCARS = SCARS | {"too many blank lines in a row": r"\n{4}"}
PYTHON = {".mako", ".py"}


@pytest.fixture(params=all_variants(), ids=variant_id)
def answers(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Answers:
    answers: Answers = request.param
    record_property("rendered", variant_id(answers))
    return answers


@pytest.fixture
def project(render: Render, answers: Answers) -> Path:
    return render(**answers)


def files_of(project: Path) -> list[Path]:
    """Return what was rendered, and not what Python leaves when other tests run it."""
    paths = sorted(path for path in project.rglob("*") if not path.is_dir())
    return [path for path in paths if path.parent.name != "__pycache__"]


@cache
def parse(suffix: str, text: str) -> None:
    PARSERS[suffix](text)


def read(path: Path) -> str:
    return path.read_bytes().decode()


def test_it_has_exactly_these_files(project: Path, answers: Answers) -> None:
    is_layer = answers["scaffold"] == "layer"
    names = LAYER + (" {tests}/__init__.py " if is_layer else APPLICATION)
    if answers["migrations"]:
        first = ".gitkeep" if is_layer else "0001_create_note.py"
        names += f"{MIGRATIONS} alembic/versions/{first}"
    if answers["mode"] == "sync":
        names += SYNC
    names += DRIVERS[str(answers["driver"])]
    if answers["metrics"] != "none":
        names += METRICS
    tests = "tests/db" if is_layer else "tests"

    rendered = {path.relative_to(project).as_posix() for path in files_of(project)}

    assert rendered == set(names.replace("{tests}", tests).split())


def test_every_file_parses(project: Path) -> None:
    for path in files_of(project):
        if path.name not in UNPARSED:
            parse(path.suffix, read(path))


def test_no_jinja_is_left(project: Path) -> None:
    left = [path for path in files_of(project) if JINJA.search(f"{path}{read(path)}")]

    assert left == []


def test_no_line_shows_where_a_condition_was(project: Path) -> None:
    scars = [
        f"{path}: {what}"
        for path in files_of(project)
        for what, scar in (PYTHON_SCARS if path.suffix in PYTHON else SCARS).items()
        if re.search(scar, read(path))
    ]

    assert scars == []


@pytest.mark.parametrize("line_length", [88, 100, 120])
@pytest.mark.parametrize("package", ["app", LONG_NAME])
def test_ruff_has_nothing_to_say(
    render: Render, run: Run, tmp_path: Path, package: str, line_length: int
) -> None:
    variants = all_variants() if package == "app" else pairwise(all_variants())
    names = [variant_id(answers) for answers in variants]
    for name, answers in zip(names, variants, strict=True):
        (tmp_path / name).symlink_to(render(**answers | {"package": package}))
    modules = [path for name in names for path in (tmp_path / name).rglob("*.py")]
    # The default project's rules; the folders say which packages are one's own.
    settings = (
        f"--config={names[0]}/pyproject.toml",
        f"--config=src={names}",
        f"--config=line-length={line_length}",
        "--no-cache",
    )
    ruff = (sys.executable, "-m", "ruff")

    lint = run(
        *ruff, "check", "--output-format=concise", *settings, *names, cwd=tmp_path
    )
    form = run(*ruff, "format", "--check", *settings, *names, cwd=tmp_path)

    assert lint.returncode == 0, (lint.stdout + lint.stderr)[:5000]
    assert form.returncode == 0, (form.stdout + form.stderr)[:5000]
    # And a README, when ruff formats Markdown.
    assert int(form.stdout.split()[0]) >= len(modules)


def test_nothing_in_the_template_needs_trust() -> None:
    assert not {"_tasks", "_jinja_extensions"} & CONFIG.keys()
    assert all("version" in migration for migration in CONFIG.get("_migrations", []))


def test_no_lock_file_is_kept(run: Run) -> None:
    listing = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT)

    names = {Path(line).name for line in listing.stdout.splitlines()}
    assert "copier.yml" in names
    assert not {name for name in names if "lock" in name}
