"""The doctor names the first step that fails, and what is not as it should be."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import make_url, text

from app.db import get_engine
from app.db.doctor import examine
from app.db.doctor.network import Address, describe_tls
from app.db.doctor.report import EXIT_CODES, Report, Result
from app.db.endpoints import get_primary_connect_args

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

# Functions that are found before those of the server, of a standby a minute behind.
STANDBY = """
DO $do$ BEGIN
    CREATE SCHEMA standby;
    CREATE FUNCTION standby.pg_is_in_recovery() RETURNS boolean
        LANGUAGE sql AS 'SELECT true';
    CREATE FUNCTION standby.pg_last_xact_replay_timestamp() RETURNS timestamptz
        LANGUAGE sql AS 'SELECT now() - CAST(''1 minute'' AS interval)';
END $do$
"""


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


@pytest.fixture
async def standby(
    execute: Callable[[str], Awaitable[None]],
) -> AsyncIterator[str]:
    """The URL of a database that says of itself that it is on a standby."""
    await execute(STANDBY)
    settings = "-c search_path=standby,pg_catalog -c default_transaction_read_only=on"
    url = make_url(os.environ["DB_URL"]).update_query_dict({"options": settings})
    yield url.render_as_string(hide_password=False)
    await execute("DROP SCHEMA standby CASCADE")


@contextmanager
def answer_with(data: bytes) -> Iterator[str]:
    """Answer each client with this and hang up; yield the URL."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, suppress(OSError):
                    client.recv(8)
                    client.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, daemon=True).start()
        yield f"postgresql://me:s3cret@127.0.0.1:{listener.getsockname()[1]}/database"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


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


async def test_a_name_that_cannot_be_one_does_not_resolve(
    configure: Callable[..., None],
) -> None:
    configure(DB_URL=f"postgresql://me:s3cret@{64 * 'x'}/database")

    report = await examine()

    last = report.results[-1]
    assert (last.step, last.reason) == ("name resolution", "host_not_found")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(b"N", "tls", id="has no TLS"),
        pytest.param(b"S", "disconnected", id="hangs up"),
    ],
)
async def test_a_server_that_does_not_begin_tls_fails_where_it_is_required(
    configure: Callable[..., None],
    answer: bytes,
    reason: str,
) -> None:
    with answer_with(answer) as url:
        configure(DB_URL=f"{url}?sslmode=require")

        report = await examine()

    last = report.results[-1]
    assert (last.step, last.status, last.reason) == ("TLS", "failed", reason)


async def test_a_remote_server_without_tls_is_a_warning(
    configure: Callable[..., None],
) -> None:
    configure(DB_URL="postgresql://me:s3cret@192.0.2.1/database?sslmode=disable")
    address = Address("192.0.2.1", socket.AF_INET, ("192.0.2.1", 5432))

    finding = describe_tls(address, get_primary_connect_args(), timeout=1)

    assert finding.is_warning
    assert finding.message == "not asked for, because of sslmode=disable"


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
    async with get_engine().connect() as connection:
        after = await connection.scalar(text("SHOW statement_timeout"))

    warning = find(before, "timeouts")
    assert warning.message.startswith("in effect in transactions only")
    assert "SET statement_timeout = '17s'" in warning.details
    assert EXIT_CODES[before.status] == 2
    assert find(fixed, "timeouts").message.startswith("altered")
    assert after == "17s"


async def test_a_standby_says_so_and_how_far_it_is_behind(
    standby: str,
    configure: Callable[..., None],
) -> None:
    configure(DB_URL=standby, DB_REPLICA_URL=standby)

    report = await examine()

    primary, replica = find(report, "server"), find(report, "replica")
    assert primary.message.endswith(", a standby")
    assert replica.message == "a standby, 60.0 s behind"
    assert (primary.status, replica.status) == ("warning", "warning")
