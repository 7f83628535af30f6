"""What is committed for readers is true: the example, the table, the commands."""

import re
import sys
from pathlib import Path

import pytest

from support.processes import Run
from support.variants import ROOT

FENCE = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("hook", ["render_example", "sync_errors", "sync_readme"])
def test_nothing_is_out_of_date(run: Run, hook: str) -> None:
    check = run(sys.executable, ROOT / "hooks" / f"{hook}.py", "--check", cwd=ROOT)

    assert check.returncode == 0, check.stdout + check.stderr


def test_make_says_what_each_of_its_targets_does(run: Run) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    # Inside `make test`, make would say where it is too.
    said = run("make", "--no-print-directory", cwd=ROOT)

    targets = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    assert said.returncode == 0, said.stderr
    assert re.findall(r"^([\w-]+) +\w", said.stdout, re.MULTILINE) == targets


def test_each_make_command_in_the_readme_is_a_target_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")

    fences = "".join(FENCE.findall(readme))
    commands = re.findall(r"^(?:\$ )?make +([\w-]+)", fences, re.MULTILINE)
    targets = re.findall(r"^([\w-]+):(?!=)", makefile, re.MULTILINE)

    assert {"demo", "test"} <= set(commands) <= set(targets)


def test_the_tree_in_the_readme_has_the_right_numbers_of_lines() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    example = ROOT / "examples" / "default"

    tree = readme.partition("<!-- tree:start -->")[2].partition("<!-- tree:end -->")[0]
    rows = re.findall(r"^(\S+(?:, \S+)*) {2,}.* ([\d,]+) lines$", tree, re.MULTILINE)

    assert len(rows) == 6
    for names, count in rows:
        first, *others = names.split(", ")
        folder = example / first.rpartition("/")[0]
        paths = [example / first, *(folder / other for other in others)]
        assert count == f"{count_lines(paths, example):,}", names


def count_lines(paths: list[Path], example: Path) -> int:
    """Count the lines of Python and other code; of a folder, those right in it."""
    total = 0
    for path in paths:
        place = path if path.exists() else example / path.name
        files = [place] if place.is_file() else list(place.glob("**/*"))
        for file in files:
            is_engine = "engine" in file.parts and place.name != "engine"
            if file.suffix in {".py", ".ini", ".mako"} and not is_engine:
                total += len(file.read_text("utf-8").splitlines())
    return total
