"""What is the user's does not change with an answer; what changes is in the layer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.rendering import is_the_layers
from support.variants import (
    Answer,
    Answers,
    Render,
    all_variants,
    computed,
    is_varied,
    variant_id,
)

pytestmark = pytest.mark.thorough

# Copier's own file.
ANSWERS_FILE = {".copier-answers.yml"}
# Files of the user's that an answer changes: the exceptions, and no others.
DEPENDENCIES = {"pyproject.toml"}
EXAMPLE = {"app/notes.py", "tests/test_notes.py"}
MODELS = {"app/models.py"}
# Whole files that an answer adds or removes.
ALEMBIC = {
    "alembic.ini",
    "alembic/env.py",
    "alembic/script.py.mako",
    "alembic/versions/0001_create_note.py",
    "alembic/versions/.gitkeep",
}
FUNCTION = {"app/aws_lambda.py"}
MONITORING = {"monitoring/alerts.yml", "monitoring/dashboard.json"}
CHANGES: dict[str, set[str]] = {
    "mode": DEPENDENCIES | EXAMPLE,
    "driver": DEPENDENCIES,
    "runtime": DEPENDENCIES | FUNCTION,
    "models": DEPENDENCIES | MODELS | {"app/notes.py"},
    "migrations": DEPENDENCIES | ALEMBIC,
    "metrics": DEPENDENCIES | MONITORING,
}

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def contents(render: Render) -> dict[str, dict[str, bytes]]:
    """The files of every variant, by its name."""
    return {variant_id(answers): read(render(**answers)) for answers in all_variants()}


def read(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def find_differences(one: dict[str, bytes], other: dict[str, bytes]) -> set[str]:
    names = one.keys() | other.keys()
    return {name for name in names if one.get(name) != other.get(name)}


def neighbours(question: str) -> list[tuple[Answers, Answers]]:
    """Return the pairs of variants that differ in nothing but this answer.

    A switch of mode may bring another driver with it.
    """
    free = {question, "driver"} if question == "mode" else {question}
    groups: dict[tuple[Answer, ...], list[Answers]] = {}
    for answers in all_variants():
        key = tuple(answers[name] for name in answers if name not in free)
        groups.setdefault(key, []).append(answers)
    return [
        (one, other)
        for group in groups.values()
        for one in group
        for other in group
        if one[question] != other[question]
    ]


def test_each_changeable_question_has_a_row() -> None:
    varied = {name for name in all_variants()[0] if is_varied(name)}

    assert CHANGES.keys() == varied - {"scaffold"}


@pytest.mark.xdist_group("ownership")
@pytest.mark.parametrize("question", CHANGES)
def test_an_answer_changes_the_layer_and_only_these_files_of_the_user(
    contents: dict[str, dict[str, bytes]], question: str, record_property: Record
) -> None:
    pairs = neighbours(question)

    changed: set[str] = set()
    for one, other in pairs:
        changed |= find_differences(
            contents[variant_id(one)], contents[variant_id(other)]
        )

    users = {name for name in changed - ANSWERS_FILE if not is_the_layers(name)}
    line = f"ownership: {question}: {', '.join(sorted(users)) or 'nothing'}"
    record_property("table", line)
    assert pairs
    assert users == CHANGES[question]
    assert any(map(is_the_layers, changed))


@pytest.mark.xdist_group("ownership")
@pytest.mark.parametrize("scaffold", ["app", "layer"])
def test_the_files_that_not_every_answer_has_are_known_to_copier(
    contents: dict[str, dict[str, bytes]], scaffold: str
) -> None:
    variants = [
        answers for answers in all_variants() if answers["scaffold"] == scaffold
    ]
    files = [contents[variant_id(answers)].keys() for answers in variants]

    listed = computed(variants[0])["optional_files"]

    sometimes = set().union(*files) - set(files[0]).intersection(*files)
    assert {path for path, _, _ in listed} == sometimes
    for answers, names in zip(variants, files, strict=True):
        for path, question, those in listed:
            assert (path in names) == (answers[question] in those), path


@pytest.mark.xdist_group("ownership")
def test_the_layer_is_the_same_in_both_scaffolds(
    contents: dict[str, dict[str, bytes]],
) -> None:
    layers = [answers for answers in all_variants() if answers["scaffold"] == "layer"]

    for answers in layers:
        layer = contents[variant_id(answers)]
        service = contents[variant_id(answers | {"scaffold": "app"})]
        changed = find_differences(layer, service)
        assert not {name for name in changed if is_the_layers(name)}


@pytest.mark.xdist_group("ownership")
def test_the_name_of_the_project_is_in_titles_and_names_only(render: Render) -> None:
    default = read(render())
    renamed = read(render(project_name="Bills"))

    changed = find_differences(default, renamed) - ANSWERS_FILE

    assert changed == {
        "README.md",
        "app/db/README.md",
        "app/db/settings.py",
        "app/main.py",
        "pyproject.toml",
    }
    for name in changed:
        before, after = (files[name].splitlines() for files in (default, renamed))
        lines = [line for line in after if line not in before]
        assert len(before) == len(after)
        assert len(lines) == 1, (name, lines)
