"""Every variant renders what it should: these files, well-formed, clean, declared."""

import json
import re
import sys
import tomllib
import warnings
from collections.abc import Callable
from configparser import ConfigParser
from functools import cache, partial
from pathlib import Path

import pytest
import yaml
from mako.template import Template  # type: ignore[import-untyped]

from support.hooks import write
from support.processes import Run
from support.variants import (
    CONFIG,
    ROOT,
    Answers,
    Render,
    all_variants,
    pairwise,
    parameters,
    variant_id,
)

# The layer, in both scaffolds.
LAYER = """
    .copier-answers.yml app/__init__.py
    app/db/README.md app/db/__init__.py app/db/__main__.py app/db/advice.py app/db/answers.py
    app/db/application.py app/db/callstack.py app/db/check.py app/db/checkouts.py
    app/db/connection.py app/db/errors.py app/db/health.py app/db/leaks.py
    app/db/local.py app/db/monitoring.py app/db/problems.py app/db/registry.py
    app/db/retry.py app/db/route.py app/db/session.py app/db/settings.py
    app/db/testing.py app/db/endpoints.py app/db/environment.py
    app/db/wait.py
    app/db/doctor/__init__.py app/db/doctor/lines.py app/db/doctor/network.py
    app/db/doctor/promises.py app/db/doctor/report.py app/db/doctor/server.py
    app/db/doctor/timeouts.py app/db/doctor/watch.py
    app/db/engine/__init__.py app/db/engine/background.py
    app/db/engine/connect_args.py app/db/engine/dialect.py
    app/db/engine/driver.py app/db/engine/failures.py app/db/engine/limits.py
    app/db/engine/pool.py app/db/engine/providers.py app/db/engine/queue.py
    app/db/engine/reasons.py app/db/engine/rows.py
    app/db/engine/recycle.py app/db/engine/tls.py app/db/engine/url.py
    app/db/engine/watchdog.py
    tests/db/__init__.py tests/db/conftest.py tests/db/fork.py tests/db/proxy.py
    tests/db/test_application.py tests/db/test_background.py tests/db/test_border.py
    tests/db/test_command_line.py tests/db/test_testing.py
    tests/db/test_connect_args.py tests/db/test_connection.py tests/db/test_dialect.py
    tests/db/test_driver.py tests/db/test_errors.py tests/db/test_failures.py
    tests/db/test_health.py tests/db/test_isolation.py tests/db/test_leaks.py
    tests/db/test_limits.py tests/db/test_local.py
    tests/db/test_monitoring.py tests/db/test_pool.py tests/db/test_problems.py
    tests/db/test_recycle.py tests/db/test_route.py tests/db/test_session.py
    tests/db/test_settings.py
    tests/db/test_url.py tests/db/test_wait.py tests/db/test_watch.py
    tests/db/test_doctor.py tests/db/test_doctor_output.py
    tests/db/test_doctor_promises.py tests/db/test_doctor_server.py
"""
# What a new service gets besides, which its team owns.
SERVICE = """
    .dockerignore .env.example .gitignore Containerfile README.md pyproject.toml
    .github/workflows/ci.yml .github/workflows/neon.yml .github/workflows/update.yml
    app/main.py app/models.py app/notes.py
    tests/__init__.py tests/conftest.py tests/test_notes.py
"""
FUNCTION = " app/aws_lambda.py "
SYNC = " app/db/admission.py tests/db/test_admission.py "
DRIVERS = {
    "psycopg": " app/db/engine/libpq.py app/db/engine/cursor.py tests/db/test_cursor.py ",
    "asyncpg": " app/db/engine/ssl_context.py app/db/engine/tcp.py ",
    "psycopg2": " app/db/engine/libpq.py ",
}
MIGRATIONS = """
    alembic.ini alembic/env.py alembic/script.py.mako
    app/db/migrations.py tests/db/test_migrations.py tests/db/test_revisions.py
    app/db/doctor/migrations.py tests/db/test_doctor_migrations.py
"""
METRICS = " app/db/meter.py app/db/metrics.py tests/db/test_metrics.py "
LIBRARIES = {
    "prometheus": " app/db/gauges.py monitoring/alerts.yml monitoring/dashboard.json ",
    "opentelemetry": " app/db/tracing.py tests/db/test_tracing.py ",
}

LONG_NAME = "a_package_of_thirty_characters"


