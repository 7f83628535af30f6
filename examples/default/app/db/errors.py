"""Give every failure its name: exceptions, and a line for the log."""

import time
from collections.abc import Mapping
from textwrap import shorten
from types import MappingProxyType
from typing import Any

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from .advice import ADVICE
from .engine.driver import get_sqlstate
from .engine.failures import is_timeout, recognise
from .engine.limits import CommitLost
from .engine.reasons import Reason
from .engine.watchdog import NoAnswer
from .meter import Meter

_BY_SQLSTATE: dict[str | None, Reason] = {
    sqlstate: reason for reason, row in ADVICE.items() for sqlstate in row.sqlstates
}


class DatabaseUnavailable(Exception):
    """The database cannot be reached now. `__cause__` is the driver's error.

    Not an error of SQLAlchemy's: `except OperationalError` does not catch it.

    Attributes:
        reason: The name of the reason, which clients may see.
        is_transient: Whether the same unit of work may succeed when it is tried again.
        hint: What to look at.
    """

    def __init__(self, reason: Reason, hint: str = "") -> None:
        super().__init__(reason, hint)
        self.reason = reason
        self.is_transient = ADVICE[reason].answer.is_transient
        self.hint = hint or ADVICE[reason].hint

    def __str__(self) -> str:
        return f"{self.reason}: {self.hint}"


class OutcomeUnknown(DatabaseUnavailable):
    """The connection failed during COMMIT, or the server does not know the outcome.

    Doing it again may do it twice. `retry_transient` leaves it to the caller.
    """

    def __init__(self, reason: Reason = "outcome_unknown", hint: str = "") -> None:
        super().__init__(reason, hint)


class translate_errors:
    """Turn an exhausted pool or a lost connection into `DatabaseUnavailable`.

    A context manager. Not a generator, because each unit of work enters it.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: object, _traceback: object) -> None:
        if isinstance(error, PoolTimeoutError):
            raise DatabaseUnavailable("pool_exhausted") from error
        if isinstance(error, DBAPIError):
            if find_reason(error) == "outcome_unknown":
                raise OutcomeUnknown from error
            if error.connection_invalidated:
                raise DatabaseUnavailable(diagnose_loss(error.orig)) from error


def name_connection_failures(
    engine: Engine,
    *,
    hints: Mapping[Reason, str] = MappingProxyType({}),
    meter: Meter | None = None,
) -> None:
    """Turn every failure to connect into `DatabaseUnavailable`.

    Args:
        engine: The engine that connects.
        hints: What to look at, where more is known of the server than `ADVICE` says.
        meter: Is told how long connecting took, or why it failed.
    """

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect,
        _entry: ConnectionPoolEntry,
        arguments: tuple[Any, ...],
        parameters: dict[str, Any],
    ) -> Any:
        started = time.monotonic()
        try:
            connection = dialect.connect(*arguments, **parameters)
        except (dialect.loaded_dbapi.Error, OSError, UnicodeError) as error:
            reason = diagnose(error)
            if meter is not None:
                meter.connect_failure(reason)
            raise DatabaseUnavailable(reason, hints.get(reason, "")) from error
        if meter is not None:
            meter.create(time.monotonic() - started)
        return connection


def find_reason(error: Exception) -> Reason | None:
    """Return why the database failed, or `None` if the fault is in the code."""
    if isinstance(error, DatabaseUnavailable):
        return error.reason
    if isinstance(error, PoolTimeoutError):
        return "pool_exhausted"
    if not isinstance(error, DBAPIError):
        return None
    if error.connection_invalidated:
        return diagnose_loss(error.orig)
    return _BY_SQLSTATE.get(get_sqlstate(error.orig))


def get_hint(error: Exception) -> str:
    """Return what to look at."""
    if isinstance(error, DatabaseUnavailable):
        return error.hint
    return ADVICE[find_reason(error) or "unavailable"].hint


def describe(error: Exception) -> str:
    """Return one line for the log: the reason, a hint, and the driver's own words.

    The server's DETAIL is left out when a statement failed, because it quotes values.
    """
    reason = find_reason(error) or "unavailable"
    line = f"{reason}: {get_hint(error)}"
    said = quote_driver(error)
    return f"{line} ({said})" if said else line


def quote_driver(error: Exception) -> str:
    """Return the code and the driver's own words, or "" if it said nothing."""
    cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
    if cause is None:
        return ""
    origin = cause.orig if isinstance(cause, DBAPIError) and cause.orig else cause
    code = get_sqlstate(origin) or type(origin).__name__
    said = f"{code}: {origin}" if str(origin) else code
    if isinstance(cause, DBAPIError):
        said = said.splitlines()[0]
        said += f" in {cause.statement}" if cause.statement else ""
    return shorten(said, 400, placeholder=" ...")


def diagnose(error: Exception) -> Reason:
    """Return why no connection could be opened.

    The SQLSTATE decides. Without one that the table knows, the words do: libpq reports
    none while it connects, a socket has none, and Neon's proxy and PgBouncer send XX000
    and 08P01 for all of their own errors.
    """
    sqlstate = get_sqlstate(error)
    is_answer = sqlstate is not None
    return _BY_SQLSTATE.get(sqlstate) or recognise(error, is_answer=is_answer)


def diagnose_loss(error: BaseException | None) -> Reason:
    """Return why a connection was lost while it was in use, whatever the words are."""
    if isinstance(error, CommitLost):
        return "outcome_unknown"
    if isinstance(error, NoAnswer):
        return "no_answer"
    if is_timeout(error):
        return "timeout"
    return _BY_SQLSTATE.get(get_sqlstate(error), "disconnected")
