"""What is particular to psycopg 3: arguments, connections, errors."""

from collections.abc import Mapping
from typing import Any

from psycopg import OperationalError
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
