"""Why a database cannot be reached, or was lost, is told apart, on every driver."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.cable import run_cable
from support.diagnosis import DIAGNOSE
from support.pairs import each_driver, pair_id, run_scenario
from support.postgres import PASSWORD, USER
from support.processes import Run
from support.refusals import run_refusals
from support.tls_server import Servers
from support.variants import Answers, Render

Record = Callable[[str, object], None]
# One worker starts the servers.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("tls")]


REFUSED = {
    "too many for the role": ["too_many_connections", True],
    "too many for the database": ["too_many_connections", True],
    "too many for those without privileges": ["too_many_connections", True],
    "no such role": ["authentication", False],
    "another password": ["authentication", False],
    "no password": ["authentication", False],
    "a role that may not log in": ["authentication", False],
    "a private database": ["permission_denied", False],
    "no such database": ["database_not_found", False],
    "a database without connections": ["not_ready", True],
    "no TLS": ["tls", False],
    "a missing library": ["unavailable", True],
    "shutting down": ["not_ready", True],
    "starting up": ["not_ready", True],
    "in recovery mode": ["not_ready", True],
    "not yet accepting": ["not_ready", True],
    "out of memory": ["out_of_memory", True],
    "out of processes": ["not_ready", True],
    "out of processes, asked for TLS": ["not_ready", True],
    "nobody listens": ["refused", True],
    "no such socket": ["refused", True],
    "the first host is down, the second one full": ["too_many_connections", True],
    "the first host is full, the second one down": ["too_many_connections", True],
    "it closes": ["disconnected", True],
    "it resets": ["disconnected", True],
    "it closes when asked for TLS": ["disconnected", True],
    "it resets when asked for TLS": ["disconnected", True],
    "it closes in the handshake": ["disconnected", True],
    "it resets in the handshake": ["disconnected", True],
}

# The others are refused when they log in.
REFUSED_BEFORE = {
    "no TLS": "TLS",
    "out of processes, asked for TLS": "TLS",
    "nobody listens": "TCP",
    "it closes when asked for TLS": "TLS",
    "it resets when asked for TLS": "TLS",
    "it closes in the handshake": "TLS",
    "it resets in the handshake": "TLS",
}

LOOP = """
if os.environ["LOOP"] == "uvloop":
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
"""
CONNECT = """
async def attempt(url):
    os.environ["DB_URL"] = url
    get_settings.cache_clear()
    try:
        await check_connection()
        return ["reached", "", []]
    except DatabaseUnavailable as error:
        outcome = [error.reason, error.is_transient]
        return [outcome, repr(error.__cause__), await diagnose()]
    finally:
        await dispose_engine()

async def main():
    urls = json.loads(os.environ["URLS"])
    emit({name: await attempt(url) for name, url in urls.items()})
"""
LOSE = """
import socket

def end(how):
    with socket.create_connection(("127.0.0.1", os.environ["CONTROL"]), 20) as control:
        control.sendall(how.encode() + b"\\n")
        assert control.makefile().readline() == how + "\\n"

async def terminate(session):
    pid = await session.scalar(text("SELECT pg_backend_pid()"))
    terminate = text("SELECT pg_terminate_backend(:pid, 5000)")
    async with build_direct_engine().connect() as other:
        await other.execute(terminate, {"pid": pid})

async def close(session):
    await session.scalar(text("SELECT 1"))
    end("close")

async def reset(session):
    await session.scalar(text("SELECT 1"))
    end("reset")

async def idle(session):
    limit = "SELECT set_config('idle_in_transaction_session_timeout', '1', true)"
    pid = await session.scalar(text("SELECT pg_backend_pid()"))
    await session.scalar(text(limit))
    lives = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    async with get_read_engine().connect() as other:
        deadline = time.monotonic() + 20
        while await other.scalar(lives, {"pid": pid}):
            assert time.monotonic() < deadline, "waited in vain"
            await sleep(0.02)

async def attempt(lose):
    try:
        async with get_session() as session:
            await lose(session)
            await session.scalar(text("SELECT 1"))
        return "served"
    except DatabaseUnavailable as error:
        return [error.reason, error.is_transient]
    finally:
        await dispose_engine()

async def main():
    ways = [terminate, close, reset, idle]
    emit({lose.__name__: await attempt(lose) for lose in ways})
"""


@pytest.fixture(scope="module")
def refusals() -> Iterator[dict[str, str]]:
    """A URL for each way to be refused."""
    with run_refusals() as urls:
        yield urls


@each_driver
def test_who_is_refused_is_told_why(
    run: Run,
    render: Render,
    refusals: dict[str, str],
    answers: Answers,
    loop: str,
    record_property: Record,
) -> None:
    found: dict[str, Any] = run_scenario(
        run,
        render(**answers),
        LOOP + DIAGNOSE + CONNECT,
        LOOP=loop,
        URLS=json.dumps(refusals),
        DB_CONNECT_TIMEOUT="10",
    )

    expected = dict(REFUSED)
    if answers["driver"] == "asyncpg":
        # What the server says has no code, and asyncpg does not understand it.
        expected["out of processes"] = ["disconnected", True]
    outcomes = {name: outcome for name, (outcome, *_) in found.items()}
    steps = {name: diagnosis for name, (*_, diagnosis) in found.items()}
    for name, outcome in outcomes.items():
        step, _ = steps[name]
        line = f"refused: {pair_id(answers)}, {loop}: {name}: {outcome[0]}, at {step}"
        record_property("table", line)
    assert outcomes == expected, json.dumps(found, indent=1)
    assert steps == {
        name: [REFUSED_BEFORE.get(name, "authentication"), reason]
        for name, (reason, _) in expected.items()
    }


@pytest.mark.parametrize("tls", ["disable", "require"])
@each_driver
def test_a_lost_connection_is_no_fault_of_tls(
    run: Run,
    render: Render,
    servers: Servers,
    answers: Answers,
    loop: str,
    tls: str,
    record_property: Record,
) -> None:
    with run_cable(servers.valid) as cable:
        found = run_scenario(
            run,
            render(**answers),
            LOOP + LOSE,
            LOOP=loop,
            CONTROL=str(cable.control),
            DB_URL=f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{cable.port}/postgres"
            f"?sslmode={tls}",
            DB_SSL_ROOT_CERT=str(servers.ca_file),
        )

    for name, outcome in found.items():
        line = f"lost: {pair_id(answers)}, {loop}, sslmode={tls}: {name}: {outcome[0]}"
        record_property("table", line)
    disconnected = ["disconnected", True]
    by_code = ["idle_in_transaction", False]
    # Only psycopg tells what the server said last, if no reset was faster.
    may_tell = answers["driver"] == "psycopg"
    assert found.pop("idle") in (
        [disconnected, by_code] if may_tell else [disconnected]
    )
    assert found == dict.fromkeys(["terminate", "close", "reset"], disconnected)
