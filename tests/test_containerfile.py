"""The container's image: its recipe is linted, because no engine builds it here."""

import shutil
import sys
from pathlib import Path

from support.processes import Run
from support.variants import ROOT, Render

# What the image does when it starts, up to the first request, and at a release.
START = "import app.main, app.db.__main__"
RELEASE = "import alembic.config; alembic.config.main(['upgrade', 'head'])"


def test_hadolint_finds_nothing(render: Render, run: Run) -> None:
    recipe = render() / "Containerfile"

    lint = run(Path(sys.executable).with_name("hadolint"), recipe, cwd=ROOT)

    assert lint.returncode == 0, lint.stdout


def test_what_enters_the_image_is_enough_to_migrate_and_to_start(
    render: Render, run: Run, tmp_path: Path, database_url: str
) -> None:
    project = render()
    lines = (project / ".dockerignore").read_text("utf-8").splitlines()
    for line in lines:
        source = project / line.removeprefix("!")
        # The lock file is made when the project is installed.
        if line.startswith("!") and source.exists():
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, tmp_path / source.name)

    started = run(sys.executable, "-c", START, cwd=tmp_path)
    released = run(sys.executable, "-c", RELEASE, cwd=tmp_path, DB_URL=database_url)

    assert "*" in lines
    assert started.returncode == 0, started.stderr
    assert released.returncode == 0, released.stderr


def test_the_image_has_no_rights_no_secret_and_does_not_migrate(
    render: Render,
) -> None:
    text = (render() / "Containerfile").read_text("utf-8")

    instructions = [line for line in text.splitlines() if not line.startswith("#")]

    assert not any("DB_" in line or "alembic" in line for line in instructions)
    *_, user, _port, command = instructions
    assert user == "USER 10001"
    assert command == 'CMD ["uvicorn", "app.main:app"]'
