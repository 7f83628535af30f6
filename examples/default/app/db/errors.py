"""What went wrong, whether to try again, and what to tell the user."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stamina
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from app.db.engine import on_engine_created
from app.db.failures import (
    Failure,
    diagnose,
)

logger = logging.getLogger(__name__)

# Seconds that a client is asked to wait: more than a suspended compute needs to wake up.
RETRY_AFTER = 5

# Serialization failure, deadlock, lock timeout: the same transaction may pass next time.
_TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "55P03"})


class DatabaseUnavailable(Exception):
    """The database cannot be reached now. `__cause__` is what the driver said."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.reason}: {failure.hint}")
        self.reason = failure.reason
        self.is_transient = failure.is_transient


@contextmanager
def unavailable_as_such() -> Iterator[None]:
    """Turn an exhausted pool or a lost connection into `DatabaseUnavailable`."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable(diagnose(error)) from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise DatabaseUnavailable(diagnose(error)) from error


def is_transient(error: Exception) -> bool:
    """Whether the whole unit of work may succeed when it is tried again."""
    if isinstance(error, DatabaseUnavailable):
        return error.is_transient
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate in _TRANSIENT_SQLSTATES


retry_transient = stamina.retry(
    on=is_transient,
    attempts=3,
    timeout=30,
    wait_initial=0.25,
    wait_max=2,
)
"""Decorator for a whole unit of work that may run twice, never for a part of one."""


def add_error_handlers(app: FastAPI) -> None:
    """Answer `DatabaseUnavailable` with a 503 that says when to come back."""

    @app.exception_handler(DatabaseUnavailable)
    async def answer_503(_request: Request, error: DatabaseUnavailable) -> JSONResponse:
        logger.error("database unavailable: %s", error, exc_info=error.__cause__)
        return JSONResponse(
            {"detail": "The database is unavailable. Try again later."},
            status_code=503,
            headers={"Retry-After": str(RETRY_AFTER)},
        )


@on_engine_created
def _name_connection_failures(engine: Engine) -> None:
    """Make every failure to connect a `DatabaseUnavailable`, whatever the driver raises."""

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
