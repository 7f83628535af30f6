"""What is committed for readers is true: the example, the table, the commands."""

import re
import sys

import pytest

from support.processes import Run
from support.variants import ROOT

FENCE = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("hook", ["render_example", "sync_readme"])
def test_nothing_is_out_of_date(run: Run, hook: str) -> None:
    check = run(sys.executable, ROOT / "hooks" / f"{hook}.py", "--check", cwd=ROOT)

    assert check.returncode == 0, check.stdout + check.stderr


def test_each_make_command_in_the_readme_is_a_target_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")

    fences = "".join(FENCE.findall(readme))
    commands = re.findall(r"^(?:\$ )?make +([\w-]+)", fences, re.MULTILINE)
    targets = re.findall(r"^([\w-]+):(?!=)", makefile, re.MULTILINE)

    assert {"demo", "test"} <= set(commands) <= set(targets)
