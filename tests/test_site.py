"""The page of `make site` in a real browser: what it shows is what Copier renders.

It takes more than a minute: every variant is rendered, and a browser started once.
"""

import os
import random
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from difflib import ndiff
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from copier import run_copy
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from preview.build import build
from preview.data import read_project
from questionnaire import Context, Questionnaire, write_answer
from render_example import SOURCE
from support.browser import (
    allow_clipboard,
    find_browser,
    read_console,
    read_requests,
    run_browser,
    set_scheme,
    set_size,
)
from support.hooks import write
from support.processes import Run
from support.results import fingerprint
from support.site import Page
from support.variants import (
    ROOT,
    Answers,
    Render,
    all_variants,
    is_varied,
    variant_id,
)

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("site")]

SEED = int(os.environ.get("SITE_SEED", random.SystemRandom().randrange(10**6)))
SAMPLE = 3
MOST_BYTES = 1_500_000
FIRST = "app/notes.py"

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    programs = find_browser()
    if programs is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("Chromium and its driver are not installed")
    with run_browser(programs, tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture(scope="module")
def site(
    render: Render, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page of all variants, of which none has been tested."""
    folder = tmp_path_factory.mktemp("built") / "site"
    questionnaire = Questionnaire(template / "copier.yml")
    build(folder, questionnaire, lambda answers: render(**answers), {})
    return folder


@pytest.fixture
def page(chrome: Chrome, site: Path) -> Iterator[Page]:
    """The page on a desk, which asks for nothing and complains of nothing."""
    set_size(chrome, 1440, 900)
    read_requests(chrome)
    yield Page(chrome, site)
    assert read_console(chrome) == []
    requests = [url for url in read_requests(chrome) if url != "about:blank"]
    assert [url for url in requests if not url.startswith(("file:", "data:,"))] == []


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


def test_the_changes_lead_from_one_file_to_the_other(
    page: Page, render: Render, record_property: Record
) -> None:
    before, after = random.Random(SEED).sample(all_variants(), 2)
    olds, news = (read_project(render(**answers)) for answers in (before, after))
    given = ",".join(
        f"{name}:{write_answer(before[name])}" for name in before if is_varied(name)
    )

    page.open_answers(after, **{"view": "changes", "from": given})

    expected = {
        path: [olds.get(path, ""), news.get(path, "")]
        for path in olds.keys() | news.keys()
        if olds.get(path) != news.get(path)
    }
    ids = f"from {variant_id(before)} to {variant_id(after)}"
    assert page.read_changes() == expected, f"seed {SEED}: {ids}"
    changed = sum(map(int, re.findall(r"[+−](\d+)", page.get_text("#changes"))))  # noqa: RUF001
    assert changed <= sum(count_changes(*texts) for texts in expected.values())
    record_property("table", f"site: {len(expected)} files compared {ids}")


def count_changes(before: str, after: str) -> int:
    """Return how many lines Python's own comparison removes and adds."""
    lines = before.splitlines(), after.splitlines()
    return sum(line[0] in "+-" for line in ndiff(*lines))


def test_a_switch_is_compared_with_the_answers_before(page: Page) -> None:
    page.open("mode=sync")

    page.choose("driver", "psycopg2")
    page.find("#base option[value=before]").click()
    first = page.get_text("#base option:checked"), page.get_command("Switch")
    page.choose("runtime", "serverless")
    second = page.get_text("#base option:checked"), page.get_command("Switch")

    update = "uvx copier update --defaults --data"
    assert first == ("the answers before: sync", f"{update} driver=psycopg2")
    assert second == (
        "the answers before: sync, psycopg2",
        f"{update} runtime=serverless",
    )
    assert page.chrome.current_url.endswith("&from=mode:sync,driver:psycopg2")


def test_no_update_is_offered_that_copier_refuses(page: Page) -> None:
    page.open("scaffold=layer")

    assert page.get_text("#commands p") == (
        "SwitchNo update changes scaffold: a copy fixes it."
    )


def test_a_linked_state_opens(page: Page, render: Render) -> None:
    page.open("mode=sync&driver=psycopg2&project_name=It's%20mine&file=app/notes.py")

    answers = all_variants()[0] | {"mode": "sync", "driver": "psycopg2"}
    assert page.get_shown() == read_project(render(**answers))["app/notes.py"]
    command = shlex.split(page.get_command("Start"))
    assert "project_name=It's mine" in command
    assert command[-4:-2] == ["--data", "driver=psycopg2"]
    assert page.get_text("#notes") == ""


def test_what_is_copied_is_the_file_and_the_command(page: Page, render: Render) -> None:
    allow_clipboard(page.chrome)
    page.open("metrics=none&file=app/db/session.py")

    copied = []
    for name in ("Copy the file", "Copy the copy command"):
        page.find(f'[aria-label="{name}"]').click()
        copied.append(page.read_clipboard())

    project = render(**all_variants()[0] | {"metrics": "none"})
    assert copied[0] == read_project(project)["app/db/session.py"]
    assert copied[1] == page.get_command("Start")


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


FOCUSABLE = "a[href], button, select, summary, input:enabled, [tabindex='0']"
# Of each group of radio buttons the chosen one.
REACHABLE = f"""
return [...document.querySelectorAll("{FOCUSABLE}")].filter((element) =>
  element.checkVisibility() && (element.type !== "radio" || element.checked));
"""


def test_the_keyboard_reaches_everything(page: Page) -> None:
    page.open("driver=asyncpg&view=changes")
    page.run(
        "window.reached = new Set();"
        "addEventListener('focusin', ({ target }) => reached.add(target));"
    )
    reachable = page.run(REACHABLE)

    keys = ActionChains(page.chrome)
    for _ in range(len(reachable) + 5):
        keys.send_keys(Keys.TAB)
    keys.perform()

    missed = [
        e for e in reachable if not page.run("return reached.has(arguments[0])", e)
    ]
    assert [page.run("return arguments[0].outerHTML", e) for e in missed] == []


def test_the_arrows_move_through_answers_and_files(page: Page) -> None:
    page.open()

    page.find_choice("mode", "async").send_keys(Keys.ARROW_DOWN)
    link = page.find(f'#tree a[href="#mode=sync&file={FIRST}"]')
    link.send_keys(Keys.ARROW_UP)
    page.chrome.switch_to.active_element.send_keys(Keys.ENTER)

    assert page.get_answers()["mode"] == "sync"
    assert page.get_text("#heading h2") == "app/models.py"
    focused = page.chrome.switch_to.active_element
    assert focused.get_attribute("data-key") == "app/models.py"


def test_every_control_has_a_name(page: Page) -> None:
    page.open("driver=asyncpg&view=changes")

    tree = page.chrome.execute_cdp_cmd("Accessibility.getFullAXTree", {})

    roles = {"button", "combobox", "link", "navigation", "radio", "textbox", "region"}
    nodes = [
        node for node in tree["nodes"] if node.get("role", {}).get("value") in roles
    ]
    assert {node["role"]["value"] for node in nodes} == roles
    assert [node for node in nodes if not node["name"]["value"]] == []


# The least contrast that WCAG 2 asks of text.
CONTRAST = 4.5
FAINT = """
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const [r, g, b] = parse(colour).map((part) =>
    part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  const colour = getComputedStyle(element).backgroundColor;
  return parse(colour)[3] === 0 ? ground(element.parentElement) : colour;
};
const faint = {};
for (const element of document.body.querySelectorAll("*")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !element.checkVisibility() || element.matches(":disabled")) continue;
  const pair = [getComputedStyle(element).color, ground(element)];
  const [high, low] = pair.map(light).sort((a, b) => b - a);
  const contrast = (high + 0.05) / (low + 0.05);
  if (contrast < arguments[0]) faint[`${element.tagName}.${element.className} ${pair}`] = contrast;
}
return faint;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(page: Page, scheme: str) -> None:
    set_scheme(page.chrome, scheme)

    faint: dict[str, float] = {}
    for state in ("", "driver=asyncpg&view=changes", "mode=both"):
        page.open(state)
        faint |= page.run(FAINT, CONTRAST)

    assert faint == {}


@pytest.mark.parametrize("width", [360, 800])
def test_a_small_window_scrolls_down_only(page: Page, width: int) -> None:
    set_size(page.chrome, width, 800)

    page.open("driver=asyncpg&view=changes")

    assert page.run("return document.scrollingElement.scrollWidth") <= width
    assert page.find("#text").is_displayed()


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
