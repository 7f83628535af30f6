"""Updates leave alone what the user deleted, and what was there before the layer."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from support.hosts import Files, read_host, write_host
from support.processes import Run
from support.releases import LINE, changes, commit, copier, copy_here, start_repository
from support.releases import update as run_update
from support.rendering import quick_updates
from support.variants import recorded

pytestmark = pytest.mark.thorough

ANSWERS_FILE = ".copier-answers.yml"
# One file of each kind: of the package, of the example, of the layer, of its tests, of
# the team, of the first migration.
DELETED = {
    "app/__init__.py",
    "app/notes.py",
    "tests/test_notes.py",
    "app/db/local.py",
    "tests/db/test_pool.py",
    "README.md",
    ".github/workflows/ci.yml",
    "alembic/versions/0001_create_note.py",
}
# What the sync mode adds, and what goes with the metrics.
ADMISSION = {"app/db/admission.py", "tests/db/test_admission.py"}
METRICS = {
    "app/db/gauges.py",
    "app/db/meter.py",
    "app/db/metrics.py",
    "monitoring/alerts.yml",
    "monitoring/dashboard.json",
    "tests/db/test_metrics.py",
}

PACKAGE: Files = {"app/__init__.py": '"""Ours."""\n', "app/config.py": "x = 1\n"}
CORE: Files = PACKAGE | {"app/core/__init__.py": '"""Ours, too."""\n'}
SRC: Files = {f"src/{name}": text for name, text in PACKAGE.items()}
NAMESPACE: Files = {"app/config.py": "x = 1\n"}
ALEMBIC: Files = {
    "alembic.ini": "[alembic]\nscript_location = alembic\n",
    "alembic/env.py": '"""Ours."""\n',
}
# The service, the package, and where the layer lands.
HOSTS = {
    "a package": (PACKAGE, "app", "app"),
    "a package inside it": (CORE, "app.core", "app/core"),
    "src": (SRC, "app", "src/app"),
    "src and a new package inside it": (SRC, "app.core", "src/app/core"),
    "a package without an init": (NAMESPACE, "app", "app"),
    "its own alembic": (PACKAGE | ALEMBIC, "app", "app"),
}
Copy = Callable[[Files, str], dict[str, bytes]]
Update = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of the project."""
    return tmp_path / "project"


@pytest.fixture
def deleted(run: Run, releases: Path, project: Path) -> None:
    """Make a project of the first release, and delete what its team does not need."""
    copy_here(releases, project, "--vcs-ref=v1.0.0")
    start_repository(run, project)
    for name in DELETED:
        (project / name).unlink()
    main = project / "app/main.py"
    lines = main.read_text("utf-8").splitlines(keepends=True)
    main.write_text("".join(line for line in lines if "notes" not in line), "utf-8")
    commit(run, project)


@pytest.fixture
def copy(run: Run, releases: Path, project: Path) -> Copy:
    """Make a service with the layer of the first release, and return its own files."""

    def copy_into(files: Files, package: str) -> dict[str, bytes]:
        before = read_host(write_host(project, files))
        answers = {"scaffold": "layer", "package": package}
        copy_here(releases, project, "--vcs-ref=v1.0.0", **answers)
        start_repository(run, project)
        return before

    return copy_into


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    with quick_updates():
        yield


@pytest.fixture
def update(project: Path) -> Update:
    """Update the project to the second release, with answers that change."""

    def update_project(**answers: object) -> "CompletedProcess[str]":
        data = [f"--data={name}={answer}" for name, answer in answers.items()]
        code, printed = copier("update", "--defaults", *data, project)
        return CompletedProcess([], code, "", printed)

    return update_project


@pytest.mark.usefixtures("deleted")
def test_an_update_changes_what_is_there_and_leaves_out_what_is_deleted(
    run: Run, project: Path
) -> None:
    updated = run_update(run, project)

    assert updated.returncode == 0, updated.stderr
    changed = changes(run, project)
    assert changed == {ANSWERS_FILE: "M", "app/db/errors.py": "M", "app/main.py": "M"}
    for name in changed.keys() - {ANSWERS_FILE}:
        text = (project / name).read_text("utf-8")
        assert text.splitlines(keepends=True)[1] == LINE
    assert "notes" not in (project / "app/main.py").read_text("utf-8")


@pytest.mark.usefixtures("deleted")
def test_what_is_deleted_stays_so_when_answers_change(
    run: Run, project: Path, update: Update
) -> None:
    update()
    commit(run, project)

    to_sync = update(mode="sync")
    by_mode = changes(run, project)
    commit(run, project)
    to_none = update(metrics="none")
    by_metrics = changes(run, project)

    assert to_sync.returncode == to_none.returncode == 0, to_none.stderr
    assert recorded(project)["mode"] == "sync"
    assert recorded(project)["metrics"] == "none"
    others = {name: how for name, how in by_mode.items() if how != "M"}
    assert others == dict.fromkeys(ADMISSION, "??")
    others = {name: how for name, how in by_metrics.items() if how != "M"}
    assert others == dict.fromkeys(METRICS, "D")
    assert not [name for name in DELETED if (project / name).exists()]
    imported = run(sys.executable, "-c", "import app.main", cwd=project)
    assert imported.returncode == 0, imported.stderr


@pytest.mark.parametrize(
    ("files", "package", "folder"), HOSTS.values(), ids=list(HOSTS)
)
def test_updates_find_the_layer_and_change_no_file_of_the_service(
    run: Run,
    project: Path,
    copy: Copy,
    update: Update,
    files: Files,
    package: str,
    folder: str,
) -> None:
    before = copy(files, package)

    updated = update()
    by_release = changes(run, project)
    commit(run, project)
    to_sync = update(mode="sync")
    by_mode = changes(run, project)

    assert updated.returncode == to_sync.returncode == 0, to_sync.stderr
    layer = {f"{folder}/db/errors.py", f"{folder}/db/local.py"}
    assert by_release == dict.fromkeys({ANSWERS_FILE, *layer}, "M")
    places = (ANSWERS_FILE, f"{folder}/db/", "tests/db/")
    assert not [name for name in by_mode if not name.startswith(places)]
    assert by_mode[f"{folder}/db/admission.py"] == "??"
    after = read_host(project)
    assert {name: after.get(name) for name in before} == before
    assert all(LINE.encode() in after[name] for name in layer)


def test_an_update_does_not_replace_an_alembic_that_was_there_before(
    run: Run, project: Path, copy: Copy, update: Update
) -> None:
    copy(PACKAGE | ALEMBIC, "app")

    updated = update(migrations="true")

    assert updated.returncode != 0
    assert "This service has an Alembic of its own" in updated.stderr
    assert changes(run, project) == {}


def test_the_alembic_of_the_layer_is_removed_and_comes_back(
    run: Run, project: Path, copy: Copy, update: Update
) -> None:
    copy(PACKAGE, "app")

    removed = update(migrations="false")
    without = read_host(project)
    commit(run, project)
    added = update(migrations="true")

    assert removed.returncode == added.returncode == 0, added.stderr
    assert "alembic/env.py" not in without
    assert "alembic/env.py" in read_host(project)
