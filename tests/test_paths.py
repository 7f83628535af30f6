"""Projects in odd places: a path with spaces and quotes, a monorepo, Windows."""

import re
import sys
from pathlib import Path

import pytest

from questionnaire import ANSWERS_FILE
from support.hosts import read_host
from support.processes import COPIER, Run
from support.releases import (
    changes,
    commit,
    conflicts,
    copier,
    copy_here,
    git,
    start_repository,
    update_here,
)
from support.variants import ROOT, Render, recorded


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


ODD = 'Bill\'s "new" Übersicht 🚀'
BESIDE = ".copier-answers.db-connection.yml"
WORKFLOW = ".github/workflows/update.yml"


@pytest.mark.thorough
@pytest.mark.parametrize("answers_file", [ANSWERS_FILE, BESIDE])
def test_a_project_of_any_name_is_updated_anywhere_in_a_repository(
    run: Run, render: Render, releases: Path, tmp_path: Path, answers_file: str
) -> None:
    project = tmp_path / ODD
    option = f"--answers-file={answers_file}"
    options = (option, "--vcs-ref=v1.0.0")
    copy_here(releases, project, *options, project_name=ODD)
    others = {"another.txt": b"theirs"}
    if answers_file == BESIDE:
        others[ANSWERS_FILE] = b"_src_path: gh:someone/else\n"
    for name, content in others.items():
        (project / name).write_bytes(content)
    start_repository(run, tmp_path)

    update_here(project, option, "--vcs-ref=:current:", mode="sync")

    files = read_host(project)
    del files[answers_file]
    expected = read_host(render(mode="sync", project_name=ODD))
    del expected[ANSWERS_FILE]
    # It asks for a new version with the option that is needed.
    workflow = files.pop(WORKFLOW).decode()
    del expected[WORKFLOW]
    assert files == expected | others
    assert (answers_file in workflow) == (answers_file == BESIDE)
    assert recorded(project, answers_file)["mode"] == "sync"


@pytest.mark.thorough
def test_windows_line_ends_of_a_checkout_conflict_with_nothing(
    run: Run, releases: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    copy_here(releases, project, "--vcs-ref=v1.0.0")
    start_repository(run, project)
    git(run, project, "config", "core.autocrlf", "true")
    for name in git(run, project, "ls-files", "-z").split("\0")[:-1]:
        (project / name).unlink()
    git(run, project, "checkout", "--", ".")
    main = project / "app/main.py"
    main.write_bytes(main.read_bytes() + b"\r\n# Ours.\r\n")
    commit(run, project)

    update_here(project)

    assert conflicts(run, project) == set()
    assert main.read_bytes().endswith(b"\r\n\r\n# Ours.\r\n")
    assert b"\r\n# New in the second release.\r\n" in main.read_bytes()
    commit(run, project)
    assert changes(run, project) == {}


@pytest.mark.thorough
def test_the_sentence_about_a_relative_path_is_in_the_documentation(
    run: Run, releases: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    copied = run(
        *(COPIER, "copy", "--defaults", releases.name, project),
        cwd=releases.parent,
    )
    start_repository(run, project)

    code, printed = copier("update", "--defaults", project)

    page = (ROOT / "docs/updates.md").read_text("utf-8")
    assert copied.returncode == 0, copied.stderr
    assert code != 0
    assert f"| `{printed.strip()}` |" in page
