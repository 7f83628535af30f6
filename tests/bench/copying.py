"""What copying costs: beside as many empty files, and as a user waits for it."""

import os
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from copier import run_copy

from support.hooks import write
from support.rendering import copy_template

ROUNDS = 5


class Copying(NamedTuple):
    """What `copier copy` costs with the default answers.

    Attributes:
        seconds: How long it takes.
        ratio: Its processor time, where that for as many empty files is 1.
    """

    seconds: float
    ratio: float


def measure_copying(folder: Path) -> Copying:
    """Copy the template and one of empty files in turns.

    Args:
        folder: An empty one.
    """
    template, empty, first = (folder / name for name in ("template", "empty", "first"))
    copy_template(template)
    _copy(template, first)
    write(empty / "copier.yml", "_subdirectory: template\n")
    for path in first.rglob("*"):
        if path.is_file():
            write(empty / "template" / path.relative_to(first))
    ours, theirs, seconds = [], [], []
    for n in range(ROUNDS):
        started = perf_counter()
        ours.append(_copy(template, folder / f"ours-{n}"))
        seconds.append(perf_counter() - started)
        theirs.append(_copy(empty, folder / f"theirs-{n}"))
    ratios = (a / b for a, b in zip(ours, theirs, strict=True))
    return Copying(median(seconds), median(ratios))


def _copy(source: Path, project: Path) -> float:
    """Return the processor time, that of Copier's calls of git included."""
    before = sum(os.times()[:4])
    run_copy(str(source), project, defaults=True, quiet=True)
    return sum(os.times()[:4]) - before
