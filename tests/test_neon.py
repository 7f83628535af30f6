"""Behind a stand-in for Neon, no request notices that the compute was suspended."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest

from support.diagnosis import DIAGNOSE
from support.neon import PASSWORD, STEP_SECONDS, Neon
from support.neon_endpoint import DOMAIN, ENDPOINT
from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import Run
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

POOLED = f"{ENDPOINT}-pooler"

TOOLS = """
import socket
if os.environ["STEER"]:
    find = socket.getaddrinfo
    socket.getaddrinfo = lambda _, *rest, **named: find("127.0.0.1", *rest, **named)

def ask(command):
    with socket.create_connection(("127.0.0.1", os.environ["PORT"]), 20) as control:
        control.sendall(command.encode() + b"\\n")
        return json.loads(control.makefile().readline())

async def write(number):
    async with get_session() as session:
        await session.execute(text("CREATE TABLE IF NOT EXISTS note (id int)"))
        await session.execute(text("INSERT INTO note VALUES (:id)"), {"id": number})

async def read():
    # Long enough for another reader to need a connection of its own.
    notes = text("SELECT id FROM note, pg_sleep(0.1) ORDER BY id")
    async with get_read_engine().connect() as connection:
        return list((await connection.execute(notes)).scalars())

async def visit():
    try:
        await check_connection()
        return "reached"
    except DatabaseUnavailable as error:
        return [error.reason, error.is_transient]

async def visit_each(visits):
    outcomes = {}
    for name, (os.environ["DB_URL"], refusal, _) in visits.items():
        ask("refuse " + refusal)
        get_settings.cache_clear()
        await dispose_engine()
        outcomes[name] = [await visit(), await diagnose()]
    emit(outcomes)
"""


class Stage(NamedTuple):
    """A driver pair, and a stand-in with a database that no other test uses."""

    answers: Answers
    run: Run
    render: Render
    record: Callable[[str, object], None]
    neon: Neon
    ports: list[int]
    folder: Path
    place: str

    def url(self, host: str = f"{POOLED}.{DOMAIN}") -> str:
        """Return what the dashboard shows, with the address that nothing resolves."""
        address = "&hostaddr=127.0.0.1" if self.answers["driver"] != "asyncpg" else ""
        place = self.place.format(host)
        return f"postgresql://{place}?sslmode=require&channel_binding=require{address}"

    def play(self, functions: str, runtime: str = "server", url: str = "") -> Any:
        """Run a scenario in the pair's project, and return what it emits."""
        self.neon.authority.cert_pem.write_to_path(self.folder / "ca.pem")
        return run_scenario(
            self.run,
            self.render(**self.answers | {"runtime": runtime}),
            DIAGNOSE + TOOLS + dedent(functions),
            PORT=str(self.ports[2]),
            DB_SSL_ROOT_CERT=str(self.folder / "ca.pem"),
            DB_STATEMENT_TIMEOUT="7",
            DB_URL=url or self.url(),
            STEER="yes" if self.answers["driver"] == "asyncpg" else "",
        )

    def note(self, case: str, outcome: str) -> None:
        self.record("table", f"neon: {pair_id(self.answers)}: {case}: {outcome}")


@pytest.fixture(params=PAIRS, ids=pair_id)
def stage(
    request: pytest.FixtureRequest,
    run: Run,
    render: Render,
    record_property: Callable[[str, object], None],
    server_url: str,
    tmp_path: Path,
) -> Iterator[Stage]:
    database, ready = f"neon_{uuid4().hex[:8]}", Future[Any]()
    with (
        psycopg.connect(server_url, autocommit=True) as server,
        ThreadPoolExecutor(1) as executor,
    ):
        server.execute(f"CREATE DATABASE {database}".encode())
        serving = executor.submit(asyncio.run, _serve(neon := Neon(server_url), ready))
        ports, stop = ready.result(STEP_SECONDS)
        given = (request.param, run, render, record_property, neon, ports, tmp_path)
        yield Stage(*given, f"{server.info.user}:{PASSWORD}@{{}}:{ports[0]}/{database}")
        stop()
        serving.result(STEP_SECONDS)
        server.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())


