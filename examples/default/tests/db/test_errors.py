"""Every reason for being unavailable is recognised in what the driver says."""

import os
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from app.db import DatabaseUnavailable, check_connection
from app.db.engine.failures import diagnose, diagnose_loss
from app.db.errors import is_transient

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


RAISE_DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://someone:s3cret@127.0.0.1:1/database", "refused"),
        ("postgresql://someone:s3cret@no-such-host.invalid/database", "host_not_found"),
        ("postgresql:///database?host=/no/such/folder", "refused"),
    ],
)
async def test_a_connection_that_fails_says_why(
    configure: Callable[..., None],
    url: str,
    reason: str,
) -> None:
    configure(DB_URL=url)

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await check_connection()

    assert unavailable.value.reason == reason
    assert "s3cret" not in f"{unavailable.value} {unavailable.value.__cause__}"


async def test_an_unknown_database_is_recognised(
    configure: Callable[..., None],
) -> None:
    url = make_url(os.environ["DB_URL"]).set(database="no_such_database")
    configure(DB_URL=url.render_as_string(hide_password=False))

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await check_connection()

    assert unavailable.value.reason == "database_not_found"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('password authentication failed for user "someone"', "authentication"),
        ("password authentication failed for user 'someone'", "authentication"),
        ("remaining connection slots are reserved", "too_many_connections"),
        ('too many connections for role "someone"', "too_many_connections"),
        ('too many connections for database "name"', "too_many_connections"),
        ("no more connections allowed (max_client_conn)", "too_many_connections"),
        ("no such database: nowhere", "database_not_found"),
        ("the database system is starting up", "starting_up"),
        ("Couldn't connect to compute node", "starting_up"),
        ("certificate verify failed", "tls"),
        ("connection is insecure (try using sslmode=require)", "tls"),
        ("terminating connection due to administrator command", "disconnected"),
        ("something that nobody has seen", "unavailable"),
    ],
)
async def test_what_a_server_says_is_recognised(said: str, reason: str) -> None:
    assert diagnose(Exception(said)) == reason


async def test_a_timeout_without_a_text_is_recognised() -> None:
    assert diagnose(TimeoutError()) == "timeout"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("SSL connection has been closed unexpectedly", "disconnected"),
        ("SSL SYSCALL error: EOF detected", "disconnected"),
        ("could not receive data from server: Connection timed out", "timeout"),
    ],
)
async def test_a_lost_connection_is_no_tls_error(said: str, reason: str) -> None:
    assert diagnose_loss(Exception(said)) == reason


async def test_a_deadlock_is_transient_and_a_mistake_is_not(
    execute: Callable[[str], Awaitable[None]],
) -> None:
    with pytest.raises(DBAPIError) as mistake:
        await execute("SELECT no_such_column")
    with pytest.raises(DBAPIError) as conflict:
        await execute(RAISE_DEADLOCK)

    assert is_transient(conflict.value)
    assert not is_transient(mistake.value)
    assert not is_transient(KeyError())