def compile_python(text: str) -> None:
    with warnings.catch_warnings(action="error"):
        compile(text, "<rendered>", "exec", dont_inherit=True)


PARSERS: dict[str, Callable[[str], object]] = {
    ".ini": lambda text: ConfigParser(interpolation=None).read_string(text),
    ".json": json.loads,
    ".mako": Template,
    ".py": compile_python,
    ".toml": tomllib.loads,
    ".yml": yaml.safe_load,
}
UNPARSED = {
    ".dockerignore",
    ".env.example",
    ".gitignore",
    ".gitkeep",
    "Containerfile",
    "README.md",
}

# GitHub's own braces follow a dollar sign; Prometheus's and Grafana's are in `monitoring`.
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


@pytest.fixture(params=parameters(all_variants()))
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
    names = LAYER if is_layer else LAYER + SERVICE
    if answers["migrations"]:
        first = ".gitkeep" if is_layer else "0001_create_note.py"
        names += f"{MIGRATIONS} alembic/versions/{first}"
    if answers["runtime"] == "serverless" and not is_layer:
        names += FUNCTION
    if answers["mode"] == "sync":
        names += SYNC
    names += DRIVERS[str(answers["driver"])]
    if answers["metrics"] != "none":
        names += METRICS + LIBRARIES[str(answers["metrics"])]

    rendered = {path.relative_to(project).as_posix() for path in files_of(project)}

    assert rendered == set(names.split())


def test_every_file_parses(project: Path) -> None:
    for path in files_of(project):
        if path.name not in UNPARSED:
            parse(path.suffix, read(path))


def test_no_jinja_is_left(project: Path) -> None:
    left = [
        path
        for path in files_of(project)
        if JINJA.search(str(path))
        or (path.parent.name != "monitoring" and JINJA.search(read(path)))
    ]

    assert left == []


def test_no_line_shows_where_a_condition_was(project: Path) -> None:
    scars = [
        f"{path}: {what}"
        for path in files_of(project)
        for what, scar in (PYTHON_SCARS if path.suffix in PYTHON else SCARS).items()
        if re.search(scar, read(path))
    ]

    assert scars == []


def copy_distinct_modules(projects: list[Path], folders: list[Path]) -> list[Path]:
    """Copy each module, but what is the same in several projects only once."""
    copied = {}
    for project, folder in zip(projects, folders, strict=True):
        for path in project.rglob("*.py"):
            name = path.relative_to(project)
            if (name, text := read(path)) not in copied:
                copied[name, text] = write(folder / name, text)
    return list(copied.values())


@pytest.mark.parametrize(
    "package", [pytest.param("app", marks=pytest.mark.thorough), LONG_NAME]
)
def test_ruff_has_nothing_to_say(
    render: Render, run: Run, tmp_path: Path, package: str
) -> None:
    variants = all_variants() if package == "app" else pairwise(all_variants())
    projects = [render(**answers | {"package": package}) for answers in variants]
    names = [variant_id(answers) for answers in variants]
    modules = copy_distinct_modules(projects, [tmp_path / name for name in names])
    # A variant whose modules are all those of others has no folder.
    names = [name for name in names if (tmp_path / name).exists()]

    for line_length in (88, 100, 120):
        # The default project's rules; the folders say which packages are one's own.
        settings = (
            f"--config={projects[0] / 'pyproject.toml'}",
            f"--config=src={names}",
            f"--config=line-length={line_length}",
            "--no-cache",
        )
        ruff = partial(run, sys.executable, "-m", "ruff", cwd=tmp_path)
        lint = ruff("check", "--output-format=concise", *settings, *names)
        form = ruff("format", "--check", *settings, *names)

        assert lint.returncode == 0, (lint.stdout + lint.stderr)[:5000]
        assert form.returncode == 0, (form.stdout + form.stderr)[:5000]
        assert int(form.stdout.split()[0]) == len(modules)


def test_nothing_in_the_template_needs_trust() -> None:
    assert not {"_tasks", "_jinja_extensions"} & CONFIG.keys()
    assert all("version" in migration for migration in CONFIG.get("_migrations", []))


def test_no_lock_file_is_kept(run: Run) -> None:
    listing = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT)

    names = {Path(line).name for line in listing.stdout.splitlines()}
    assert "copier.yml" in names
    assert not {name for name in names if "lock" in name}
