"""The doctor as a command: poolers, exit codes, JSON, secrets; and `wait`."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.databases import make_database
from support.pairs import PAIRS, pair_id, run_scenario
from support.pgbouncer import run_pgbouncer
from support.postgres import find_free_port, make_template, run_server
from support.processes import Run
from support.services import migrate
from support.variants import ROOT, Render

pytestmark = pytest.mark.thorough

# What does not depend on the driver is tried in both modes.
each_mode = pytest.mark.parametrize(
    "project",
    [answers for answers in PAIRS if answers["driver"] == "psycopg"],
    ids=pair_id,
    indirect=True,
)

SCHEMA = json.loads((ROOT / "docs" / "doctor.schema.json").read_text("utf-8"))
DOCTOR = (sys.executable, "-m", "app.db", "doctor", "--json")

SEE_POOLERS = """
from app.db.doctor import examine

async def look(**variables):
    os.environ.update(variables)
    get_settings.cache_clear()
    results = (await examine()).results
    await dispose_engine()
    return [[result.step, result.status, result.message] for result in results]

async def main():
    urls = json.loads(os.environ["URLS"])
    found = [await look(DB_URL=url) for url in urls[:2]]
    found.append(await look(DB_URL=urls[2], DB_POOLED="true", DB_DIRECT_URL=urls[3]))
    emit(found)
"""
KEEP_SECRETS = """
import io
from urllib.parse import quote
from hypothesis import given, settings, strategies as st
from app.db.doctor import examine
from app.db.doctor.lines import Lines

texts = st.text("@,/?#:%&=[]' aZ9ü", max_size=4)
before = ["", "psql ", "DATABASE_URL="]

async def ask(url):
    os.environ["DB_URL"] = url
    get_settings.cache_clear()
    out = io.StringIO()
    report = await examine(Lines(out))
    return out.getvalue() + report.to_json()

@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(before), texts, texts, st.booleans())
def keeps(prefix, start, end, is_quoted):
    password = f"{start}S3cr3t{end}"
    password = quote(password, safe="") if is_quoted else password
    urls = [
        f"{prefix}postgresql://me:{password}@127.0.0.1:1/name",
        f"{prefix}postgresql://127.0.0.1:1/name?user=me&password={password}",
    ]
    for url in urls:
        assert "S3cr3t" not in RUN(ask(url)), url

def main_of_this_mode():
    keeps()
    emit("kept")
"""
# Hypothesis calls plain functions.
ASYNC_MAIN = """
RUN = lambda coroutine: asyncio.new_event_loop().run_until_complete(coroutine)

async def main():
    await asyncio.to_thread(main_of_this_mode)
"""
SYNC_MAIN = """
RUN = lambda answer: answer

async def main():
    main_of_this_mode()
"""


def test_a_pooler_that_nobody_declared_is_noticed(
    project: Path, run: Run, server_url: str, workshop: Path
) -> None:
    with ExitStack() as stack:
        direct_url = stack.enter_context(make_database(server_url))
        migrate(run, project, direct_url)
        # PgBouncer runs as another user.
        workshop.chmod(0o755)
        (workshop / "strict").mkdir()
        (workshop / "lenient").mkdir()
        strict = stack.enter_context(run_pgbouncer(direct_url, workshop / "strict"))
        lenient = stack.enter_context(
            run_pgbouncer(direct_url, workshop / "lenient", ignored="options")
        )
        refused, noticed, declared = run_scenario(
            run,
            project,
            SEE_POOLERS,
            URLS=json.dumps(
                [
                    strict.environment["DB_URL"],
                    lenient.environment["DB_URL"],
                    strict.environment["DB_URL"],
                    direct_url,
                ]
            ),
        )

    *_, (step, status, message) = refused
    assert (step, status) == ("authentication", "failed")
    assert message.startswith("pooler: ")
    assert "DB_POOLED=true" in message
    steps = {step: (status, message) for step, status, message in noticed}
    status, message = steps["pooler"]
    assert status == "warning"
    assert "transactions share server connections: set DB_POOLED=true" in message
    assert steps["timeouts"][0] == "warning"
    steps = {step: (status, message) for step, status, message in declared}
    assert steps["pooler"] == ("ok", "pooled: transactions share server connections")
    assert steps["prepared statements"][0] == "ok"
    assert steps["migrations"][0] == "ok"


def test_what_it_prints_for_programs_is_documented(
    render: Render, run: Run, database_url: str
) -> None:
    project = render()

    not_migrated = run(*DOCTOR, cwd=project, DB_URL=database_url)
    migrate(run, project, database_url)
    well = run(*DOCTOR, cwd=project, DB_URL=database_url)
    failed = run(*DOCTOR, cwd=project, DB_URL="postgresql://me:S3cr3t@127.0.0.1:1/x")
    misspelt = run(*DOCTOR[:-1], "--jsn", cwd=project)

    assert [not_migrated.returncode, well.returncode, failed.returncode] == [2, 0, 1]
    for process in (not_migrated, well, failed):
        jsonschema.validate(json.loads(process.stdout), SCHEMA)
        assert process.stderr == ""
    (warning,) = [s for s in steps_of(not_migrated) if s["status"] == "warning"]
    assert warning["step"] == "migrations"
    assert warning["message"] == "at none, and the head is 0001"
    assert "S3cr3t" not in failed.stdout
    # Not 2, which would say that the database works.
    assert misspelt.returncode == 64


def steps_of(process: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    """Return the steps in what a process has printed."""
    steps: list[dict[str, Any]] = json.loads(process.stdout)["steps"]
    return steps


@each_mode
def test_it_keeps_secrets_whatever_the_url_looks_like(
    project: Path, run: Run, tmp_path: Path
) -> None:
    sessions = (project / "app/db/session.py").read_text("utf-8")
    main = ASYNC_MAIN if "async def get_session" in sessions else SYNC_MAIN

    # Not in the project, which others read.
    variables = {"HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}
    assert run_scenario(run, project, KEEP_SECRETS + main, **variables) == "kept"


@each_mode
def test_wait_ends_when_the_server_has_started(project: Path) -> None:
    port = find_free_port()
    with make_template() as data:
        command = (sys.executable, "-m", "app.db", "wait", "--timeout", "60")
        with subprocess.Popen(
            command,
            cwd=project,
            env={"DB_URL": f"postgresql://me:S3cr3t@127.0.0.1:{port}/postgres"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting:
            assert waiting.stderr is not None
            first = waiting.stderr.readline()
            with run_server(data, port=port):
                printed, more = waiting.communicate(timeout=60)

    assert first.startswith("waiting: refused: ")
    assert waiting.returncode == 0, more
    assert printed.startswith("postgres as me on PostgreSQL ")
    assert "Traceback" not in more
