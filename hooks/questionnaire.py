"""The questions of a copier.yml, and every combination of answers that it allows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from steps import Context, Step

ANSWERS_FILE = ".copier-answers.yml"

# What Copier adds to Jinja: `regex_replace` and its like.
FILTERS = "jinja2_ansible_filters.AnsibleCoreFiltersExtension"

Question = dict[str, Any]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Questionnaire:
    """A copier.yml.

    Attributes:
        config: All that it says.
        questions: What a user is asked, by name.
    """

    def __init__(self, copier_yml: Path) -> None:
        self.config: dict[str, Any] = yaml.safe_load(
            copier_yml.read_text(encoding="utf-8")
        )
        self._entries: dict[str, Question] = {
            name: entry
            for name, entry in self.config.items()
            if not name.startswith("_")
        }
        self.questions = {
            name: entry
            for name, entry in self._entries.items()
            if entry.get("when") is not False
        }
        jinja = Environment(
            **self.config.get("_envops", {})
            | {"undefined": StrictUndefined, "extensions": [FILTERS]}
        )
        self._compile = cache(jinja.from_string)

    def walk(self, given: Mapping[str, Any] = _NOTHING) -> Iterator[Step]:
        """Go through the questions and the hidden values in their order.

        Args:
            given: Answers that are settled; the other questions take each one.
        """
        contexts = [self._start()]
        for name in self._entries:
            step = Step(
                name, contexts, [self._find(name, each, given) for each in contexts]
            )
            yield step
            contexts = step.extend()

    def combine(self, given: Mapping[str, Any] = _NOTHING) -> list[Context]:
        """Return every combination of answers with the hidden values, defaults first.

        Args:
            given: Answers that are settled; the other questions take each one.
        """
        contexts = [self._start()]
        for step in self.walk(given):
            contexts = step.extend()
        return contexts

    def get_labels(self, step: Step) -> dict[Any, str]:
        """Return what each value of a question with choices is called, by the value."""
        entry = self.questions[step.name]
        if "choices" not in entry:
            return {True: "Yes", False: "No"}
        return {
            self._type(entry, choice, context): label
            for context in step.contexts
            for label, choice in self._choose(entry["choices"], context)
        }

    def render(self, text: str, context: Context) -> str:
        """Render a text of copier.yml as Copier does."""
        return self._compile(text).render(context)

    def _start(self) -> Context:
        """Return what Copier knows at a first copy, where no file exists yet."""
        return {
            # No file can be in this folder.
            "_copier_conf": {
                "dst_path": Path(os.devnull),
                "answers_file": ANSWERS_FILE,
            },
            "_external_data": {
                name: {} for name in self.config.get("_external_data", ())
            },
        }

    def _find(self, name: str, context: Context, given: Mapping[str, Any]) -> list[Any]:
        """Return what an entry can be, the default first; of free text, the default."""
        if name in given:
            return [given[name]]
        entry = self._entries[name]
        default = self._type(entry, entry.get("default", ""), context)
        if name not in self.questions or not has_choices(entry):
            return [default]
        values = [True, False]
        if "choices" in entry:
            choices = self._choose(entry["choices"], context)
            values = [self._type(entry, choice, context) for _, choice in choices]
        return sorted(values, key=lambda value: value != default)

    def _choose(self, choices: Any, context: Context) -> Iterator[tuple[str, Any]]:
        """Yield label and value of the choices that the answers so far allow."""
        if isinstance(choices, str):
            choices = yaml.safe_load(self.render(choices, context))
        if not isinstance(choices, dict):
            choices = {str(choice): choice for choice in choices}
        for label, choice in choices.items():
            if not isinstance(choice, dict):
                yield label, choice
            elif not self.render(choice.get("validator", ""), context).strip():
                yield label, choice["value"]

    def _type(self, entry: Question, value: Any, context: Context) -> Any:
        """Render a default or a choice, and give it the type of its entry."""
        if not isinstance(value, str):
            return value
        text = self.render(value, context)
        return text if entry.get("type", "str") == "str" else yaml.safe_load(text)


def has_choices(question: Question) -> bool:
    """Tell a question with a choice of answers from free text."""
    return question.get("type") == "bool" or "choices" in question


def write_answer(value: Any) -> str:
    """Return an answer as one writes it for `--data`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
