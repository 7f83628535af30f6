"""Refuse file names that git cannot carry to every operating system."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import PurePath, PurePosixPath

FORBIDDEN = '<>:"|?*\\'
RESERVED = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[1-9¹²³]) *(\..*)?", re.IGNORECASE
)

# Windows allows 260 characters: this leaves 80 for the folder that holds the clone.
MAX_LENGTH = 180


def find_problems(paths: Iterable[str]) -> list[str]:
    """Say what is wrong with the names of some files.

    Args:
        paths: The files, as git spells them: relative, with forward slashes.

    Returns:
        One sentence for each problem, naming the path and the rule; empty when all
        is well.
    """
    names = sorted(set(paths))
    return [
        *(problem for name in names for problem in _problems_of_one(name)),
        *_case_clashes(names),
    ]


def _problems_of_one(path: str) -> Iterator[str]:
    for part in PurePosixPath(path).parts:
        for character in dict.fromkeys(part):
            if character in FORBIDDEN:
                yield f"{path!r}: the character {character} is not allowed on Windows."
            elif unicodedata.category(character) == "Cc":
                yield f"{path!r}: the control character {character!r} is not allowed."
        if part.endswith((".", " ")) and part != "..":
            yield f"{path!r}: {part!r} ends with a dot or a space: Windows drops it."
        if RESERVED.fullmatch(part):
            yield f"{path!r}: {part!r} is the name of a device on Windows."
    if len(path) > MAX_LENGTH:
        yield f"{path!r}: {len(path)} characters, more than {MAX_LENGTH}."


def _case_clashes(paths: Iterable[str]) -> Iterator[str]:
    """Name each file or folder that another one differs from only by case, once."""
    spellings: dict[str, str] = {}
    seen: set[PurePosixPath] = set()
    for path in map(PurePosixPath, paths):
        for entry in (*reversed(path.parents), path):
            if entry in seen:
                continue
            seen.add(entry)
            first = spellings.setdefault(str(entry).lower(), str(entry))
            # When only the folders differ, they have been named already.
            if PurePosixPath(first).name != entry.name:
                yield f"{str(entry)!r}: differs from {first!r} only by case."


def _files_of_repository() -> list[str]:
    """Return every file that git carries, or would carry after `git add`."""
    command = ["git", "ls-files", "-coz", "--exclude-standard", "--full-name", ":/"]
    listing = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if listing.returncode != 0:
        raise SystemExit("Run this in a git repository, or name the paths to check.")
    return [os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a file to check (default: all that git does not ignore)",
    )
    named = parser.parse_args().paths
    paths = [PurePath(path).as_posix() for path in named] or _files_of_repository()

    problems = find_problems(paths)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
