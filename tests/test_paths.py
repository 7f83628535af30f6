"""A project whose path has a space and a quote in it."""

import re
import sys
from pathlib import Path

import pytest

from support.processes import Run

COPIER = Path(sys.executable).with_name("copier")


@pytest.fixture
def project(workshop: Path) -> Path:
    return workshop / "Bill's new API"


def test_the_command_that_is_printed_leads_to_the_project(
    run: Run, template: Path, project: Path
) -> None:
    copied = run(COPIER, "copy", "--defaults", template, project, cwd=project.parent)

    assert copied.returncode == 0, copied.stderr
    (command,) = re.findall(r"^ +(cd .+)$", copied.stderr, re.MULTILINE)
    moved = run("sh", "-c", f"{command} && pwd", cwd=project.parent)
    assert moved.stdout.strip() == str(project)


def test_its_server_starts_there(run: Run, template: Path, project: Path) -> None:
    run(COPIER, "copy", "--defaults", template, project, cwd=project.parent)
    ping = (sys.executable, "-m", "app.db", "ping")

    local = run(sys.executable, "-m", "app.db", "local", "--", *ping, cwd=project)

    assert local.returncode == 0, local.stdout + local.stderr
    assert (project / ".postgres/PG_VERSION").exists()
