"""Projects of earlier releases are updated to this one; questions may get new names."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from questionnaire import ANSWERS_FILE
from support.edits import edit
from support.hooks import write
from support.hosts import read_host
from support.imports import Files
from support.processes import Run
from support.releases import (
    EARLIER,
    LINE,
    changes,
    commit,
    conflicts,
    copier,
    copy_here,
    git,
    make_history,
    start_repository,
    update_here,
)
from support.rendering import quick_updates
from support.runner import Runner
from support.suites import suite_of_the_user
from support.variants import ROOT, Answers, Render, all_variants, recorded

pytestmark = pytest.mark.thorough

DEFAULTS = all_variants()[0]
OTHER_ANSWERS_FILE = ".copier-answers.db-connection.yml"
# Its manager `copier`: https://docs.renovatebot.com/modules/manager/copier/
RENOVATE = r"(^|/)\.copier-answers(\..+)?\.ya?ml"
# What has the most files, and the fewest in common with the default.
MAXIMAL: Answers = DEFAULTS | {
    "mode": "sync",
    "runtime": "serverless",
    "models": "sqlmodel",
    "metrics": "opentelemetry",
}


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    with quick_updates():
        yield


@pytest.fixture(scope="module")
def history(run: Run, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template in a git repository, with its earlier releases and the next one."""
    earliest = run("git", "cat-file", "-e", next(iter(EARLIER.values())), cwd=ROOT)
    if earliest.returncode != 0:
        pytest.skip("a shallow clone has no earlier releases: git fetch --unshallow")
    return make_history(run, template, tmp_path_factory.mktemp("history") / "template")


def read(project: Path) -> Files:
    """Return the files of a project, without Copier's own."""
    files = read_host(project)
    del files[ANSWERS_FILE]
    return files


@pytest.mark.parametrize("answers", [DEFAULTS, MAXIMAL], ids=["default", "maximal"])
@pytest.mark.parametrize("tag", EARLIER)
def test_a_project_of_an_earlier_release_becomes_one_of_this(
    run: Run, render: Render, history: Path, tmp_path: Path, tag: str, answers: Answers
) -> None:
    project = tmp_path / "project"
    copy_here(history, project, f"--vcs-ref={tag}", **answers)
    start_repository(run, project)

    update_here(project)

    assert recorded(project) == answers
    assert read(project) == read(render(**answers))


@pytest.mark.parametrize("answers", [DEFAULTS, MAXIMAL], ids=["default", "maximal"])
def test_an_edited_project_keeps_its_edits_in_the_next_release(
    run: Run,
    render: Render,
    releases: Path,
    runner: Runner,
    tmp_path: Path,
    answers: Answers,
) -> None:
    project = tmp_path / "project"
    copy_here(releases, project, "--vcs-ref=v1.0.0", **answers)
    edit(project, answers)
    start_repository(run, project)
    copy_here(releases, tmp_path / "expected", "--vcs-ref=v2.0.0", **answers)
    edit(tmp_path / "expected", answers)
    expected = read(tmp_path / "expected")

    update_here(project)

    # The release, and the team, changed the lines below the first one.
    assert conflicts(run, project) == {"app/db/errors.py"}
    marked = (project / "app/db/errors.py").read_text("utf-8")
    ours, theirs = re.findall("<{7}.*?\n(.*?)={7}\n(.*?)>{7}", marked, re.DOTALL)[0]
    assert (ours, theirs) == ("# Ours.\n", LINE)
    (project / "app/db/errors.py").write_bytes(expected["app/db/errors.py"])
    assert read(project) == expected
    outcomes = runner.run(suite_of_the_user(project))
    failed = [outcome.output for outcome in outcomes.values() if not outcome.passed]
    assert not failed, failed[0][-8000:]


