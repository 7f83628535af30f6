"""Change a project where a new release of the template needs more than a merge.

A versioned entry of `_migrations` in copier.yml runs this in the project, after the
update. CONTRIBUTING.md says when that is worth making users pass `--trust`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from copier import run_copy


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for, in the current folder.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    rename_parser = kinds.add_parser("rename", help="give a public name its new name")
    move_parser = kinds.add_parser("move", help="move a file, with the user's edits")
    for kind in (rename_parser, move_parser):
        kind.add_argument("old")
        kind.add_argument("new")
    move_parser.add_argument("--answers-file", default=".copier-answers.yml")
    options = parser.parse_args(arguments)
    if options.kind == "rename":
        rename(options.old, options.new)
    else:
        move(options.old, options.new, answers_file=options.answers_file)
    return 0


def rename(old: str, new: str) -> None:
    """Write a new name for an old one in every Python file that git tracks."""
    for name in _git("ls-files", "-z", "*.py").decode().split("\0")[:-1]:
        path = Path(name)
        if not path.exists():
            continue
        text = path.read_bytes()
        renamed = re.sub(rb"\b%b\b" % re.escape(old.encode()), new.encode(), text)
        if renamed != text:
            path.write_bytes(renamed)
            print(f"{name}: {old} is now {new}", file=sys.stderr)


def move(old: str, new: str, *, answers_file: str) -> None:
    """Merge the edits of a file into the one that replaces it at another path.

    Copier has removed the old one, as it was before the update, and rendered the new.
    """
    try:
        edited = _git("show", f"HEAD:./{old}")
    except subprocess.CalledProcessError:
        # The user deleted it, so its successor goes, too.
        Path(new).unlink(missing_ok=True)
        return
    answers = yaml.safe_load(_git("show", f"HEAD:./{answers_file}"))
    with TemporaryDirectory() as folder:
        project = Path(folder, "project")
        run_copy(
            answers["_src_path"],
            project,
            data=answers,
            vcs_ref=answers["_commit"],
            defaults=True,
            quiet=True,
        )
        mine = Path(folder, "mine")
        mine.write_bytes(edited)
        labels = ("-Lbefore updating", "-Llast update", "-Lafter updating")
        command = ["git", "merge-file", *labels, str(mine), str(project / old), new]
        conflicts = subprocess.run(command, check=False).returncode
        Path(new).write_bytes(mine.read_bytes())
    told = ", with conflict markers" if conflicts else ""
    print(f"{old} is now {new}, with your edits{told}", file=sys.stderr)


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
