"""The workflows of the template and of a project are valid, pinned and given little."""

import re
import sys
from pathlib import Path

import pytest

from support.processes import Run
from support.variants import ROOT, Render

PINNED = re.compile(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
LOCAL = re.compile(r"uses: \./")


@pytest.fixture(params=["template", "project"])
def workflows(request: pytest.FixtureRequest, render: Render) -> list[Path]:
    """The files of the template itself, and those that it renders."""
    root = ROOT if request.param == "template" else render()
    return sorted(root.glob(".github/workflows/*.yml"))


def test_github_accepts_them_and_zizmor_finds_nothing(
    workflows: list[Path], run: Run
) -> None:
    programs = Path(sys.executable).parent
    schema = "--builtin-schema=vendor.github-workflows"

    valid = run(programs / "check-jsonschema", schema, *workflows, cwd=ROOT)
    # Offline, because what it would ask GitHub about are the tags of the actions.
    audit = run(programs / "zizmor", "--offline", "--quiet", *workflows, cwd=ROOT)

    assert len(workflows) >= 2
    assert valid.returncode == 0, valid.stdout
    assert audit.returncode == 0, audit.stdout


def test_each_action_is_pinned_by_commit_with_its_version_beside_it(
    workflows: list[Path],
) -> None:
    lines = [
        line for path in workflows for line in path.read_text("utf-8").splitlines()
    ]

    used = [line for line in lines if "uses: " in line and not LOCAL.search(line)]

    assert used
    assert [line for line in used if not PINNED.search(line)] == []


def test_no_permission_is_given_to_all_jobs_of_a_workflow(
    workflows: list[Path],
) -> None:
    assert all("\npermissions: {}\n" in path.read_text("utf-8") for path in workflows)
