"""Write the table of questions into the README, from copier.yml."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]
from jinja2 import ChainableUndefined, Environment, TemplateError

ROOT = Path(__file__).resolve().parent.parent
START = "<!-- questions:start -->"
END = "<!-- questions:end -->"

# What Copier adds to Jinja: `regex_replace` and its like.
FILTERS = "jinja2_ansible_filters.AnsibleCoreFiltersExtension"

Answers = dict[str, Any]


def question_table(copier_yml: Path) -> str:
    """Describe the questions that a user is asked, as a Markdown table.

    Args:
        copier_yml: The questionnaire.

    Returns:
        The table's lines, the last one with its newline. A question's default comes
        first among its values; computed values are left out.
    """
    config = yaml.safe_load(copier_yml.read_text(encoding="utf-8"))
    jinja = Environment(
        **config.get("_envops", {})
        # What only Copier knows (an earlier copy, say) is empty here.
        | {"undefined": ChainableUndefined, "extensions": [FILTERS]}
    )
    questions = [item for item in config.items() if not item[0].startswith("_")]
    while questions and _is_computed(questions[-1][1]):
        questions.pop()

    # Every combination of the answers given so far; the first one has all defaults.
    cases: list[Answers] = [{}]
    asked: list[str] = []
    lines = ["| Question | Values, the default first | What it changes |"]
    lines.append("| --- | --- | --- |")
    for name, question in questions:
        options = [_values(jinja, question, case) for case in cases]
        if not _is_computed(question):
            cells = [
                f"`{name}`",
                _values_cell(question, options, cases, asked),
                jinja.from_string(question.get("help", "")).render(cases[0]),
            ]
            lines.append(f"| {' | '.join(map(_fold, cells))} |")
            asked.append(name)
        cases = [
            case | {name: value}
            for case, values in zip(cases, options, strict=True)
            for value in values
        ]
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


def _is_computed(question: Answers) -> bool:
    return question.get("when") is False


def _values(jinja: Environment, question: Answers, answers: Answers) -> list[Any]:
    """Return what can be answered, the default first; of free text, the default."""
    default = _render(jinja, question, question.get("default", ""), answers)
    if _is_computed(question):
        return [default]
    choices = question.get("choices", [])
    if isinstance(choices, str):
        choices = yaml.safe_load(jinja.from_string(choices).render(answers))
    if isinstance(choices, dict):
        choices = [
            choice["value"] if isinstance(choice, dict) else choice
            for choice in choices.values()
        ]
    values = [_render(jinja, question, choice, answers) for choice in choices]
    if question.get("type") == "bool":
        values = [True, False]
    return sorted(values, key=lambda value: value != default) or [default]


def _render(jinja: Environment, question: Answers, value: Any, answers: Answers) -> Any:
    """Render a default or a choice, and give it the type of the question."""
    if not isinstance(value, str):
        return value
    text = jinja.from_string(value).render(answers)
    return text if question.get("type", "str") == "str" else yaml.safe_load(text)


def _values_cell(
    question: Answers,
    options: Sequence[list[Any]],
    cases: Sequence[Answers],
    asked: Sequence[str],
) -> str:
    if question.get("type") != "bool" and not question.get("choices"):
        default = options[0][0]
        return "your own" if default == "" else f"{_code(default)}, or your own"
    every_value = _unique(value for values in options for value in values)
    return ", ".join(
        _code(value) + _condition(value, options, cases, asked) for value in every_value
    )


def _condition(
    value: Any,
    options: Sequence[list[Any]],
    cases: Sequence[Answers],
    asked: Sequence[str],
) -> str:
    """Say which earlier answer offers the value; nothing when all of them do."""
    if all(value in values for values in options):
        return ""
    for name in asked:
        pairs = [
            (case[name], values) for case, values in zip(cases, options, strict=True)
        ]
        offering = _unique(answer for answer, values in pairs if value in values)
        lacking = _unique(answer for answer, values in pairs if value not in values)
        if not set(offering) & set(lacking):
            return f" (if `{name}` is {' or '.join(map(_code, offering))})"
    return " (depends on the earlier answers)"


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _code(value: Any) -> str:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return f"`{value}`"


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
        help="the folder of copier.yml and README.md (default: this repository)",
    )
    options = parser.parse_args()

    readme: Path = options.root / "README.md"
    try:
        old = readme.read_text(encoding="utf-8")
        new = replace_table(old, question_table(options.root / "copier.yml"))
    except (OSError, TemplateError, ValueError, yaml.YAMLError) as error:
        raise SystemExit(str(error)) from None
    if new == old:
        return 0
    if options.check:
        raise SystemExit(
            "README.md: its questions are not those of copier.yml;"
            " run `python hooks/sync_readme.py`."
        )
    readme.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
