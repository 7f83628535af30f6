"""Try what the layer promises: whole units of work, named errors, health in time."""

import time
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..advice import ADVICE
from ..check import ask_server
from ..errors import DatabaseUnavailable, find_reason
from ..session import get_session, set_statement_timeout
from ..settings import get_settings
from .report import Finding

_LIMIT_SECONDS = 0.05

_TRANSACTION = text("SELECT txid_current()")
_OUTCOME = text("SELECT txid_status(:transaction)")
_SLEEP = text("SELECT pg_sleep(10)")


class _Undo(Exception):
    """What a unit of work ends with."""


async def try_sessions(
    engine: AsyncEngine,
    connection: AsyncConnection,
) -> Finding:
    """Say whether a unit of work is committed at its end, and undone by an error."""
    async with get_session(engine) as session:
        kept = await session.scalar(_TRANSACTION)
    with suppress(_Undo):
        async with get_session(engine) as session:
            undone = await session.scalar(_TRANSACTION)
            raise _Undo
    outcomes = [await _get_outcome(connection, one) for one in (kept, undone)]
    message = f"a unit of work ends {outcomes[0]}, and with an exception {outcomes[1]}"
    return Finding(message, outcomes != ["committed", "aborted"])


async def _get_outcome(
    connection: AsyncConnection,
    transaction: int | None,
) -> str | None:
    outcome: str | None = await connection.scalar(
        _OUTCOME,
        {"transaction": transaction},
    )
    return outcome


async def try_errors(engine: AsyncEngine) -> Finding:
    """Say what becomes of a statement that takes too long."""
    reason = None
    try:
        async with get_session(engine) as session:
            await set_statement_timeout(session, _LIMIT_SECONDS)
            await session.scalar(_SLEEP)
    except (DatabaseUnavailable, DBAPIError) as error:
        reason = find_reason(error)
    if reason != "statement_timeout":
        return Finding(f"a statement that takes too long ends with {reason}", True)
    status = ADVICE[reason].answer.status
    return Finding(f"a statement that takes too long is a {status}, {reason}")


async def try_health(engine: AsyncEngine) -> Finding:
    """Say whether a health check that has to connect ends in time."""
    settings = get_settings()
    limit, lifetime = settings.DB_HEALTH_TIMEOUT, settings.DB_HEALTH_CACHE_TTL
    started = time.perf_counter()
    async with engine.connect() as connection:
        await ask_server(connection)
    took = 1000 * (time.perf_counter() - started)
    message = f"a check took {took:.1f} ms, of {limit:g} s that readiness waits"
    if took > 1000 * limit / 2:
        return Finding(message, True, "Raise DB_HEALTH_TIMEOUT.")
    return Finding(f"{message}; kept for {lifetime:g} s")
