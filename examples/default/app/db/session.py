"""Sessions: one transaction for each request, or in a context manager."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, NewType

from fastapi import Depends
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .connection import get_engine, get_read_engine
from .engine.limits import READ_ONLY
from .errors import translate_errors

ReadSession = NewType("ReadSession", AsyncSession)
"""A session that only reads. Take it in functions that must not write."""

WriteSession = NewType("WriteSession", ReadSession)
"""A session that reads and writes: a type checker accepts it wherever one reads."""

_OPTIONS: dict[str, Any] = {
    "expire_on_commit": False,
    # What uses it after its end gets an error. Otherwise it would begin a transaction
    # that nobody commits, with a connection that nobody returns.
    "close_resets_only": False,
}
# Each statement is its own transaction, and `engine/limits.py` refuses to write.
_READING: dict[str, Any] = {"execution_options": READ_ONLY, **_OPTIONS}


@asynccontextmanager
async def get_session(
    engine: AsyncEngine | None = None,
) -> AsyncIterator[WriteSession]:
    """Open a unit of work: committed at the end, rolled back on any exception.

    For jobs, scripts, streams and background tasks. Code inside may call `commit()`
    itself: what follows is one more transaction, committed at the end.

    Args:
        engine: By default `get_engine()`.

    Raises:
        DatabaseUnavailable: No connection could be had, or it was lost.
        sqlalchemy.exc.IntegrityError: And other errors of the last flush and of COMMIT.
    """
    with translate_errors():
        engine = engine or get_engine()
        async with AsyncSession(engine, **_OPTIONS) as session:
            yield WriteSession(ReadSession(session))
            # Unless it was closed early.
            if session.in_transaction():
                await session.commit()


@asynccontextmanager
async def get_read_session(
    engine: AsyncEngine | None = None,
) -> AsyncIterator[ReadSession]:
    """Open a session that only reads, as `ReadDbSession` does, outside of a request.

    Args:
        engine: By default `get_read_engine()`.

    Raises:
        DatabaseUnavailable: No connection could be had, or it was lost.
    """
    with translate_errors():
        engine = engine or get_read_engine()
        async with AsyncSession(engine, **_READING) as session:
            yield ReadSession(session)


async def set_statement_timeout(session: WriteSession, seconds: float) -> None:
    """Let the statements of this transaction take longer than `DB_STATEMENT_TIMEOUT`.

    For a report or a bulk change. The limit applies on the server and in the client,
    until the transaction ends.

    Args:
        session: A session that has executed nothing since its transaction began.
        seconds: The new limit; 0 is none.
    """
    connection = await session.connection()
    await connection.execution_options(statement_timeout=seconds or math.inf)
    milliseconds = str(round(seconds * 1000))
    setting = func.set_config("statement_timeout", milliseconds, True)
    await connection.execute(select(setting))


async def get_db() -> AsyncIterator[WriteSession]:
    """Yield the request's unit of work. Use it by its alias, `DbSession`."""
    async with get_session() as session:
        yield session


async def get_read_db() -> AsyncIterator[ReadSession]:
    """Yield the request's session for reading. Use it by its alias, `ReadDbSession`."""
    async with get_read_session() as session:
        yield session


DbSession = Annotated[WriteSession, Depends(get_db, scope="function")]
"""A session for a handler that writes, committed before the response is sent.

    @app.post("/notes")
    async def create_note(session: DbSession, text: str) -> None:
        session.add(Note(text=text))

A failing COMMIT is an error for the client: with FastAPI's default scope it would come
after a response of 200 (https://fastapi.tiangolo.com/advanced/advanced-dependencies/).

The session has ended when a stream or a background task runs: these open their own,
with `get_session()`.
"""

ReadDbSession = Annotated[ReadSession, Depends(get_read_db, scope="function")]
"""A session for a handler that only reads: one round trip for each statement.

There is no transaction around several statements. Flushes, INSERT, UPDATE, DELETE and
streams are refused, and so is an isolation level. DANGER: textual SQL is not checked,
nor a CTE or a function of the server that writes: `text("DELETE ...")` runs and is
committed at once, and `text("SET ...")` stays for the connection's next users. A
function that takes a `WriteSession` does not accept this session.
"""
