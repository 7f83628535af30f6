"""The doctor names the first step that fails, and what is not as it should be."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.db.doctor import examine
from app.db.doctor.report import EXIT_CODES, Report, Result

from .proxy import run_proxy

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines", "elsewhere")]

ON_THE_SERVER = [
    "authentication",
    "server",
    "pooler",
    "timeouts",
    "prepared statements",
    "round trip",
    "connections",
    "sessions",
    "errors",
    "health",
]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder without migrations."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def restored(
    execute: Callable[[str], Awaitable[None]],
) -> AsyncIterator[None]:
    """Undo at the end what the test alters of the role."""
    yield
    database = make_url(os.environ["DB_URL"]).database
    await execute(f'ALTER ROLE CURRENT_USER IN DATABASE "{database}" RESET ALL')


def find(report: Report, step: str) -> Result:
    """Return what came out of a step."""
    (result,) = (result for result in report.results if result.step == step)
    return result


async def test_a_database_that_works_passes_each_step() -> None:
    report = await examine()

    steps = [result.step for result in report.results]
    assert steps[0] == "settings"
    assert steps[-len(ON_THE_SERVER) :] == ON_THE_SERVER
    assert find(report, "pooler").message == "direct"
    assert find(report, "timeouts").message.startswith("statement 30 s, lock 10 s")
    assert report.status == "ok"
    assert EXIT_CODES[report.status] == 0


async def test_the_network_has_steps_of_its_own(
    configure: Callable[..., None],
) -> None:
    with run_proxy(os.environ["DB_URL"]) as proxy:
        configure(DB_URL=proxy.url)

        report = await examine()

    steps = [result.step for result in report.results]
    assert steps[:4] == ["settings", "name resolution", "TCP", "TLS"]
    assert find(report, "name resolution").message == "127.0.0.1"
    assert find(report, "TCP").message.startswith("127.0.0.1:")
    assert report.status == "ok"


async def test_the_first_failure_is_the_last_step(
    configure: Callable[..., None],
) -> None:
    configure(DB_URL="postgresql://me:s3cret@127.0.0.1:1/database")

    report = await examine()

    last = report.results[-1]
    assert (last.step, last.status, last.reason) == ("TCP", "failed", "refused")
    assert "does PostgreSQL run?" in last.message
    assert EXIT_CODES[report.status] == 1
    assert "s3cret" not in report.to_json()


async def test_a_name_that_does_not_resolve_is_told_from_a_port_that_is_closed(
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(DB_URL="postgresql://me:s3cret@nowhere/database")

    def find_nothing(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)

    report = await examine()

    last = report.results[-1]
    assert (last.step, last.reason) == ("name resolution", "host_not_found")


async def test_a_bad_setting_is_the_first_step(
    configure: Callable[..., None],
) -> None:
    configure(DB_URL="mysql://me:s3cret@host/database")

    report = await examine()

    (only,) = report.results
    assert (only.step, only.reason) == ("settings", "settings")
    assert only.message == "DB_URL must start with postgresql://"


@pytest.mark.usefixtures("restored")
async def test_timeouts_that_are_not_in_effect_can_be_fixed(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOLED="true", DB_STATEMENT_TIMEOUT=17)

    before = await examine()
    fixed = await examine(fix_timeouts=True)
    after = await examine()

    warning = find(before, "timeouts")
    assert warning.message.startswith("in effect in transactions only")
    assert "SET statement_timeout = '17s'" in warning.details
    assert EXIT_CODES[before.status] == 2
    assert find(fixed, "timeouts").message.startswith("altered")
    assert find(after, "timeouts").message.startswith("statement 17 s")


async def test_more_connections_than_the_server_has_are_a_warning(
    configure: Callable[..., None],
) -> None:
    configure(WEB_CONCURRENCY=500)

    report = await examine()

    result = find(report, "connections")
    assert result.status == "warning"
    assert result.message.startswith("500 (processes) x ")


async def test_a_replica_that_is_none_is_a_warning(
    configure: Callable[..., None],
) -> None:
    configure(DB_REPLICA_URL=os.environ["DB_URL"])

    report = await examine()

    assert find(report, "replica").status == "warning"
