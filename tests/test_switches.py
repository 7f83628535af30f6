"""Each answer is switched there and back, in plain projects and in one that lives.

A project that equals a render has its tests run by test_suites.py.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from questionnaire import ANSWERS_FILE
from support.edits import edit, write_code
from support.hosts import read_host
from support.imports import Files
from support.processes import Run
from support.releases import commit, conflicts, git, start_project, update_here
from support.rendering import quick_updates
from support.runner import Runner
from support.suites import suite_of_the_user
from support.variants import (
    Answer,
    Answers,
    Render,
    all_variants,
    is_varied,
    recorded,
)

pytestmark = pytest.mark.thorough

DEFAULTS = all_variants()[0]
# From each of them to each other one every two answers of a question are switched.
CORNERS: list[Answers] = [
    DEFAULTS,
    DEFAULTS
    | {"project_name": "Bill's API", "mode": "sync", "driver": "psycopg2"}
    | {"runtime": "serverless", "models": "sqlmodel", "migrations": False}
    | {"metrics": "opentelemetry"},
    DEFAULTS | {"driver": "asyncpg", "metrics": "none"},
]
FIXED = {"scaffold", "package"}
TITLES: list[Answer] = ["My API", "Bill's API"]

Record = Callable[[str, object], None]


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    with quick_updates():
        yield


def values_of(question: str) -> list[Answer]:
    if not is_varied(question):
        return TITLES
    return list(dict.fromkeys(answers[question] for answers in all_variants()))


PAIRS = [
    pytest.param(question, one, other, id=f"{question}: {one}, {other}")
    for question in DEFAULTS
    if question not in FIXED
    for one, other in combinations(values_of(question), 2)
]


def nearest(base: Answers, question: str, answer: Answer) -> Answers:
    """Return the variant with an answer that otherwise changes the fewest others."""
    if not is_varied(question):
        return base | {question: answer}
    return max(
        (answers for answers in all_variants() if answers[question] == answer),
        key=lambda answers: len(answers.items() & base.items()),
    )


def switch(project: Path, old: Answers, new: Answers) -> set[str]:
    """Update a project to other answers, and return the files that are named."""
    changed = dict(new.items() - old.items())
    printed = update_here(project, "--vcs-ref=:current:", **changed)
    assert recorded(project).items() >= new.items()
    lost = printed.partition("`git restore FILE`")[2].partition("See whether")[0]
    return set(re.findall(r"^  (\S+)$", lost, re.MULTILINE))


def read(project: Path) -> Files:
    """Return the files of a project, without Copier's own."""
    files = read_host(project)
    del files[ANSWERS_FILE]
    return files


def test_the_corners_have_every_two_answers_of_a_question() -> None:
    expected = {
        (question, frozenset({one, other}))
        for question, one, other in (pair.values for pair in PAIRS)
    }

    switched = {
        (question, frozenset({one[question], other[question]}))
        for one, other in combinations(CORNERS, 2)
        for question in DEFAULTS
        if one[question] != other[question]
    }

    assert switched == expected


@pytest.mark.parametrize("scaffold", ["app", "layer"])
def test_a_plain_project_equals_a_render_after_each_switch(
    run: Run, render: Render, releases: Path, tmp_path: Path, scaffold: str
) -> None:
    corners = [answers | {"scaffold": scaffold} for answers in CORNERS]
    renders = [render(**answers) for answers in corners]
    project = start_project(run, renders[0], tmp_path / "project", releases)
    before = read_host(project)

    # Each of them, in both directions.
    for old, new in pairwise([0, 1, 2, 0, 2, 1, 0]):
        switch(project, corners[old], corners[new])
        assert read(project) == read(renders[new])
        commit(run, project)

    assert read_host(project) == before


@pytest.mark.parametrize(("question", "one", "other"), PAIRS)
def test_an_edited_project_keeps_its_edits(
    run: Run,
    render: Render,
    releases: Path,
    runner: Runner,
    tmp_path: Path,
    record_property: Record,
    question: str,
    one: Answer,
    other: Answer,
) -> None:
    old = nearest(DEFAULTS, question, one)
    new = nearest(old, question, other)
    project = start_project(run, render(**old), tmp_path / "project", releases)
    edit(project, old)
    commit(run, project)
    before = read_host(project)
    shutil.copytree(render(**new), tmp_path / "expected")
    edit(tmp_path / "expected", old)
    expected = read(tmp_path / "expected")

    named = switch(project, old, new)
    there = conflicts(run, project)
    resolve(project, there, expected)

    assert read(project) == expected
    assert named == before.keys() - expected.keys() - {ANSWERS_FILE}

    # The team writes its own code anew, and later takes that back.
    write_code(project, new)
    outcomes = runner.run(suite_of_the_user(project))
    write_code(project, old)
    commit(run, project)
    switch(project, new, old)
    back = conflicts(run, project)
    resolve(project, back, before)
    if named:
        git(run, project, "checkout", "HEAD~", "--", *named)

    failed = [outcome.output for outcome in outcomes.values() if not outcome.passed]
    assert not failed, failed[0][-8000:]
    assert read_host(project) == before
    assert there == back == expected_conflicts(old, new)
    line = f"switch: {question}: {one} <-> {other}: merged"
    found = f", conflicts in {', '.join(sorted(there))}" if there else ""
    lost = f", named as removed: {', '.join(sorted(named))}" if named else ""
    record_property("table", f"{line}{found}{lost}")


def expected_conflicts(old: Answers, new: Answers) -> set[str]:
    """Return the files in which the team edited a line that the answers change."""
    found = set()
    if old["mode"] != new["mode"]:
        found.add("app/db/session.py")
    if old["metrics"] != new["metrics"] and new["metrics"] != "none":
        found.add("app/db/metrics.py")
    # The team has named it, and given it another version, which is in the line below.
    if old["project_name"] != new["project_name"]:
        found |= {"README.md", "pyproject.toml"}
    return found


def resolve(project: Path, conflicts: set[str], merged: Files) -> None:
    """End conflicts as somebody does who wants both sides."""
    for name in conflicts:
        (project / name).write_bytes(merged[name])
