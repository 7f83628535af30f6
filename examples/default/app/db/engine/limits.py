"""Limit how long a connection waits for its server, and notice a lost COMMIT."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.pool import PoolProxiedConnection

from . import driver
from .recycle import is_closed
from .rows import LimitedExecutionContext
from .watchdog import Wait

GRACE_SECONDS = 2.0
"""How much longer than the server's own timeout the client waits.

When the server is well, its error arrives within this time, and it says more.
"""

# The server ended the session, and with it the transaction, before COMMIT arrived.
_ROLLED_BACK = frozenset({"25P03"})


class CommitLost(driver.OperationalError):
    """COMMIT was sent, and its answer was lost: it may have been carried out."""


class LimitedDialect(driver.Dialect):
    """Ends every statement, COMMIT and ROLLBACK that the server does not answer.

    The execution option `statement_timeout`, in seconds, replaces the limit of
    statements. It tells the client only: the server has a timeout of its own.

    With the execution option `read_only` it refuses INSERT, UPDATE, DELETE and DDL,
    except as text and in a CTE, and any isolation level but AUTOCOMMIT.

    Attributes:
        statement_timeout: Seconds that the server allows for a statement; `math.inf`
            sets no limit.
        on_statement: Called with each statement that succeeds, the seconds that it
            took, and its cursor. Cheaper than SQLAlchemy's events, which slow down
            every call of a connection as soon as there is one.
    """

    execution_ctx_cls = LimitedExecutionContext

    def __init__(self, **options: Any) -> None:
        self._base.__init__(**options)
        self.statement_timeout = math.inf
        self.on_statement: Callable[[str, float, Any], None] = _ignore

    def set_connection_execution_options(
        self,
        connection: Connection,
        opts: Mapping[str, Any],
    ) -> None:
        """Set the isolation level, unless there is to be no transaction."""
        level = opts.get("isolation_level", "AUTOCOMMIT")
        if opts.get("read_only") and level != "AUTOCOMMIT":
            raise InvalidRequestError("ReadDbSession has no transaction: use DbSession")
        self._base.set_connection_execution_options(connection, opts)

    def wait_for(self, context: Any, count: int = 1) -> Wait:
        """Return what is entered while the server works for a statement.

        Args:
            context: SQLAlchemy's of the statement.
            count: How many times the statement is executed.
        """
        options = context.execution_options
        if options.get("read_only") and _writes(context):
            raise InvalidRequestError("ReadDbSession does not write: use DbSession")
        limit = count * options.get("statement_timeout", self.statement_timeout)
        return self._wait(context.root_connection.connection, limit)

    def do_execute(
        self,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any = None,
    ) -> None:
        """Execute a statement within its limit."""
        with self.wait_for(context) as wait:
            self._base.do_execute(cursor, statement, parameters, context)
        self.on_statement(statement, wait.get_seconds(), cursor)

    def do_executemany(
        self,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any = None,
    ) -> None:
        """Execute a statement for several rows, each within its limit."""
        with self.wait_for(context, count=len(parameters)) as wait:
            self._base.do_executemany(cursor, statement, parameters, context)
        self.on_statement(statement, wait.get_seconds(), cursor)

    def do_execute_no_params(
        self,
        cursor: Any,
        statement: str,
        context: Any = None,
    ) -> None:
        """Execute a statement without parameters within its limit."""
        with self.wait_for(context) as wait:
            self._base.do_execute_no_params(cursor, statement, context)
        self.on_statement(statement, wait.get_seconds(), cursor)

    def do_rollback(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Roll back within the limit."""
        if self._base.detect_autocommit_setting(dbapi_connection):
            # There is nothing to wait for.
            self._base.do_rollback(dbapi_connection)
            return
        with self._wait(dbapi_connection, self.statement_timeout):
            self._base.do_rollback(dbapi_connection)

    def do_commit(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Commit within the limit.

        Raises:
            CommitLost: The connection failed after COMMIT was sent.
        """
        # In a transaction the server sends nothing that it was not asked for, except
        # that it ends the session. Then COMMIT comes too late, and is not carried out.
        was_closed = is_closed(dbapi_connection)
        try:
            with self._wait(dbapi_connection, self.statement_timeout):
                self._base.do_commit(dbapi_connection)
        except Exception as error:
            is_certain = was_closed or driver.get_sqlstate(error) in _ROLLED_BACK
            if is_certain or not driver.is_closed(dbapi_connection.driver_connection):
                raise
            raise CommitLost("the connection failed during COMMIT") from error

    @property
    def _base(self) -> Any:
        """The driver's dialect, whose methods have no types."""
        return super()

    def _wait(self, connection: PoolProxiedConnection, limit: float) -> Wait:
        return Wait(connection, limit + GRACE_SECONDS)


def _writes(context: Any) -> bool:
    is_dml = context.isinsert or context.isupdate or context.isdelete
    return bool(is_dml or context.isddl)


def _ignore(_statement: str, _seconds: float, _cursor: Any) -> None:
    pass
