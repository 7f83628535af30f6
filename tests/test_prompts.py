"""The questions at a terminal of 80 columns: read whole, answered by keys."""

from pathlib import Path

import pexpect
import pyte
import pytest

from support.processes import COPIER
from support.variants import QUESTIONS, Answers, all_variants, recorded

DEFAULTS = all_variants()[0]
COLUMNS, LINES = 80, 60

# Keys of a terminal.
ERASE, DOWN, ENTER = "\x15", "\x1b[B", "\r"

ALL_DEFAULTS = (dict.fromkeys(QUESTIONS, ENTER), DEFAULTS)
NO_DEFAULT = (
    dict.fromkeys(QUESTIONS, DOWN + ENTER)
    | {"project_name": f"{ERASE}Bill's API{ENTER}", "package": f"{ERASE}bills{ENTER}"}
    # Answered by the key alone.
    | {"migrations": "n"},
    {"project_name": "Bill's API", "package": "bills", "scaffold": "layer"}
    | {"mode": "sync", "driver": "psycopg2", "runtime": "serverless"}
    | {"models": "sqlmodel", "migrations": False, "metrics": "opentelemetry"},
)


@pytest.mark.parametrize(("keys", "answers"), [ALL_DEFAULTS, NO_DEFAULT])
def test_every_line_of_a_question_is_shown_whole_and_keys_answer_it(
    template: Path,
    environment: dict[str, str],
    tmp_path: Path,
    keys: dict[str, str],
    answers: Answers,
) -> None:
    project = tmp_path / "project"
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    # Not asked where its cursor is.
    terminal = pexpect.spawn(
        str(COPIER),
        ["copy", str(template), str(project)],
        dimensions=(LINES, COLUMNS),
        encoding="utf-8",
        env=environment | {"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"},
    )

    for name, pressed in keys.items():
        screen.reset()
        while not is_shown(prompt(name), screen.display):
            stream.feed(terminal.read_nonblocking(10_000, timeout=20))
        terminal.send(pressed)
    terminal.expect(pexpect.EOF, timeout=20)
    terminal.close()

    assert terminal.exitstatus == 0
    assert recorded(project) == answers


def prompt(name: str) -> list[str]:
    """Return the lines of a question when it waits for an answer."""
    question = QUESTIONS[name]
    if "choices" in question:
        hint = "(Use arrow keys)"
    elif question["type"] == "bool":
        hint = "(Y/n)" if DEFAULTS[name] else "(y/N)"
    else:
        hint = str(DEFAULTS[name])
    return [*question["help"].splitlines(), hint]


def is_shown(lines: list[str], display: list[str]) -> bool:
    """Tell whether the lines stand on the screen below each other, each one whole."""
    shown = [line.strip() for line in display]
    starts = [n for n, line in enumerate(shown) if line.endswith(lines[0])]
    return any(shown[n + 1 : n + len(lines)] == lines[1:] for n in starts)
