"""Variants with every pair of answers: strictly typed, and tested as by their users."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.runner import OPTIONS, PLUGINS
from support.variants import Answers, Render, all_variants, pairwise, variant_id

VARIANTS = pairwise(all_variants())
# One for each driver pair: `test_suites` runs whole suites too, without measuring.
MEASURED = {pair_id(answers): answers for answers in reversed(VARIANTS)}.values()

CALLS = """
from app.db import DbSession, ReadDbSession

def read(session: ReadDbSession) -> None: ...
def write(session: DbSession) -> None: ...

def handle(writing: DbSession, reading: ReadDbSession) -> None:
    read(reading)
    read(writing)
    write(writing)
    write(reading)
"""


@pytest.mark.parametrize("answers", VARIANTS, ids=variant_id)
@pytest.mark.xdist_group("mypy")
def test_mypy_finds_nothing(
    render: Render, run: Run, mypy_cache: Path, answers: Answers
) -> None:
    project = render(**answers)
    # A layer's settings are those of its host; a project brings its own.
    settings = ["--strict", "--config-file="] if answers["scaffold"] == "layer" else []

    mypy = run(
        *(sys.executable, "-m", "mypy", f"--cache-dir={mypy_cache}", *settings, "."),
        cwd=project,
    )

    assert mypy.returncode == 0, mypy.stdout + mypy.stderr


@pytest.mark.xdist_group("mypy")
@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_a_session_for_reading_is_not_one_for_writing(
    render: Render, run: Run, mypy_cache: Path, answers: Answers
) -> None:
    project = render(**answers)

    mypy = run(
        *(sys.executable, "-m", "mypy", f"--cache-dir={mypy_cache}", "-c", CALLS),
        cwd=project,
    )

    (error,) = [line for line in mypy.stdout.splitlines() if ": error: " in line]
    assert error.startswith("<string>:11: ")
    assert '"write" has incompatible type "ReadSession"' in error


@pytest.mark.parametrize("answers", MEASURED, ids=variant_id)
@pytest.mark.thorough
def test_its_whole_suite_passes_and_covers_it(
    render: Render,
    run: Run,
    server_url: str,
    workshop: Path,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    rendered = render(**answers)
    project = workshop / "project"
    shutil.copytree(rendered, project)
    name = variant_id(answers)

    suite = run(
        *(sys.executable, "-m", "pytest", "tests", *OPTIONS, *PLUGINS),
        *("-p", "pytest_cov.plugin", "--cov=app", "--cov-branch", "--cov-report=json"),
        *("--junitxml=tests.xml", f"--basetemp={workshop / 'tmp'}"),
        cwd=project,
        DB_URL=server_url,
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTHONPATH=".",
    )

    assert suite.returncode == 0, suite.stdout[-8000:] + suite.stderr
    results = ElementTree.parse(project / "tests.xml").getroot()[0].attrib
    coverage = json.loads((project / "coverage.json").read_text("utf-8"))
    percent = coverage["totals"]["percent_covered"]
    line = f"suite: {name}: {results['tests']} passed, coverage {percent:.1f} %"
    record_property("table", line)
    assert results["skipped"] == "0"
    assert coverage["meta"]["branch_coverage"]
    assert percent >= 95, line
