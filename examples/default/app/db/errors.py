"""What callers and clients see of a failure, and when to try again."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, ParamSpec, TypeVar, overload

import stamina
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from .engine.driver import get_sqlstate
from .engine.failures import diagnose, diagnose_loss
from .engine.limits import CommitLost
from .engine.reasons import Reason

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

RETRY_AFTER_SECONDS = 5
"""What a client is asked to wait: a suspended compute needs less to wake up."""

# Serialization failure, deadlock, lock timeout: the same transaction may succeed next
# time.
_TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "55P03"})


class Advice(NamedTuple):
    """What to do about a failure.

    Attributes:
        hint: What to look at.
        is_transient: Whether trying again can help.
    """

    hint: str
    is_transient: bool


ADVICE: dict[Reason, Advice] = {
    "authentication": Advice(
        hint="the server refuses this user or password: was it rotated?",
        is_transient=False,
    ),
    "database_not_found": Advice(
        hint="no such database: is the name at the end of the URL right?",
        is_transient=False,
    ),
    "disconnected": Advice(
        hint="the server closed the connection: was it restarted or suspended?",
        is_transient=True,
    ),
    "host_not_found": Advice(
        hint="the host name does not resolve: is it that of the provider's dashboard?",
        is_transient=False,
    ),
    "no_answer": Advice(
        hint="the server did not answer in DB_STATEMENT_TIMEOUT: does it, or a pooler, "
        "hang?",
        is_transient=True,
    ),
    "outcome_unknown": Advice(
        hint="the answer to COMMIT was lost: look whether the change was made",
        is_transient=False,
    ),
    "pool_exhausted": Advice(
        hint="no connection is free: is one held too long, or DB_POOL_SIZE too small?",
        is_transient=True,
    ),
    "pooler": Advice(
        hint="a pooler refuses what only a direct connection may set: DB_POOLED=true",
        is_transient=False,
    ),
    "quota_exceeded": Advice(
        hint="a quota is used up, or the endpoint disabled: see the provider's console",
        is_transient=False,
    ),
    "refused": Advice(
        hint="nothing listens there: are host and port right, does PostgreSQL run?",
        is_transient=True,
    ),
    "starting_up": Advice(
        hint="the server is waking up",
        is_transient=True,
    ),
    "timeout": Advice(
        hint="no answer in time: is port 5432 open, is DB_CONNECT_TIMEOUT long enough?",
        is_transient=True,
    ),
    "tls": Advice(
        hint="TLS failed: does the host name match, is DB_SSL_ROOT_CERT the right CA?",
        is_transient=False,
    ),
    "too_many_connections": Advice(
        hint="the server is full: use the pooled host, or a smaller DB_POOL_SIZE",
        is_transient=True,
    ),
    "unavailable": Advice(
        hint="see the driver's message",
        is_transient=True,
    ),
}
"""What to do about each reason for which the database can be unavailable."""


class DatabaseUnavailable(Exception):
    """The database cannot be reached now. `__cause__` is the driver's error.

    Not an error of SQLAlchemy's: `except OperationalError` does not catch it.

    Attributes:
        reason: The name of the reason, which clients may see.
        is_transient: Whether the same unit of work may succeed when it is tried again.
    """

    def __init__(self, reason: Reason) -> None:
        advice = ADVICE[reason]
        super().__init__(f"{reason}: {advice.hint}")
        self.reason = reason
        self.is_transient = advice.is_transient


class OutcomeUnknown(DatabaseUnavailable):
    """The connection failed during COMMIT: the work may have been committed, or not.

    Doing it again may do it twice. `retry_transient` leaves it to the caller.
    """

    def __init__(self) -> None:
        super().__init__("outcome_unknown")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn an exhausted pool or a lost connection into `DatabaseUnavailable`."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable(diagnose(error)) from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        if isinstance(error.orig, CommitLost):
            raise OutcomeUnknown from error
        raise DatabaseUnavailable(diagnose_loss(error.orig)) from error


def name_connection_failures(engine: Engine) -> None:
    """Turn every failure to connect into `DatabaseUnavailable`."""

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect,
        _entry: ConnectionPoolEntry,
        arguments: tuple[Any, ...],
        parameters: dict[str, Any],
    ) -> Any:
        try:
            return dialect.connect(*arguments, **parameters)
        except (dialect.loaded_dbapi.Error, OSError) as error:
            raise DatabaseUnavailable(diagnose(error)) from error


def is_transient(error: Exception) -> bool:
    """Whether the whole unit of work may succeed when it is tried again."""
    if isinstance(error, DatabaseUnavailable):
        return error.is_transient
    if not isinstance(error, DBAPIError):
        return False
    return get_sqlstate(error.orig) in _TRANSIENT_SQLSTATES


@overload
def retry_transient(function: Callable[P, T]) -> Callable[P, T]: ...


@overload
def retry_transient(
    *,
    idempotent: bool = False,
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def retry_transient(
    function: Callable[P, T] | None = None,
    *,
    idempotent: bool = False,
) -> Callable[P, T] | Callable[[Callable[P, T]], Callable[P, T]]:
    """Retry a whole unit of work on transient errors: 3 attempts within 30 seconds.

    It runs again from its first line. When the answer to COMMIT is lost, the work may
    have been done, and it is not repeated unless it is declared idempotent.

    Args:
        function: What to decorate, `async` or not.
        idempotent: Whether doing the work twice is the same as doing it once, for
            example because a unique constraint refuses the second time.
    """

    def can_repeat(error: Exception) -> bool:
        return is_transient(error) or (idempotent and isinstance(error, OutcomeUnknown))

    decorate = stamina.retry(
        on=can_repeat,
        attempts=3,
        timeout=30,
        wait_initial=0.25,
        wait_max=2,
    )
    return decorate if function is None else decorate(function)


def add_error_handlers(app: FastAPI) -> None:
    """Answer `DatabaseUnavailable` with a 503 and `Retry-After`."""

    @app.exception_handler(DatabaseUnavailable)
    async def answer_503(_request: Request, error: DatabaseUnavailable) -> JSONResponse:
        logger.error("database unavailable: %s", error, exc_info=error.__cause__)
        return JSONResponse(
            {"detail": "The database is unavailable. Try again later."},
            status_code=503,
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