async def _serve(neon: Neon, ready: Future[Any]) -> None:
    """Serve until told to stop, and do what a scenario asks for on the last port."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    async def obey(reader: StreamReader, writer: StreamWriter) -> None:
        command, _, value = (await reader.readline()).decode().strip().partition(" ")
        if command == "await-suspend":
            with suppress(TimeoutError):
                await asyncio.wait_for(neon.asleep.wait(), STEP_SECONDS)
        asleep = neon.asleep.is_set()
        counts = [len(neon.clients), len(neon.seen), neon.messages, asleep]
        if command == "suspend":
            await neon.suspend()
        elif command == "refuse":
            neon.refusal = value
        writer.write(json.dumps(counts).encode() + b"\n")
        writer.close()

    async with (
        await asyncio.start_server(neon.welcome, "127.0.0.1", 0) as proxy,
        await asyncio.start_server(neon.welcome, "127.0.0.1", 0, ssl=neon.tls) as tls,
        await asyncio.start_server(obey, "127.0.0.1", 0) as control,
    ):
        ports = [s.sockets[0].getsockname()[1] for s in (proxy, tls, control)]
        ready.set_result((ports, lambda: loop.call_soon_threadsafe(stopped.set)))
        await stopped.wait()
        await neon.suspend()


@pytest.mark.parametrize("runtime", ["server", "serverless"])
@pytest.mark.parametrize("endpoint", [POOLED, ENDPOINT], ids=["pooled", "direct"])
def test_no_suspend_fails_a_request(stage: Stage, runtime: str, endpoint: str) -> None:
    scenario = """
    async def main():
        report = await check_connection()
        async with get_session() as session:
            timeout = await session.scalar(text("SHOW statement_timeout"))
        await write(1)
        reads = [await together(read, 2)]
        clients = [ask("suspend")[0]]
        reads.append(await together(read, 2))
        await write(2)
        clients.append(ask("suspend")[0])
        await write(3)
        reads.append(await together(read, 2))
        timeouts = [timeout, report.statement_timeout]
        emit([report.is_tls, report.is_pooled, timeouts, clients, reads])
    """

    emitted = stage.play(scenario, runtime, stage.url(f"{endpoint}.{DOMAIN}"))

    is_pooled = endpoint == POOLED
    reads = [[[1], [1]], [[1], [1]], [[1, 2, 3], [1, 2, 3]]]
    assert emitted == [True, is_pooled, ["7s", 0 if is_pooled else 7], [2, 2], reads]
    assert stage.neon.wakes == 3
    assert {client.endpoint for client in stage.neon.seen} == {endpoint}
    stage.note(f"{runtime}, {'pooled' if is_pooled else 'direct'}", "no failure")


def test_nothing_is_sent_between_requests_so_the_compute_sleeps(stage: Stage) -> None:
    stage.neon.idle_seconds = 0.5
    scenario = """
    async def main():
        await write(1)
        await read()
        before = ask("count")
        await sleep(1)
        emit([before, ask("await-suspend")])
    """

    before, (_, *after) = stage.play(scenario)

    assert [*before, *after] == [1, 1, before[2], False, 1, before[2], True]
    stage.note("idle", "sleeps")


def test_the_direct_engine_goes_past_the_pooler(stage: Stage) -> None:
    scenario = """
    async def main():
        emit(await visit())
        async with build_direct_engine().connect() as connection:
            await connection.execute(text("SELECT 1"))
    """

    stage.play(scenario)

    assert [client.endpoint for client in stage.neon.seen] == [POOLED, ENDPOINT]
    stage.note("build_direct_engine", "direct")


def test_a_connection_too_many_is_an_unavailable_database(stage: Stage) -> None:
    stage.neon.limit = 1
    scenario = """
    async def main():
        async with get_session() as session:
            await session.execute(text("SELECT 1"))
            refused = await visit()
        emit([refused, await visit()])
    """

    outcomes = stage.play(scenario)

    assert outcomes == [["too_many_connections", True], "reached"]
    stage.note("full", "too_many_connections")


def test_every_way_in_is_open_and_every_refusal_has_its_reason(stage: Stage) -> None:
    url, option = stage.url(), f"&options=endpoint%3D{POOLED}"
    tls_url = url.replace(f":{stage.ports[0]}/", f":{stage.ports[1]}/")
    no_tls = url.replace("sslmode=require&channel_binding=require", "sslmode=disable")
    wrong = ["host_not_found", False]
    visits = {
        "options": (f"{url}{option}%20-c%20lock_timeout%3D5s", "", "reached"),
        "direct TLS": (f"{tls_url}&sslnegotiation=direct", "", "reached"),
        "no TLS": (no_tls, "", ["tls", False]),
        "password": (url.replace(PASSWORD, "wrong"), "", ["authentication", False]),
        "wrong endpoint": (url.replace(ENDPOINT, "ep-dry-sand-d4e5f6"), "", wrong),
        "no endpoint": (stage.url("127.0.0.1"), "", wrong),
        "no compute": (url, "Couldn't connect to compute node", ["not_ready", True]),
        "quota": (url, "You have exceeded the quota.", ["quota_exceeded", False]),
    }

    found = stage.play(f"async def main():\n    await visit_each({visits!r})")

    outcomes = {name: outcome for name, (outcome, _) in found.items()}
    assert outcomes == {name: outcome for name, (_, _, outcome) in visits.items()}
    for name, outcome in outcomes.items():
        stage.note(name, outcome if outcome == "reached" else outcome[0])
        step, reason = found[name][1]
        assert reason == (None if outcome == "reached" else outcome[0])
        assert outcome == "reached" or step == "authentication"
