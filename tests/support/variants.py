"""The variants of the template, derived from the choices in copier.yml."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template

ROOT = Path(__file__).resolve().parents[2]
CONFIG: dict[str, Any] = yaml.safe_load(
    (ROOT / "copier.yml").read_text(encoding="utf-8")
)
QUESTIONS: dict[str, Any] = {
    name: question
    for name, question in CONFIG.items()
    if not name.startswith("_") and question.get("when") is not False
}

ANSWERS_FILE = ".copier-answers.yml"

Answer = str | bool
Answers = dict[str, Answer]
Context = dict[str, Any]

# What the fixture `render` is: it takes answers by name and returns the project.
Render = Callable[..., Path]

_JINJA = Environment(
    **CONFIG.get("_envops", {}) | {"undefined": StrictUndefined},
    # What Copier adds to Jinja: `regex_replace` and its like.
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
)


@cache
def all_variants() -> list[Answers]:
    """Return every valid combination of answers, that of the defaults first."""
    return [{name: context[name] for name in QUESTIONS} for context in _walk({})]


def pairwise(variants: list[Answers]) -> list[Answers]:
    """Choose few of the variants in which every pair of answers still occurs."""
    pairs = [set(combinations(answers.items(), 2)) for answers in variants]
    missing = set[Any]().union(*pairs)
    chosen = []
    while missing:
        gains = [len(missing & found) for found in pairs]
        best = gains.index(max(gains))
        missing -= pairs[best]
        chosen.append(variants[best])
    return chosen


def computed(answers: Answers) -> Context:
    """Return the answers with all that copier.yml computes from them."""
    return _walk(answers)[0]


def recorded(project: Path, answers_file: str = ANSWERS_FILE) -> Answers:
    """Return the answers that a project remembers."""
    answers: Context = yaml.safe_load((project / answers_file).read_text("utf-8"))
    return {name: answers[name] for name in answers if not name.startswith("_")}


def is_varied(name: str) -> bool:
    """Tell a question with a choice of answers from free text."""
    question = QUESTIONS[name]
    return question["type"] == "bool" or "choices" in question


def variant_id(answers: Answers) -> str:
    """Name a variant by its answers, without those that are free text."""
    return "-".join(
        _word(name, answer) for name, answer in answers.items() if is_varied(name)
    )


def _word(name: str, answer: Answer) -> str:
    if answer in (False, "none"):
        return f"no-{name}"
    return name if answer is True else str(answer)


def _walk(given: Answers) -> list[Context]:
    """Go through copier.yml in order, with the given answers or else with each one."""
    # As at a first copy: no file can be in this folder.
    conf = {"dst_path": os.devnull, "answers_file": ANSWERS_FILE}
    contexts: list[Context] = [{"_copier_conf": conf, "_external_data": {}}]
    for name in CONFIG:
        if not name.startswith("_"):
            contexts = [
                context | {name: value}
                for context in contexts
                for value in _values(name, context, given)
            ]
    return contexts


def _values(name: str, context: Context, given: Answers) -> list[Any]:
    """Return what can be answered, the default first; of free text, the default."""
    if name in given:
        return [given[name]]
    question = CONFIG[name]
    default = _typed(question, question["default"], context)
    if name not in QUESTIONS or not is_varied(name):
        return [default]
    values = [True, False]
    if "choices" in question:
        choices = _choices(question["choices"], context)
        values = [_typed(question, choice, context) for choice in choices]
    return sorted(values, key=lambda value: value != default)


def _choices(choices: Any, context: Context) -> Iterator[Any]:
    """Yield the values of the choices that the answers so far allow."""
    if isinstance(choices, str):
        choices = yaml.safe_load(_render(choices, context))
    for choice in choices.values() if isinstance(choices, dict) else choices:
        if not isinstance(choice, dict):
            yield choice
        elif not _render(choice.get("validator", ""), context).strip():
            yield choice["value"]


def _typed(question: dict[str, Any], value: Any, context: Context) -> Any:
    """Render a default or a choice, and give it the type of the question."""
    if not isinstance(value, str):
        return value
    text = _render(value, context)
    return text if question["type"] == "str" else yaml.safe_load(text)


def _render(text: str, context: Context) -> str:
    return _template(text).render(context)


@cache
def _template(text: str) -> Template:
    return _JINJA.from_string(text)
