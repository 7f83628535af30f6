"""What the tests of hooks/ have in common: a script that runs, and files to run it on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOOKS = Path(__file__).resolve().parents[2] / "hooks"

# Inside a git hook these would point every git command at this repository.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}


def run_hook(
    script: str, *arguments: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a script of hooks/ as its command line does."""
    return subprocess.run(
        [sys.executable, HOOKS / script, *arguments],
        cwd=cwd,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def git(*arguments: str, cwd: Path) -> None:
    """Run git in the repository of a test."""
    subprocess.run(["git", *arguments], cwd=cwd, env=ENVIRONMENT, check=True)


def write(path: Path, text: str = "") -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, by its path in there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
