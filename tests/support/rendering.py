"""Copier without what it repeats for each of the variants."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import copier._main
import copier._template
import pytest
from copier._settings import SettingsModel
from copier._vcs import clone
from jinja2 import Environment

_compile: Callable[..., CodeType] = Environment.compile
_compiled: dict[tuple[object, ...], CodeType] = {}


def _compile_once(
    environment: Environment,
    source: str,
    name: str | None = None,
    filename: str | None = None,
    *options: object,
) -> CodeType:
    """Compile a template or an expression, unless that has been done."""
    key = (source, name, *options)
    if key not in _compiled:
        _compiled[key] = _compile(environment, source, name, filename, *options)
    return _compiled[key]


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
        # The user's own settings could answer questions, or trust the template.
        patch.setattr(SettingsModel, "from_file", lambda _path=None: SettingsModel())
        yield


@contextmanager
def quick_updates() -> Iterator[None]:
    """Update projects from one template several times, each in a third of the time.

    An update renders three times, each time from a clone of its own: here each release
    is cloned once, and its `copier.yml` is read once.
    """
    load = cache(copier._template.load_template_config)
    with (
        quick_copier(),
        tempfile.TemporaryDirectory() as clones,
        pytest.MonkeyPatch.context() as patch,
    ):

        @cache
        def clone_once(url: str, reference: str) -> str:
            return clone(url, reference, tempfile.mkdtemp(dir=clones))

        def get_clone(url: str, ref: str = "HEAD", location: str | None = None) -> str:
            # The location is removed after each render.
            return clone_once(url, ref)

        def load_config(path: Path, quiet: bool = False) -> Any:
            return deepcopy(load(path, quiet))

        patch.setattr(copier._template, "clone", get_clone)
        patch.setattr(copier._template, "load_template_config", load_config)
        yield
