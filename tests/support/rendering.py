"""Copier without what it repeats for each of the variants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType

import copier._main
import pytest
from jinja2 import Environment

_compile: Callable[..., CodeType] = Environment.compile
_compiled: dict[tuple[object, ...], CodeType] = {}


def _compile_once(environment: Environment, *arguments: object) -> CodeType:
    """Compile a template or an expression, unless that has been done."""
    if arguments not in _compiled:
        _compiled[arguments] = _compile(environment, *arguments)
    return _compiled[arguments]


@contextmanager
def quick_copier() -> Iterator[None]:
    """Render one template several times, in a quarter of the time.

    Jinja compiles each text once, although each run has its own environment. And git is
    not asked once for each file whether the project is in a repository, because it is
    in none.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", _compile_once)
        patch.setattr(copier._main, "is_git_available", lambda: False)
        yield
