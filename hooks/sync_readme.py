"""Write the table of questions and the numbers of lines into the README."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import TemplateError

from questionnaire import Question, Questionnaire, has_choices, write_answer
from steps import Condition, Step

ROOT = Path(__file__).resolve().parent.parent
START = "<!-- questions:start -->"
END = "<!-- questions:end -->"
EXAMPLE = Path("examples", "default")
# A row of the tree: paths, then what they are, then how many lines they have.
_ROW = re.compile(r"^((\S+(?:, \S+)*) {2,}.*?) +[\d,]+ lines$", re.MULTILINE)
_ROW_WIDTH = 94
_COUNTED = {".py", ".ini", ".mako"}


def question_table(copier_yml: Path) -> str:
    """Describe the questions that a user is asked, as a Markdown table.

    Args:
        copier_yml: The questionnaire.

    Returns:
        The table's lines, the last one with its newline. A question's default comes
        first among its values; computed values are left out.
    """
    questionnaire = Questionnaire(copier_yml)
    asked: list[str] = []
    lines = ["| Question | Values, the default first | What it changes |"]
    lines.append("| --- | --- | --- |")
    for step in questionnaire.walk():
        question = questionnaire.questions.get(step.name)
        if question is None:
            continue
        cells = [
            f"`{step.name}`",
            _values_cell(question, step, asked),
            questionnaire.render(question.get("help", ""), step.contexts[0]),
        ]
        lines.append(f"| {' | '.join(map(_fold, cells))} |")
        asked.append(step.name)
    return "\n".join(lines) + "\n"


def replace_table(readme: str, table: str) -> str:
    """Put the table between the markers of the README.

    Args:
        readme: The README's text.
        table: What `question_table` returned.

    Returns:
        The README's new text.

    Raises:
        ValueError: A marker is missing, or they are in the wrong order.
    """
    before, _, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        message = f"README.md needs the line {START} and, below it, the line {END}."
        raise ValueError(message)
    return f"{before}{START}\n\n{table}\n{END}{after}"


def replace_counts(readme: str, example: Path) -> str:
    """Put the numbers of lines into the tree of what is rendered.

    Args:
        readme: The README's text.
        example: The default answers, rendered.

    Returns:
        The README's new text.
    """

    def count(row: re.Match[str]) -> str:
        names, width = row[2].split(", "), _ROW_WIDTH - len(row[1])
        folder = example / names[0].rpartition("/")[0]
        paths = [example / names[0], *(folder / name for name in names[1:])]
        lines = sum(_count_lines(path, example) for path in paths)
        return f"{row[1]}{lines:>{width},} lines"

    return _ROW.sub(count, readme)


def _count_lines(path: Path, example: Path) -> int:
    """Count the lines of a file, or of a folder without one that has its own row."""
    path = path if path.exists() else example / path.name
    files = [path] if path.is_file() else path.glob("**/*")
    return sum(
        len(file.read_text(encoding="utf-8").splitlines())
        for file in files
        if file.suffix in _COUNTED
        and ("engine" not in file.parts or path.name == "engine")
    )


def _values_cell(question: Question, step: Step, asked: Sequence[str]) -> str:
    if not has_choices(question):
        default = step.options[0][0]
        return "your own" if default == "" else f"{_code(default)}, or your own"
    return ", ".join(
        _code(value) + _describe(step.find_condition(value, asked))
        for value in step.values
    )


def _describe(condition: Condition | None) -> str:
    """Say which earlier answer offers a value; nothing when all of them do."""
    if condition is None:
        return ""
    if condition.name is None:
        return " (depends on the earlier answers)"
    answers = " or ".join(map(_code, condition.answers))
    return f" (if `{condition.name}` is {answers})"


def _code(value: Any) -> str:
    return f"`{write_answer(value)}`"


def _fold(cell: str) -> str:
    return " ".join(cell.split()).replace("|", r"\|")


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument(
        "--root",
        type=Path,
        default=ROOT,
        metavar="DIR",
        help="the folder of README.md, copier.yml and examples (default: this repository)",
    )
    options = parser.parse_args()

    readme: Path = options.root / "README.md"
    try:
        old = readme.read_text(encoding="utf-8")
        new = replace_table(old, question_table(options.root / "copier.yml"))
        new = replace_counts(new, options.root / EXAMPLE)
    except (OSError, TemplateError, ValueError, yaml.YAMLError) as error:
        raise SystemExit(str(error)) from None
    if new == old:
        return 0
    if options.check:
        raise SystemExit(
            "README.md: its questions are not those of copier.yml, or its numbers of"
            " lines not those of the example; run `python hooks/sync_readme.py`."
        )
    readme.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