def test_copier_says_whether_there_is_a_newer_release(
    run: Run, releases: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    copy_here(releases, project, "--vcs-ref=v1.0.0", **DEFAULTS)
    start_repository(run, project)

    code, printed = copier("check-update", "--output-format=json", project)
    is_outdated, _ = copier("check-update", "--quiet", project)
    update_here(project)
    is_current, _ = copier("check-update", "--quiet", project)

    found = {"update_available": True, "current_version": "1.0.0"}
    assert code == 0, printed
    assert json.loads(printed) == found | {"latest_version": "2.0.0"}
    assert (is_outdated, is_current) == (2, 0)


@pytest.mark.parametrize("name", [ANSWERS_FILE, OTHER_ANSWERS_FILE])
def test_renovate_finds_the_answers_file(name: str) -> None:
    assert re.search(RENOVATE, name)


# What CONTRIBUTING.md says about new names, tried on a template of a few lines.

QUESTIONS = """
_subdirectory: template
_envops: {undefined: jinja2.StrictUndefined}
driver: {type: str, choices: [psycopg, asyncpg], default: psycopg}
"""
ANSWERS = "# Copier's.\n{{ _copier_answers | to_nice_yaml }}"
MAIN = '''\
"""The application."""

from db import get_db


def main():
    return get_db()


def stop():
    pass
'''


def recipes() -> tuple[str, str, str]:
    """Return the pieces of copier.yml in CONTRIBUTING.md."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.partition("\n## Change a question\n")[2].partition("\n## ")[0]
    question, choice, migrations = re.findall("```yaml\n(.*?)```", section, re.DOTALL)
    return dedent(question), dedent(choice), dedent(migrations)


class Small:
    """A template, and a project of its first release with another answer."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run = run
        self.template = folder / "template"
        self.project = folder / "project"
        shutil.copytree(ROOT / "hooks", self.template / "hooks")
        self.rendered = self.template / "template"
        write(self.template / "copier.yml", QUESTIONS)
        write(self.rendered / "{{ _copier_conf.answers_file }}.jinja", ANSWERS)
        write(self.rendered / "app/main.py", MAIN)
        write(self.rendered / "driver.txt.jinja", "{{ driver }}\n")
        start_repository(run, self.template)
        git(run, self.template, "tag", "v1.0.0")
        copying = ("copy", "--data=driver=asyncpg", self.template, self.project)
        assert copier(*copying)[0] == 0
        start_repository(run, self.project)

    def release(self, tag: str) -> None:
        commit(self._run, self.template)
        git(self._run, self.template, "tag", tag)

    def update(self, *options: str) -> tuple[int, str]:
        return copier("update", "--defaults", *options, self.project)

    def changes(self) -> dict[str, str]:
        return changes(self._run, self.project)


@pytest.fixture
def small(run: Run, tmp_path: Path) -> Small:
    return Small(run, tmp_path)


def test_a_question_gets_a_new_name_without_trust(small: Small) -> None:
    question = recipes()[0]
    before = QUESTIONS.rpartition("driver:")[0]
    write(small.template / "copier.yml", before + question)
    write(small.rendered / "driver.txt.jinja", "{{ dialect }}\n")
    small.release("v2.0.0")

    code, printed = small.update()

    assert code == 0, printed
    assert small.changes() == {ANSWERS_FILE: "M"}
    assert recorded(small.project) == {"dialect": "asyncpg"}


@pytest.mark.parametrize("answer", ["psycopg", "asyncpg"])
def test_a_choice_gets_a_new_name_without_trust(
    run: Run, small: Small, answer: str
) -> None:
    small.update(f"--data=driver={answer}")
    commit(run, small.project)
    choice = recipes()[1]
    write(small.template / "copier.yml", QUESTIONS.rpartition("driver:")[0] + choice)
    small.release("v2.0.0")

    code, printed = small.update()

    assert code == 0, printed
    assert recorded(small.project) == {
        "driver": {"psycopg": "psycopg3"}.get(answer, answer)
    }


def test_a_file_moves_with_its_edits_and_a_name_changes_where_it_is_used(
    run: Run, small: Small
) -> None:
    write(small.project / "app/main.py", f"{MAIN}\n\nOURS = 1\n")
    write(small.project / "jobs.py", "from db import get_db, get_db_url\n")
    commit(run, small.project)
    (small.rendered / "app/main.py").unlink()
    moved = MAIN.replace("The application.", "The service.").replace(
        "get_db", "get_unit"
    )
    write(small.rendered / "app/service.py", moved)
    write(small.template / "copier.yml", QUESTIONS + recipes()[2])
    small.release("v2.0.0")

    refused, printed = small.update()
    untouched = small.changes()
    updated, _ = small.update("--trust")
    commit(run, small.project)
    write(small.rendered / "new.txt", "")
    small.release("v2.1.0")
    next_one, _ = small.update()

    assert refused == 4, printed
    assert untouched == {}
    assert (updated, next_one) == (0, 0)
    assert not (small.project / "app/main.py").exists()
    service = (small.project / "app/service.py").read_text("utf-8")
    assert service == f"{moved}\n\nOURS = 1\n"
    jobs = (small.project / "jobs.py").read_text("utf-8")
    assert jobs == "from db import get_unit, get_db_url\n"
    assert (small.project / "new.txt").exists()


def test_a_file_that_was_deleted_stays_so_when_it_moves(run: Run, small: Small) -> None:
    (small.project / "app/main.py").unlink()
    commit(run, small.project)
    (small.rendered / "app/main.py").rename(small.rendered / "app/service.py")
    write(small.template / "copier.yml", QUESTIONS + recipes()[2])
    small.release("v2.0.0")

    code, printed = small.update("--trust")

    assert code == 0, printed
    assert not (small.project / "app/service.py").exists()


def test_lines_of_a_moved_file_that_both_changed_are_marked(
    run: Run, small: Small
) -> None:
    for folder, word in ((small.project, "Our"), (small.rendered, "Their")):
        write(folder / "app/main.py", MAIN.replace("The", word))
    commit(run, small.project)
    (small.rendered / "app/main.py").rename(small.rendered / "app/service.py")
    write(small.template / "copier.yml", QUESTIONS + recipes()[2])
    small.release("v2.0.0")

    small.update("--trust")

    service = (small.project / "app/service.py").read_text("utf-8")
    assert service.startswith("<<<<<<< before updating\n")
