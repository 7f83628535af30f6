"""The template of the working tree, and Copier without what it repeats each time."""

import shutil
import subprocess
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
from copier import Settings, run_copy
from copier._settings import SettingsModel
from copier._vcs import clone
from jinja2 import Environment

from support.processes import inherited
from support.variants import QUESTIONS, ROOT, Answers

# Of a project with the package `app`. The rest is the user's.
OF_THE_LAYER = ("app/db/", "tests/db/")

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


def copy_template(folder: Path) -> None:
    """Copy the template of the working tree, committed or not, without its history."""
    listing = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        env=inherited(),
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listing.stdout.split("\0"):
        # Git lists what is deleted until that is committed.
        if name.startswith(("copier.yml", "template/")) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def render_variant(template: Path, project: Path, answers: Answers) -> None:
    """Render a template with answers to some of its questions, and defaults.

    Args:
        template: Its folder.
        project: The folder to render into; made when missing.
        answers: By the names of the questions.
    """
    # Copier takes any name, and then leaves it alone.
    assert answers.keys() <= QUESTIONS.keys()
    with quick_copier():
        run_copy(
            str(template),
            project,
            data=dict(answers),
            defaults=True,
            unsafe=False,
            quiet=True,
            # Not the defaults in the user's own settings file.
            settings=Settings(),
        )


def is_the_layers(path: str) -> bool:
    """Tell a file of the layer from one of the user's."""
    return path.startswith(OF_THE_LAYER)
