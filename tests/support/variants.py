"""The variants of the template, derived from the choices in copier.yml."""

from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.mark.structures import ParameterSet

from questionnaire import ANSWERS_FILE, Questionnaire, has_choices
from steps import Context

ROOT = Path(__file__).resolve().parents[2]

_QUESTIONNAIRE = Questionnaire(ROOT / "copier.yml")
CONFIG = _QUESTIONNAIRE.config
QUESTIONS = _QUESTIONNAIRE.questions

Answer = str | bool
Answers = dict[str, Answer]

# What the fixture `render` is: it takes answers by name and returns the project.
Render = Callable[..., Path]


@cache
def all_variants() -> list[Answers]:
    """Return every valid combination of answers, that of the defaults first."""
    return [
        {name: context[name] for name in QUESTIONS}
        for context in _QUESTIONNAIRE.combine()
    ]


def pairwise(variants: list[Answers]) -> list[Answers]:
    """Choose few of the variants in which every pair of answers still occurs.

    The first of them is among these.
    """
    pairs = [set(combinations(answers.items(), 2)) for answers in variants]
    missing = set[Any]().union(*pairs)
    chosen = []
    while missing:
        gains = [len(missing & found) for found in pairs]
        best = gains.index(max(gains))
        missing -= pairs[best]
        chosen.append(variants[best])
    return chosen


def parameters(variants: list[Answers]) -> list[ParameterSet]:
    """Return what a test is parametrised with that runs for each of the variants.

    `make test-quick` runs it for the pairwise ones only.
    """
    few = pairwise(all_variants())
    return [
        pytest.param(
            answers,
            id=variant_id(answers),
            marks=() if answers in few else pytest.mark.thorough,
        )
        for answers in variants
    ]


def computed(answers: Answers) -> Context:
    """Return the answers with all that copier.yml computes from them."""
    return _QUESTIONNAIRE.combine(answers)[0]


def recorded(project: Path, answers_file: str = ANSWERS_FILE) -> Answers:
    """Return the answers that a project remembers."""
    answers: Context = yaml.safe_load((project / answers_file).read_text("utf-8"))
    return {name: answers[name] for name in answers if not name.startswith("_")}


def is_varied(name: str) -> bool:
    """Tell a question with a choice of answers from free text."""
    return has_choices(QUESTIONS[name])


def variant_id(answers: Answers) -> str:
    """Name a variant by its answers, without those that are free text."""
    return "-".join(
        _word(name, answer) for name, answer in answers.items() if is_varied(name)
    )


def _word(name: str, answer: Answer) -> str:
    if answer in (False, "none"):
        return f"no-{name}"
    return name if answer is True else str(answer)
