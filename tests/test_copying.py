"""Copying takes little more than what Copier itself takes for as many files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from copier import run_copy

from support.hooks import write
from support.variants import Render

ROUNDS = 3


@pytest.mark.thorough
def test_copying_takes_at_most_twice_the_time_of_as_many_empty_files(
    template: Path,
    render: Render,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    empty = tmp_path / "empty"
    write(empty / "copier.yml", "_subdirectory: template\n")
    for name in render().rglob("*"):
        if name.is_file() and "__pycache__" not in name.parts:
            write(empty / "template" / name.relative_to(render()))

    seconds = dict[Path, list[float]]()
    for n in range(ROUNDS):
        for source in (empty, template):
            before = cpu_seconds()
            run_copy(
                str(source), tmp_path / f"{n} {source.name}", defaults=True, quiet=True
            )
            seconds.setdefault(source, []).append(cpu_seconds() - before)

    ours, theirs = (min(seconds[source]) for source in (template, empty))
    record_property("table", f"copying: {ours / theirs:.1f} times as many empty files")
    assert ours <= 2 * theirs


def cpu_seconds() -> float:
    """Return the processor time of this process and of those that it waited for."""
    return sum(os.times()[:4])
