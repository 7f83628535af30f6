"""The page of `make site` in a real browser: what it shows is what Copier renders.

It takes more than a minute: every variant is rendered, and a browser started once.
"""

import random
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from copier import run_copy
from selenium.webdriver.common.by import By

from preview.build import build
from preview.data import read_project
from questionnaire import Questionnaire, write_answer
from render_example import SOURCE
from steps import Context
from support.hooks import write
from support.processes import Run
from support.results import fingerprint
from support.site import FIRST, SEED, Page
from support.variants import (
    ROOT,
    Answers,
    Render,
    all_variants,
    is_varied,
    variant_id,
)

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("site")]

SAMPLE = 3
MOST_BYTES = 1_500_000

Record = Callable[[str, object], None]


def resolve(answers: Answers) -> Answers:
    """Return the variant with these answers, or with the default driver instead."""
    with_default = answers | {"driver": all_variants()[0]["driver"]}
    return answers if answers in all_variants() else with_default


def test_it_opens_with_the_default_answers_and_their_files(
    page: Page, render: Render
) -> None:
    default = all_variants()[0]
    files = read_project(render(**default))

    page.open()

    answers = {name: write_answer(answer) for name, answer in default.items()}
    assert page.get_answers() == answers
    assert page.get_paths() == files.keys()
    assert page.get_text("#heading h2") == FIRST
    assert page.get_shown() == files[FIRST]
    assert page.get_text("#notes") == ""
    assert page.get_text("#changes") == "nothing differs"
    copy = f"uvx copier copy --defaults {SOURCE} my-api"
    assert page.get_command("Start") == copy


def test_it_says_what_copier_yml_says(page: Page) -> None:
    page.open()

    form = " ".join(page.get_text("#questions form").split())
    for question in Questionnaire(ROOT / "copier.yml").questions.values():
        for line in question["help"].splitlines():
            assert line.strip() in form
        if isinstance(question.get("choices"), dict):
            for label in question["choices"]:
                assert re.sub(r"[()]", "", label) in form


def test_each_answer_shows_its_files_at_once(
    page: Page, render: Render, record_property: Record
) -> None:
    page.open()
    page.time_switches()

    values = {
        name: [*dict.fromkeys(variant[name] for variant in all_variants())]
        for name in all_variants()[0]
        if is_varied(name)
    }
    # There and back: a driver can be chosen in its mode.
    choices = [(name, value) for name in values for value in values[name]]
    choices += [(name, value) for name in values for value in values[name][::-1]]
    chosen = set()
    answers = all_variants()[0]
    for name, value in choices:
        wanted = resolve(answers | {name: value})
        if wanted == answers or wanted[name] != value:
            continue
        page.choose(name, value)
        chosen.add((name, value))
        answers = wanted
        files = read_project(render(**answers))
        assert page.get_paths() == files.keys(), variant_id(answers)
        lines = sum(len(text.splitlines()) for text in files.values())
        counts = f"{len(files)} files, {lines:,} lines"
        assert page.get_text("#facts").startswith(counts), variant_id(answers)
        shown = page.get_text("#heading h2")
        assert page.get_shown() == files[shown], variant_id(answers)
    assert chosen == set(choices)

    milliseconds = page.get_milliseconds()
    usual, most = median(milliseconds), max(milliseconds)
    line = (
        f"{len(milliseconds)} switches, each in {usual:.0f} ms, at most {most:.0f} ms"
    )
    record_property("table", f"site: {line}")


def test_an_impossible_answer_cannot_be_chosen(page: Page) -> None:
    page.open("mode=sync")
    before = page.chrome.current_url

    asyncpg = page.find_choice("driver", "asyncpg")
    page.run("arguments[0].click()", asyncpg)

    assert not asyncpg.is_enabled()
    assert page.chrome.current_url == before
    assert page.get_answers()["driver"] == "psycopg"
    label = str(asyncpg.find_element(By.XPATH, "..").get_property("textContent"))
    assert label == "asyncpg needs mode: async"


def test_an_answer_that_becomes_impossible_is_replaced_and_said(page: Page) -> None:
    page.open("driver=asyncpg")

    page.choose("mode", "sync")

    assert page.get_answers()["driver"] == "psycopg"
    assert page.get_text("#notes") == "asyncpg needs mode: async, so driver is psycopg."
    assert page.chrome.current_url.endswith(f"#mode=sync&file={FIRST}")


