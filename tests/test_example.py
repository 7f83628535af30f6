"""What is committed for readers is true: the example, the table, the commands."""

import re
import sys

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
