"""Migrations go past PgBouncer, and say so when they are not told the way."""

import shutil
import sys
from pathlib import Path

import psycopg
import pytest

from support.databases import ask_all, make_database
from support.load import Report
from support.pairs import PAIRS, pair_id
from support.pgbouncer import run_pgbouncer
from support.processes import Run

pytestmark = pytest.mark.thorough

ASYNC = [answers for answers in PAIRS if answers["mode"] == "async"]


@pytest.mark.parametrize("project", ASYNC[:1], ids=pair_id, indirect=True)
def test_migrations_go_past_pgbouncer(
    project: Path,
    run: Run,
    server_url: str,
    workshop: Path,
    tmp_path: Path,
    report: Report,
) -> None:
    copy = shutil.copytree(project, tmp_path / "project")
    upgrade = (sys.executable, "-m", "alembic", "upgrade", "head")

    with (
        make_database(server_url) as direct_url,
        run_pgbouncer(direct_url, workshop, name="another") as pgbouncer,
    ):
        settings = pgbouncer.environment
        through = run(sys.executable, "-m", "app.db", "ping", cwd=copy, **settings)
        past = run(*upgrade, cwd=copy, **settings)
        unknown = run(*upgrade, cwd=copy, **settings | {"DB_DIRECT_URL": ""})
        with psycopg.connect(direct_url) as direct:
            (has_note,) = ask_all(direct, ["SELECT to_regclass('note') IS NOT NULL"])

    report(f"exit code {past.returncode}, without a direct URL {unknown.returncode}")
    assert through.returncode == 1, through.stdout
    assert past.returncode == 0, past.stderr
    assert has_note
    assert unknown.returncode != 0
    sentence = "set DB_DIRECT_URL: DB_POOLED says DB_URL is pooled"
    assert unknown.stdout == f"FAILED: {sentence}\n"
