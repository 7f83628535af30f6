"""What a question can be answered with, and on what that depends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Context = dict[str, Any]


class Condition(NamedTuple):
    """What has to be answered for a choice to be offered.

    Attributes:
        name: The question before; None if it takes more than one.
        answers: The answers to it.
    """

    name: str | None
    answers: list[Any]


class Step(NamedTuple):
    """A question or a hidden value, and what it can be.

    Attributes:
        name: Its name.
        contexts: Every combination of what stands before it, that of the defaults first.
        options: What it can be in each of them, the default first.
    """

    name: str
    contexts: list[Context]
    options: list[list[Any]]

    @property
    def values(self) -> list[Any]:
        """All that it can be, the default of all defaults first."""
        return _unique(value for values in self.options for value in values)

    def extend(self) -> list[Context]:
        """Return every combination of what stands before it and of what it can be."""
        return [
            context | {self.name: value}
            for context, values in zip(self.contexts, self.options, strict=True)
            for value in values
        ]

    def find_condition(self, value: Any, asked: Sequence[str]) -> Condition | None:
        """Return what has to be answered for a value to be offered; None if nothing.

        Args:
            value: One of the values.
            asked: The questions before this one.
        """
        if all(value in values for values in self.options):
            return None
        for name in asked:
            pairs = [
                (context[name], value in values)
                for context, values in zip(self.contexts, self.options, strict=True)
            ]
            offering = _unique(answer for answer, is_offered in pairs if is_offered)
            lacking = _unique(answer for answer, is_offered in pairs if not is_offered)
            if not set(offering) & set(lacking):
                return Condition(name, offering)
        return Condition(None, [])


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
