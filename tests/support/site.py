"""The page of `make site`, used as a reader does."""

import json
import os
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from questionnaire import write_answer
from support.variants import Answers

SECONDS = 20
# The file that is shown first.
FIRST = "app/notes.py"
# Which variants the tests choose; their results name it.
SEED = int(os.environ.get("SITE_SEED", random.SystemRandom().randrange(10**6)))

# Goes to the address of each file in the tree, and reads what is shown there.
_READ_FILES = """
const links = [...document.querySelectorAll("#tree nav li a:not(.removed)")];
const shown = {};
for (const href of links.map((link) => link.getAttribute("href"))) {
  // As a click does, but without a frame for each.
  history.replaceState(null, "", href);
  dispatchEvent(new HashChangeEvent("hashchange"));
  const path = document.querySelector("#heading h2").textContent;
  shown[path] = document.querySelector("#text pre")?.textContent ?? "";
}
return JSON.stringify(shown);
"""
# Unfolds every change, and puts the lines of both sides together.
_READ_CHANGES = """
for (const fold of document.querySelectorAll(".fold")) fold.click();
const join = (lines) => [...lines].map((line) => line.textContent).join("");
const sides = [...document.querySelectorAll("#text article")].map((article) => [
  article.getAttribute("aria-label"),
  [
    join(article.querySelectorAll(".line:not(ins)")),
    join(article.querySelectorAll(".line:not(del)")),
  ],
]);
return JSON.stringify(Object.fromEntries(sides));
"""
# Keeps the milliseconds from each input to the frame that shows what it changes.
_TIME_SWITCHES = """
window.milliseconds = [];
let started;
document.addEventListener("input", () => (started = performance.now()), true);
addEventListener("hashchange", () => {
  const show = () => milliseconds.push(performance.now() - started);
  requestAnimationFrame(() => setTimeout(show));
});
"""


class Page:
    """A page in a browser.

    Args:
        chrome: The browser.
        site: The folder of the page.
    """

    def __init__(self, chrome: Chrome, site: Path) -> None:
        self.chrome = chrome
        self._address = (site / "index.html").as_uri()

    def open(self, state: str = "") -> None:
        """Load it with a state in its address."""
        self.chrome.get("about:blank")
        self.chrome.get(f"{self._address}#{state}")
        self._wait().until(
            lambda chrome: not chrome.find_elements(By.CSS_SELECTOR, "[aria-busy]")
        )

    def open_answers(self, answers: Answers, **others: str) -> None:
        """Load it with all answers in its address."""
        self.open(write_state(answers, **others))

    def run(self, script: str, *arguments: object) -> Any:
        """Run JavaScript, and return what it returns."""
        return self.chrome.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        """Return the one element of a CSS selector."""
        (element,) = self.chrome.find_elements(By.CSS_SELECTOR, selector)
        return element

    def get_text(self, selector: str) -> str:
        """Return the text of an element, seen or not."""
        return str(self.find(selector).get_property("textContent"))

    def find_choice(self, name: str, value: object) -> WebElement:
        """Return the button for an answer."""
        answer = write_answer(value)
        return self.find(f'#questions [name="{name}"][value="{answer}"]')

    def choose(self, name: str, value: object) -> None:
        """Give another answer."""
        before = self.chrome.current_url
        self.find_choice(name, value).click()
        self._wait().until(lambda chrome: chrome.current_url != before)

    def get_answers(self) -> dict[str, str]:
        """Return what the controls show."""
        controls = "#questions :checked, #questions [type=text], #questions .text input"
        return {
            str(control.get_attribute("name")): str(control.get_property("value"))
            for control in self.chrome.find_elements(By.CSS_SELECTOR, controls)
        }

    def get_paths(self) -> set[str]:
        """Return the files in the tree that are rendered."""
        links = self.run(
            "return [...document.querySelectorAll('#tree nav li a:not(.removed)')]"
            ".map((link) => new URLSearchParams(link.hash.slice(1)).get('file'))"
        )
        return set(links)

    def get_shown(self) -> str:
        """Return the text of the file."""
        return self.get_text("#text pre")

    def get_command(self, label: str) -> str:
        """Return the command for a copy, or that for a switch."""
        commands = self.run(
            "return [...document.querySelectorAll('.command')].map((command) =>"
            " [...command.children].map((child) => child.textContent))"
        )
        return {name: str(command) for name, command, _ in commands}[label]

    def read_files(self) -> dict[str, str]:
        """Return the text that is shown of each file of the tree."""
        shown: dict[str, str] = json.loads(self.run(_READ_FILES))
        return shown

    def read_changes(self) -> dict[str, list[str]]:
        """Return the text before and after of each file among all changes."""
        changes: dict[str, list[str]] = json.loads(self.run(_READ_CHANGES))
        return changes

    def read_clipboard(self) -> str:
        """Return what was copied."""
        return str(
            self.chrome.execute_async_script(
                "navigator.clipboard.readText().then(arguments[0], arguments[0])"
            )
        )

    def time_switches(self) -> None:
        """Begin to measure what `get_milliseconds` returns."""
        self.run(_TIME_SWITCHES)

    def get_milliseconds(self) -> list[float]:
        """Return how long each switch of an answer took until it was shown."""
        milliseconds: list[float] = self.run("return milliseconds")
        return milliseconds

    def _wait(self) -> "WebDriverWait[Chrome]":
        return WebDriverWait(self.chrome, SECONDS, poll_frequency=0.01)


def write_state(answers: Answers, **others: str) -> str:
    """Return the part of an address that stands for answers."""
    state = {name: write_answer(answer) for name, answer in answers.items()} | others
    return "&".join(f"{name}={quote(value)}" for name, value in state.items())
