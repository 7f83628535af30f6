"""What is particular to psycopg 3: arguments, connections, errors."""

from collections.abc import Coroutine, Mapping
from typing import Any

from psycopg import AsyncConnection, IsolationLevel, OperationalError
from psycopg.errors import InFailedSqlTransaction
from psycopg.pq import TransactionStatus
from sqlalchemy.dialects.postgresql import psycopg

from . import libpq
from .cursor import get_cursor_class
from .libpq import (
    FAILURE_TEXTS,
    get_fileno,
    get_parameter,
    get_server_version,
    is_closed,
)
from .reasons import ROLLED_BACK

__all__ = [
    "DIALECT_ARGUMENTS",
    "DRIVERNAME",
    "FAILURE_TEXTS",
    "NAME",
    "UNUSED_PARAMETERS",
    "Dialect",
    "ExecutionContext",
    "OperationalError",
    "build_arguments",
    "get_fileno",
    "get_parameter",
    "get_server_version",
    "get_sqlstate",
    "is_closed",
    "is_idle",
    "is_tls",
    "keeps_statements",
    "reset_isolation_level",
    "unwrap",
]

NAME = "psycopg"
DRIVERNAME = "postgresql+psycopg"
ExecutionContext = psycopg.PGExecutionContext_psycopg

DIALECT_ARGUMENTS: dict[str, Any] = {"use_native_hstore": False}
"""hstore costs the first connection three round trips, for a type that few use."""

UNUSED_PARAMETERS = frozenset[str]()
"""Parameters of libpq that psycopg has no counterpart for."""


class Dialect(psycopg.PGDialectAsync_psycopg):
    """SQLAlchemy's dialect, which notices that a COMMIT has rolled back."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commit, and raise if the server rolled back, as the drivers do not."""
        status = unwrap(dbapi_connection).pgconn.transaction_status
        stock: Any = super()
        stock.do_commit(dbapi_connection)
        if status == TransactionStatus.INERROR:
            raise InFailedSqlTransaction(ROLLED_BACK)


class Connection(AsyncConnection[Any]):
    """A connection that a cancelled task cannot leave half prepared for the next one.

    psycopg's own methods wait for nothing, but they may let the event loop run after
    they have set the value. A task that is cancelled there would return the connection
    to the pool as it is, or not at all.
    """

    async def set_autocommit(self, value: bool) -> None:
        """Set whether each statement is its own transaction."""
        _finish(super().set_autocommit(value))

    async def set_isolation_level(self, value: IsolationLevel | None) -> None:
        """Set the isolation level of transactions."""
        _finish(super().set_isolation_level(value))

    async def set_read_only(self, value: bool | None) -> None:
        """Set whether transactions refuse to write."""
        _finish(super().set_read_only(value))

    async def set_deferrable(self, value: bool | None) -> None:
        """Set whether transactions wait for a safe snapshot."""
        _finish(super().set_deferrable(value))


def _finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing to its end, without the event loop."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration:
            return


def build_arguments(
    query: dict[str, str],
    *,
    pooled: bool,
    **options: Any,
) -> dict[str, Any]:
    """Return the arguments of `psycopg.connect`, except those in the URL.

    Args:
        query: The parameters of the URL; those that are used are removed.
        pooled: Whether a transaction pooler is in between.
        options: The keyword arguments of `libpq.build_arguments`.
    """
    arguments = libpq.build_arguments(query, **options)
    arguments["cursor_factory"] = get_cursor_class()
    arguments["async_creator_fn"] = Connection.connect
    if pooled:
        # A pooler may send the next statement to a server that has not prepared it.
        arguments["prepare_threshold"] = None
    return arguments


def keeps_statements(arguments: Mapping[str, Any]) -> bool:
    """Whether statements are prepared for as long as a connection lives.

    Args:
        arguments: As returned by `build_arguments`.
    """
    return "prepare_threshold" not in arguments


def is_tls(connection: Any) -> bool:
    """Whether the client's end is encrypted: a proxy may end TLS before the server."""
    return bool(connection.pgconn.ssl_in_use)


def unwrap(pooled: Any) -> Any:
    """Return the driver's connection, also of one that was detached from its pool."""
    return pooled.dbapi_connection.driver_connection


def is_idle(pooled: Any) -> bool:
    """Whether a connection of a pool has nothing to roll back, as far as is known."""
    status = unwrap(pooled).pgconn.transaction_status
    return bool(status == TransactionStatus.IDLE)


def reset_isolation_level(connection: Any) -> None:
    """Go back to transactions at the server's default level, without a round trip."""
    connection.set_autocommit(False)
    connection.set_isolation_level(None)


def get_sqlstate(error: BaseException | None) -> str | None:
    """Return the error's SQLSTATE, if the server sent one."""
    return getattr(error, "sqlstate", None)
