"""Many processes migrate one database at once: one does it, and the others wait."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import psycopg
import pytest

from support.databases import ask_all
from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.services import wait_until

pytestmark = pytest.mark.thorough

Upgrade = Callable[[int], "CompletedProcess[str]"]

each_pair = pytest.mark.parametrize("project", PAIRS, ids=pair_id, indirect=True)
# One for each mode, where the driver makes no difference.
PER_MODE = [PAIRS[0], PAIRS[-1]]
each_mode = pytest.mark.parametrize("project", PER_MODE, ids=pair_id, indirect=True)

# Forks, because ten interpreters that import everything would start one by one.
UPGRADE = """
import json, multiprocessing, os, sys
from alembic.config import main
import app.db.migrations, app.models

folder, count = sys.argv[1], int(sys.argv[2])

def upgrade(barrier):
    sys.stdout = sys.stderr = open(f"{folder}/{os.getpid()}.log", "w", buffering=1)
    barrier.wait()
    main(["--config", f"{folder}/alembic.ini", "upgrade", "head"])

fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(count)
processes = [fork.Process(target=upgrade, args=[barrier]) for _ in range(count)]
for process in processes:
    process.start()
for process in processes:
    process.join()
print(json.dumps([process.exitcode for process in processes]))
"""
# Two revisions after the project's own: one waits for the test, and the other does what
# no transaction may do.
REVISIONS = {
    "0002": 'op.execute("SELECT pg_advisory_xact_lock_shared(1)")',
    "0003": """
    with op.get_context().autocommit_block():
        op.create_index("ix_text", "note", ["text"], postgresql_concurrently=True)
    """,
}
REVISION = """
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade():
    {upgrade}
"""
AT_HEAD = [
    "SELECT version_num FROM alembic_version",
    "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_text'::regclass",
]


@pytest.fixture
def folder(tmp_path: Path, project: Path) -> Path:
    """The project's migrations, with two more revisions."""
    shutil.copy(project / "alembic.ini", tmp_path)
    shutil.copytree(project / "alembic", tmp_path / "alembic")
    before = "0001"
    for revision, upgrade in REVISIONS.items():
        source = REVISION.format(revision=revision, before=before, upgrade=upgrade)
        (tmp_path / f"alembic/versions/{revision}.py").write_text(source, "utf-8")
        before = revision
    return tmp_path


@pytest.fixture
def keeper(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection that keeps the second revision waiting."""
    with psycopg.connect(database_url, autocommit=True) as keeper:
        keeper.execute("SELECT pg_advisory_lock(1)")
        yield keeper


@pytest.fixture
def upgrade(run: Run, project: Path, folder: Path, database_url: str) -> Upgrade:
    """Run `alembic upgrade head` in several processes, released at the same time."""
    # The gate is a lock, too.
    variables = {"DB_URL": database_url, "DB_MIGRATION_LOCK_TIMEOUT": "0"}

    def upgrade_in(count: int) -> "CompletedProcess[str]":
        command = (sys.executable, "-c", UPGRADE, folder, str(count))
        return run(*command, cwd=project, **variables)

    return upgrade_in


def logs_with(folder: Path, text: str) -> set[Path]:
    """Return the logs of the processes that have written a text."""
    return {log for log in folder.glob("*.log") if text in log.read_text("utf-8")}


def wait_for_all(folder: Path, count: int) -> int:
    """Wait until one process migrates and the others wait; return the ID of the one."""
    wait_until(
        lambda: (
            len(logs_with(folder, "Running upgrade 0001 -> 0002")) == 1
            and len(logs_with(folder, "another process migrates")) == count - 1
        )
    )
    (log,) = logs_with(folder, "Running upgrade")
    return int(log.stem)


def expect_ten(folder: Path, upgrade: Upgrade, keeper: psycopg.Connection) -> None:
    # Left in reverse order: a failure closes the keeper, and nobody waits any more.
    with ThreadPoolExecutor() as executor, keeper:
        upgraded = executor.submit(upgrade, 10)
        one = wait_for_all(folder, 10)
        keeper.execute("SELECT pg_advisory_unlock(1)")
        result = upgraded.result()
        found = ask_all(keeper, AT_HEAD)

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [0] * 10
    assert [int(log.stem) for log in logs_with(folder, "Running upgrade")] == [one]
    assert found == ["0003", True]


@each_pair
def test_of_ten_processes_one_migrates_and_nine_find_it_done(
    folder: Path, upgrade: Upgrade, keeper: psycopg.Connection
) -> None:
    expect_ten(folder, upgrade, keeper)


@each_mode
def test_of_ten_processes_one_migrates_when_each_migration_is_a_transaction(
    folder: Path, upgrade: Upgrade, keeper: psycopg.Connection
) -> None:
    env = folder / "alembic/env.py"
    call = "run_migrations(target_metadata"
    options = ", transaction_per_migration=True"
    env.write_text(env.read_text("utf-8").replace(call, call + options), "utf-8")

    expect_ten(folder, upgrade, keeper)


@each_mode
def test_a_killed_process_frees_the_others(
    folder: Path, upgrade: Upgrade, keeper: psycopg.Connection
) -> None:
    # Left in reverse order: a failure closes the keeper, and nobody waits any more.
    with ThreadPoolExecutor() as executor, keeper:
        upgraded = executor.submit(upgrade, 3)
        os.kill(wait_for_all(folder, 3), signal.SIGKILL)
        keeper.execute("SELECT pg_advisory_unlock(1)")
        result = upgraded.result()
        found = ask_all(keeper, AT_HEAD)

    assert result.returncode == 0, result.stderr
    assert sorted(json.loads(result.stdout)) == [-signal.SIGKILL, 0, 0]
    assert len(logs_with(folder, "Running upgrade")) == 2
    assert found == ["0003", True]


@each_pair
def test_without_a_database_it_says_so_in_a_sentence(run: Run, project: Path) -> None:
    command = (sys.executable, "-m", "alembic", "upgrade", "head")
    url = "postgresql://me:s3cret@127.0.0.1:1/nowhere"

    result = run(*command, cwd=project, DB_URL=url)

    assert result.returncode != 0
    assert result.stdout.startswith("FAILED: database unavailable: refused: ")
    assert (result.stdout + result.stderr).count("\n") == 2
    assert "s3cret" not in result.stdout + result.stderr
