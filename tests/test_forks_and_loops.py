"""Forked processes and event loops have connections of their own, and all of them work."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import Run
from support.services import Service, migrate, wait_until
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

READ = """
async def read():
    async with get_session() as session:
        return await session.scalar(text("SELECT CAST(:n AS integer)"), {"n": 1})
"""
FORK = (
    READ
    + """
import gc, inspect

def read_in_child():
    # The event loop that runs here is the parent's.
    with ThreadPoolExecutor(1) as executor:
        if inspect.iscoroutinefunction(read):
            return executor.submit(asyncio.run, read()).result()
        return executor.submit(read).result()

async def get_backend():
    async with get_session() as session:
        return await session.scalar(text("SELECT pg_backend_pid()"))

async def main():
    before = await get_backend()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            gc.collect()
            status = 0 if [read_in_child(), read_in_child()] == [1, 1] else 2
        finally:
            os._exit(status)
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        await sleep(0.01)
    emit([ended[1], await get_backend() == before, await read()])
"""
)
LOOPS = (
    READ
    + """
async def work():
    answers = await asyncio.gather(*(read() for _ in range(20)))
    await dispose_engine()
    return sum(answers)

async def main():
    sums = [asyncio.to_thread(asyncio.run, work()) for _ in range(4)]
    emit([await work(), await work(), *await asyncio.gather(*sums)])
"""
)
# An application that has used its database before its server forks.
PRELOADED = (
    READ
    + """
import asyncio, inspect
from sqlalchemy import text
from app.db import get_session
from app.main import app

if inspect.iscoroutinefunction(read):
    asyncio.run(read())
else:
    read()
"""
)

ASYNC = [answers for answers in PAIRS if answers["mode"] == "async"]


def test_after_a_fork_child_and_parent_both_go_on(
    project: Path, run: Run, database_url: str
) -> None:
    found = run_scenario(run, project, FORK, DB_URL=database_url)

    # The child's end was a success, and the parent has its connection still.
    assert found == [0, True, 1]


@pytest.mark.parametrize("answers", ASYNC, ids=pair_id)
def test_event_loops_work_one_after_another_and_at_once(
    render: Render, run: Run, database_url: str, answers: Answers
) -> None:
    variables = {"DB_URL": database_url, "DB_POOL_SIZE": "3", "DB_POOL_TIMEOUT": "60"}
    found = run_scenario(run, render(**answers), LOOPS, **variables)

    assert found == [20] * 6


@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_workers_of_a_server_that_forks_are_served(
    render: Render,
    run: Run,
    environment: dict[str, str],
    database_url: str,
    workshop: Path,
    answers: Answers,
) -> None:
    project = render(**answers)
    migrate(run, project, database_url)
    body = PRELOADED
    if answers["mode"] == "sync":
        body = body.replace("async ", "").replace("await ", "")
    (workshop / "preloaded.py").write_text(body, encoding="utf-8")
    variables = {
        "DB_URL": database_url,
        "PYTHONPATH": os.pathsep.join([str(project), str(workshop)]),
    }
    gunicorn = (sys.executable, "-m", "gunicorn", "preloaded:app", "--preload")
    worker = ("--workers=2", "--worker-class=uvicorn_worker.UvicornWorker")
    bind = (f"--bind=unix:{workshop / 'http'}", "--log-level=error")

    with (
        subprocess.Popen(
            (*gunicorn, *worker, *bind), cwd=project, env=environment | variables
        ) as process,
        httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(workshop / "http")),
            base_url="http://service",
            timeout=60,
        ) as client,
        ThreadPoolExecutor(8) as clients,
    ):
        try:
            wait_until(Service(client, process).answers)
            responses = list(clients.map(client.get, ["/notes"] * 40))
        finally:
            process.terminate()
            process.wait(60)

    assert {response.status_code for response in responses} == {200}
