"""The questions, put by the real `copier` without --trust: taken or refused."""

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from questionnaire import ANSWERS_FILE
from support.processes import COPIER, Run
from support.variants import (
    QUESTIONS,
    Answer,
    Answers,
    all_variants,
    computed,
    is_varied,
    recorded,
)

OTHER_ANSWERS_FILE = ".copier-answers.db-connection.yml"
DEFAULTS = all_variants()[0]

# Each choice of each question, with the first variant that has it.
CHOICES = {
    (name, answers[name]): answers
    for answers in reversed(all_variants())
    for name in QUESTIONS
    if is_varied(name)
}
LAYER: Answers = {"scaffold": "layer"}
# Of a question with yes and no Copier takes any other word for a yes.
REFUSED: list[tuple[str, str, Answers]] = [
    *(
        ("package", name, {})
        for name in ("", "Foo", "1x", "_x", "a-b", "app\n", "class")
    ),
    *(("package", name, {}) for name in ("tests", "db", "sqlalchemy", "signal", "a.b")),
    *(("package", name, LAYER) for name in ("a.", "a..b", "a.if", "os.a")),
    *(("project_name", name, {}) for name in ("", " ", "x" * 81, "Bills\n", "a\x1bb")),
    *((name, "unknown", {}) for name in QUESTIONS if "choices" in QUESTIONS[name]),
    ("driver", "psycopg2", {"mode": "async"}),
    ("driver", "asyncpg", {"mode": "sync"}),
]

Copy = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def copy(run: Run, template: Path, tmp_path: Path) -> Copy:
    """Run `copier copy` into the folder `project`, with answers and other options."""

    def copy_with(*options: str, **answers: object) -> "CompletedProcess[str]":
        data = [f"--data={name}={answer}" for name, answer in answers.items()]
        command = (COPIER, "copy", "--defaults", *options, *data, template, "project")
        return run(*command, cwd=tmp_path)

    return copy_with


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def contents(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "answer"), CHOICES)
def test_every_choice_is_taken_and_recorded(
    copy: Copy, project: Path, name: str, answer: Answer
) -> None:
    answers = CHOICES[name, answer]
    needed = dict(answers.items() - DEFAULTS.items())

    copied = copy(**needed | {name: answer})

    assert copied.returncode == 0, copied.stderr
    assert recorded(project) == answers


@pytest.mark.parametrize(("name", "answer", "others"), REFUSED)
def test_a_wrong_answer_is_refused_and_leaves_nothing_behind(
    copy: Copy, project: Path, name: str, answer: str, others: Answers
) -> None:
    copied = copy(**others | {name: answer})

    assert copied.returncode != 0
    assert re.search(f"for (question )?'{name}': .", copied.stderr)
    assert not project.exists()


@pytest.mark.parametrize(
    ("name", "answer"), [("package", "api"), ("scaffold", "layer")]
)
def test_what_names_files_is_fixed_after_the_first_copy(
    copy: Copy, project: Path, name: str, answer: str
) -> None:
    copy()
    before = contents(project)

    again = copy("--overwrite", **{name: answer})

    assert again.returncode != 0
    assert f"`{name}` is fixed after the first copy" in again.stderr
    assert contents(project) == before


def test_a_layer_stays_a_layer(copy: Copy, project: Path) -> None:
    copy(scaffold="layer", package="api")

    again = copy("--overwrite")

    assert again.returncode == 0, again.stderr
    assert recorded(project) == DEFAULTS | {"scaffold": "layer", "package": "api"}


def test_a_switch_of_mode_brings_a_driver_for_it(copy: Copy, project: Path) -> None:
    copy(driver="asyncpg")

    again = copy("--overwrite", mode="sync")

    assert again.returncode == 0, again.stderr
    assert recorded(project) == DEFAULTS | {"mode": "sync", "driver": "psycopg"}


def test_another_templates_answers_are_left_alone(copy: Copy, project: Path) -> None:
    others = "_src_path: gh:someone/else\nproject_name: Other\n"
    project.mkdir()
    (project / ANSWERS_FILE).write_text(others, "utf-8")

    refused = copy("--overwrite")
    untouched = contents(project)
    copied = copy("--overwrite", f"--answers-file={OTHER_ANSWERS_FILE}")

    assert refused.returncode != 0
    assert f"--answers-file {OTHER_ANSWERS_FILE}" in refused.stderr
    assert untouched == {project / ANSWERS_FILE: others.encode()}
    assert copied.returncode == 0, copied.stderr
    assert (project / ANSWERS_FILE).read_text("utf-8") == others
    assert recorded(project, OTHER_ANSWERS_FILE) == DEFAULTS


def test_who_adds_a_layer_is_told_what_to_install(copy: Copy) -> None:
    context = computed(DEFAULTS | {"scaffold": "layer"})

    copied = copy(scaffold="layer")

    for line in context["dependencies"] + context["dev_dependencies"]:
        assert line in copied.stderr
