"""Every failure has a name, and one line in the log that tells what to do."""

import os
import pickle
from collections.abc import Callable
from typing import get_args

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from app.db import (
    DatabaseUnavailable,
    OutcomeUnknown,
    check_connection,
    endpoints,
    get_engine,
    get_session,
)
from app.db.advice import ADVICE
from app.db.engine.reasons import Reason
from app.db.errors import describe, find_reason
from app.db.retry import is_transient

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

RAISE = "DO $$ BEGIN RAISE 'no' USING ERRCODE = '{}', DETAIL = 's3' || 'cret'; END $$"


async def provoke(statement: str) -> DBAPIError:
    """Return the error of a statement."""
    try:
        async with get_engine().connect() as connection:
            await connection.execute(text(statement))
    except DBAPIError as error:
        return error
    raise AssertionError(f"{statement} does not fail")


async def test_every_reason_has_a_row_and_every_code_is_in_one() -> None:
    codes = [code for row in ADVICE.values() for code in row.sqlstates]

    assert set(ADVICE) == set(get_args(Reason))
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("url", "reasons"),
    [
        ("postgresql://someone:s3cret@127.0.0.1:1/database", {"refused"}),
        ("postgresql:///database?host=/no/such/folder", {"refused"}),
        # Without a network nobody can say that there is no such host.
        (
            "postgresql://someone:s3cret@no-such-host.invalid/database",
            {"host_not_found", "unreachable"},
        ),
        ("postgresql://me@db..example.com/name", {"host_not_found", "unreachable"}),
    ],
)
async def test_a_connection_that_fails_says_why(
    configure: Callable[..., None],
    url: str,
    reasons: set[str],
) -> None:
    configure(DB_URL=url)

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await check_connection()

    line = describe(unavailable.value)
    assert unavailable.value.reason in reasons
    assert line.startswith(f"{unavailable.value} (")
    assert "\n" not in line
    assert "s3cret" not in line


async def test_a_certificate_that_only_the_provider_can_verify_is_named(
    configure: Callable[..., None],
) -> None:
    configure(DB_URL="postgresql://me@a.eu-1.rds.amazonaws.com/name?sslmode=require")

    hints = endpoints.get_hints(endpoints.get_primary_connect_args())

    assert "Amazon RDS signs its servers with a CA of its own" in hints["tls"]
    assert "set DB_SSL_ROOT_CERT to the file" in hints["tls"]


async def test_an_unknown_database_is_recognised(
    configure: Callable[..., None],
) -> None:
    url = make_url(os.environ["DB_URL"]).set(database="no_such_database")
    configure(DB_URL=url.render_as_string(hide_password=False))

    with pytest.raises(DatabaseUnavailable) as unavailable:
        await check_connection()

    assert unavailable.value.reason == "database_not_found"


async def test_a_statement_that_fails_is_named_by_the_servers_code() -> None:
    for reason, row in ADVICE.items():
        for code in row.sqlstates:
            error = await provoke(RAISE.format(code))

            line = describe(error)
            assert find_reason(error) == reason
            assert line.startswith(f"{reason}: {row.hint} ({code}: no in DO $$ BEGIN")
            assert "s3cret" not in line


async def test_a_server_that_does_not_know_the_outcome_says_so_too() -> None:
    async def work() -> None:
        async with get_session() as session:
            await session.scalar(text(RAISE.format("40003")))

    with pytest.raises(OutcomeUnknown):
        await work()


async def test_a_mistake_has_no_name() -> None:
    assert find_reason(await provoke("SELECT 1 +")) is None
    assert find_reason(KeyError()) is None


async def test_only_what_may_succeed_the_next_time_is_transient() -> None:
    assert is_transient(DatabaseUnavailable("refused"))
    assert not is_transient(DatabaseUnavailable("authentication"))
    assert not is_transient(OutcomeUnknown())
    assert not is_transient(KeyError())


@pytest.mark.parametrize("error", [DatabaseUnavailable("refused"), OutcomeUnknown()])
async def test_an_error_arrives_in_another_process(
    error: DatabaseUnavailable,
) -> None:
    arrived = pickle.loads(pickle.dumps(error))

    assert (type(arrived), str(arrived)) == (type(error), str(error))
