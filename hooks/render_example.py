"""Refresh examples/default/, the default answers rendered from the working tree."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import extract_tb

from jinja2 import TemplateError

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = Path("examples", "default")
ANSWERS_FILE = ".copier-answers.yml"
SOURCE = "gh:org/db-connection"


class RenderError(Exception):
    """The template does not render; the message says where and why."""


def render(destination: Path, *, root: Path = ROOT) -> None:
    """Render the default answers, committed or not, as a user would get them.

    Args:
        destination: The folder to render into; made when missing.
        root: The folder that holds `copier.yml` and `template/`.

    Raises:
        RenderError: The template does not render.
    """
    # On import Copier copies the environment, which `main` has to clean before.
    from copier import Settings, run_copy
    from copier.errors import CopierError

    with TemporaryDirectory() as folder:
        # Of a git repository Copier would take the last release.
        source = Path(folder, "source")
        shutil.copytree(root / "template", source / "template", symlinks=True)
        shutil.copy(root / "copier.yml", source)
        try:
            run_copy(
                str(source),
                destination,
                defaults=True,
                unsafe=False,
                quiet=True,
                # Not the defaults in the user's own settings file.
                settings=Settings(),
            )
        except (CopierError, TemplateError) as error:
            raise RenderError(f"{_place(error, source)}: {error}") from error
    answers_file = destination / ANSWERS_FILE
    if answers_file.exists():
        text = forget_where_it_was_rendered(answers_file.read_text(encoding="utf-8"))
        answers_file.write_text(text, encoding="utf-8", newline="\n")


def differences(left: Path, right: Path) -> list[str]:
    """Compare the example with a fresh render, by file list and by bytes.

    Args:
        left: The example. A file that git ignores is not a part of it.
        right: The fresh render, of which every file counts.

    Returns:
        One line for each path that differs, sorted; empty when none does.
    """
    example = _files_in_git(left)
    fresh = _files(right)
    lines = [f"{name}: no longer rendered" for name in example - fresh]
    for name in fresh - example:
        reason = "ignored by git" if (left / name).is_file() else "missing"
        lines.append(f"{name}: {reason}")
    for name in example & fresh:
        if (left / name).read_bytes() != (right / name).read_bytes():
            lines.append(f"{name}: differs")
    return sorted(lines)


def replace(example: Path, fresh: Path) -> None:
    """Put a fresh render in the place of the example.

    Args:
        example: The folder to replace. What git ignores stays: a `.venv`, a `.env`.
        fresh: The fresh render.
    """
    for name in _files_in_git(example):
        (example / name).unlink()
        with suppress(OSError):
            os.removedirs((example / name).parent)
    shutil.copytree(fresh, example, dirs_exist_ok=True)


def _place(error: Exception, source: Path) -> str:
    """Name the line of the template that an error comes from."""
    for frame in reversed(extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(source):
            name = Path(frame.filename).relative_to(source).as_posix()
            return f"{name}, line {frame.lineno}"
    return "The template does not render"


def forget_where_it_was_rendered(answers: str) -> str:
    """Return the text of an answers file as if the template came from its home."""
    for key, line in ("_src_path", f"_src_path: {SOURCE}\n"), ("_commit", ""):
        # A long value goes on in indented lines.
        pattern = rf"^{key}:.*\n?(?:[ \t]+.*\n?)*"
        answers = re.sub(pattern, line, answers, flags=re.MULTILINE)
    return answers


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _files_in_git(folder: Path) -> set[str]:
    """Return the files that git carries or would carry; all of them without git."""
    if not folder.is_dir():
        return set()
    command = ["git", "ls-files", "-coz", "--exclude-standard"]
    listing = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if listing.returncode != 0:
        return _files(folder)
    names = map(os.fsdecode, listing.stdout.split(b"\0"))
    return {name for name in names if (folder / name).is_file()}


def _leave_git_hook() -> None:
    """Forget the repository that a git hook runs for.

    With these set, git (and so Copier) takes every folder for that repository.
    """
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE"):
        os.environ.pop(name, None)


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument(
        "--root",
        type=Path,
        default=ROOT,
        metavar="DIR",
        help="the folder of copier.yml and template/ (default: this repository)",
    )
    options = parser.parse_args()
    _leave_git_hook()

    example = options.root / EXAMPLE
    with TemporaryDirectory() as folder:
        fresh = Path(folder, "fresh")
        try:
            render(fresh, root=options.root)
        except (OSError, RenderError) as error:
            raise SystemExit(str(error)) from None
        if not options.check:
            replace(example, fresh)
        lines = differences(example, fresh)
    for line in lines:
        print(EXAMPLE.as_posix(), line, sep="/", file=sys.stderr)
    if lines and options.check:
        print("Run `python hooks/render_example.py`.", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
