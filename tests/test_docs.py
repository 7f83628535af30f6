"""The code in the documentation does what the text says."""

import os
import re
import sys
from pathlib import Path

import psycopg
import pytest

from support.pairs import run_scenario
from support.postgres import find_free_port
from support.processes import Run
from support.services import migrate, serve
from support.variants import ROOT, Render

PAY_TWICE = """
import uuid
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from payments import Base, Payment, router
from app.main import app

app.include_router(router)

def pay(client, key):
    response = client.post("/payments?amount=5", headers={"Idempotency-Key": key})
    return response.status_code, response.json()

async def main():
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await dispose_engine()
    key = str(uuid.uuid4())
    with TestClient(app) as client:
        paid = [pay(client, key), pay(client, key), pay(client, str(uuid.uuid4()))]
    async with get_engine().connect() as connection:
        count = await connection.scalar(select(func.count()).select_from(Payment))
    emit([paid, count])
"""


FOLDERS = (".", "docs", "docs/decisions", "examples/default", "examples/default/app/db")
PAGES = [
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("*.md"))
]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]

    files = [link for link in links if link and "://" not in link]
    assert [f for f in files if not (ROOT / page).parent.joinpath(f).exists()] == []


def test_what_is_repeated_with_the_same_key_is_done_once(
    render: Render, run: Run, database_url: str, workshop: Path
) -> None:
    text = (ROOT / "docs" / "lost-commits.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (workshop / "payments.py").write_text(code, encoding="utf-8")

    paid, count = run_scenario(
        run, render(), PAY_TWICE, DB_URL=database_url, PYTHONPATH=str(workshop)
    )

    assert paid == [[201, 1], [201, 1], [201, 3]]
    assert count == 2


def test_sessions_of_other_roles_are_shown_to_who_is_on_call(database_url: str) -> None:
    text = (ROOT / "docs" / "on-call.md").read_text("utf-8")
    (query,) = re.findall(r'"\n(SELECT pid, .*?)"\n```', text, re.DOTALL)

    with psycopg.connect(database_url) as other, psycopg.connect(database_url) as mine:
        other.execute("SELECT 1")
        # Rolled back in the end.
        mine.execute("CREATE ROLE on_call")
        mine.execute("SET ROLE on_call")
        pids = {row[0] for row in mine.execute(query)}
        mine.rollback()

        assert other.info.backend_pid in pids


@pytest.mark.thorough
def test_each_command_for_who_is_on_call_answers(
    render: Render,
    run: Run,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
) -> None:
    text = (ROOT / "docs" / "on-call.md").read_text("utf-8")
    commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    project, port = render(), find_free_port()
    migrate(run, project, database_url)
    # As `uv run` would find the project's Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    variables = environment | {"DB_URL": database_url, "PATH": path}

    with serve(project, workshop, variables, port=port):
        answers = []
        for command in commands:
            here = command.replace("uv run ", "").replace(":8000", f":{port}")
            answers.append(run("bash", "-c", here, cwd=project, **variables))

    assert len(commands) == 5
    for command, answer in zip(commands, answers, strict=True):
        assert (answer.returncode, answer.stderr) == (0, ""), command
        assert answer.stdout
