"""Draw the questions, answered by Enter: `docs/questions.svg`, of the real `copier`."""

import tempfile
from itertools import groupby
from pathlib import Path

import pexpect
import pyte
from pyte.screens import Char
from rich.text import Text

from support.pictures import write_svg
from support.processes import COPIER, inherited
from support.rendering import copy_template
from support.variants import QUESTIONS

COLUMNS, LINES = 80, 60
COMMAND = "uvx copier copy gh:org/db-connection my-api"


def main() -> None:
    """Press Enter at each question, and draw what is on the screen at the end."""
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "template")
        copy_template(template)
        screen = answer(template, Path(folder, "my-api"))
    shown = [line for line in read(screen) if line.plain.strip()]
    write_svg("questions", COMMAND, Text("\n").join(shown), COLUMNS)


def answer(template: Path, project: Path) -> pyte.Screen:
    """Return the screen of a terminal in which every default was taken."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    # Not asked where its cursor is.
    variables = {"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"}
    terminal = pexpect.spawn(
        str(COPIER),
        ["copy", "--quiet", str(template), str(project)],
        dimensions=(LINES, COLUMNS),
        encoding="utf-8",
        env=inherited() | variables,
        timeout=20,
    )
    for question in QUESTIONS.values():
        last = question["help"].splitlines()[-1]
        while not any(last in line for line in screen.display):
            stream.feed(terminal.read_nonblocking(10_000))
        terminal.send("\r")
    stream.feed(terminal.read())
    return screen


def read(screen: pyte.Screen) -> list[Text]:
    """Return the lines of a screen, with their colours."""
    lines = []
    for number in range(screen.lines):
        letters = [screen.buffer[number][column] for column in range(screen.columns)]
        line = Text()
        for style, same in groupby(letters, get_style):
            line.append("".join(letter.data for letter in same), style)
        line.rstrip()
        lines.append(line)
    return lines


def get_style(letter: Char) -> str:
    """Return what rich calls the look of a letter."""
    colour = "" if letter.fg == "default" else f"#{letter.fg}"
    return f"bold {colour}" if letter.bold else colour


if __name__ == "__main__":
    main()
