"""The page of `make site` can be used by everyone: keyboard, names, contrast, sizes."""

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from preview.data import read_project
from support.browser import allow_clipboard, set_scheme, set_size
from support.site import FIRST, Page
from support.variants import Render, all_variants

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("site")]

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