def test_what_it_shows_is_what_its_command_renders(
    page: Page, run: Run, template: Path, tmp_path: Path, record_property: Record
) -> None:
    variants = random.Random(SEED).sample(all_variants(), SAMPLE)
    files = 0

    for number, answers in enumerate(variants):
        page.open_answers(answers)
        shown = page.read_files()
        _, *command = shlex.split(page.get_command("Start"))
        words = {"copier": Path(sys.executable).with_name("copier"), SOURCE: template}
        folder = tmp_path / str(number)
        folder.mkdir()
        copied = run(*(words.get(word, word) for word in command), cwd=folder)
        assert copied.returncode == 0, copied.stderr
        rendered = read_project(folder / command[-1])
        assert shown == rendered, f"seed {SEED}: {variant_id(answers)}"
        files += len(shown)

    line = f"{SAMPLE} variants and {files} files are the same as copied (seed {SEED})"
    record_property("table", f"site: {line}")


def test_a_linked_state_opens(page: Page, render: Render) -> None:
    page.open("mode=sync&driver=psycopg2&project_name=It's%20mine&file=app/notes.py")

    answers = all_variants()[0] | {"mode": "sync", "driver": "psycopg2"}
    assert page.get_shown() == read_project(render(**answers))["app/notes.py"]
    command = shlex.split(page.get_command("Start"))
    assert "project_name=It's mine" in command
    assert command[-4:-2] == ["--data", "driver=psycopg2"]
    assert page.get_text("#notes") == ""


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ("mood=sync", "There is no question “mood”."),
        ("mode=both", "mode has no answer “both”, so mode is async."),
        ("driver=psycopg2", "psycopg2 needs mode: sync, so driver is psycopg."),
        ("file=app/x.py", f"There is no app/x.py here: this is {FIRST}."),
        ("view=x", "There is no view “x”: this is the file."),
        ("from=mode:x", "mode has no answer “x”, so mode is async."),
        ("%&=&&mode", "mode has no answer “”, so mode is async."),
    ],
)
def test_what_is_unknown_in_an_address_is_the_default_and_said(
    page: Page, render: Render, state: str, note: str
) -> None:
    page.open(state)

    assert note in page.get_text("#notes")
    assert page.get_shown() == read_project(render(**all_variants()[0]))[FIRST]


def test_it_is_small(site: Path, record_property: Record) -> None:
    size = sum(path.stat().st_size for path in site.iterdir())

    record_property("table", f"site: {size / 1000:,.0f} kB, all variants in it")
    assert size <= MOST_BYTES


ANOTHER = """
_subdirectory: template
colour: {type: str, help: "Which colour?", choices: {Red: red, Blue: blue}, default: blue}
shade:
  type: str
  help: How dark?
  choices: "{Light: light{% if colour == 'red' %}, Deep (<b>rare</b>): deep{% endif %}}"
  default: light
"""


@pytest.fixture
def other(page: Page, tmp_path: Path) -> Page:
    """The page of a template with other questions, and with tests that passed."""
    template = tmp_path / "template"
    write(template / "copier.yml", ANOTHER)
    write(
        template / "template/a & b.txt.jinja",
        "{{ colour }} & <b>{{ shade }}</b> \n\nend",
    )

    def find(answers: Context) -> Path:
        project = tmp_path / "-".join(answers.values())
        if not project.exists():
            run_copy(str(template), project, answers, defaults=True, quiet=True)
        return project

    tested = fingerprint(find({"colour": "blue", "shade": "light"}))
    results: dict[str, dict[str, Any]] = {
        "passed": {tested: 7},
        "round_trips": {tested: {"read": 1, "write": 2}},
    }
    build(tmp_path / "site", Questionnaire(template / "copier.yml"), find, results)
    return Page(page.chrome, tmp_path / "site")


def test_it_says_what_the_tests_found_of_these_files(page: Page, other: Page) -> None:
    page.open()
    untested = page.get_text("#facts")
    other.open()
    tested = other.get_text("#facts")

    assert "its tests were not run here" in untested
    assert "✓ its 7 tests passed" in tested
    assert "round trips: a read 1, a write 2" in tested


def test_other_questions_need_no_other_page(other: Page) -> None:
    other.open()
    other.choose("colour", "red")
    other.choose("shade", "deep")

    assert other.get_shown() == "red & <b>deep</b> \n\nend"
    assert other.get_command("Switch") == (
        "uvx copier update --defaults --data colour=red --data shade=deep"
    )
