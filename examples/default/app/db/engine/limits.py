"""Limit how long a connection waits for its server, and notice a lost COMMIT."""

import math
from typing import Any

from sqlalchemy.pool import PoolProxiedConnection

from . import driver
from .recycle import is_closed
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

    Attributes:
        statement_timeout: Seconds that the server allows for a statement; `math.inf`
            sets no limit.
    """

    statement_timeout: float = math.inf

    def do_execute(
        self,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any = None,
    ) -> None:
        """Execute a statement within its limit."""
        with self._wait_for(context):
            self._base.do_execute(cursor, statement, parameters, context)

    def do_executemany(
        self,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any = None,
    ) -> None:
        """Execute a statement for several rows, each within its limit."""
        with self._wait_for(context, count=len(parameters)):
            self._base.do_executemany(cursor, statement, parameters, context)

    def do_execute_no_params(
        self,
        cursor: Any,
        statement: str,
        context: Any = None,
    ) -> None:
        """Execute a statement without parameters within its limit."""
        with self._wait_for(context):
            self._base.do_execute_no_params(cursor, statement, context)

    def do_rollback(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Roll back within the limit."""
        with self._wait(dbapi_connection, self.statement_timeout):
            self._base.do_rollback(dbapi_connection)

    def do_commit(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Commit within the limit.

        Raises:
            CommitLost: The connection failed after COMMIT was sent.
        """
        connection = dbapi_connection.driver_connection
        # In a transaction the server sends nothing that it was not asked for, except
        # that it ends the session. Then COMMIT comes too late, and is not carried out.
        was_closed = is_closed(connection)
        try:
            with self._wait(dbapi_connection, self.statement_timeout):
                self._base.do_commit(dbapi_connection)
        except Exception as error:
            is_certain = was_closed or driver.get_sqlstate(error) in _ROLLED_BACK
            if is_certain or not driver.is_closed(connection):
                raise
            raise CommitLost("the connection failed during COMMIT") from error

    @property
    def _base(self) -> Any:
        """The driver's dialect, whose methods have no types."""
        return super()

    def _wait_for(self, context: Any, count: int = 1) -> Wait:
        limit = count * context.execution_options.get(
            "statement_timeout",
            self.statement_timeout,
        )
        return self._wait(context.root_connection.connection, limit)

    def _wait(self, connection: PoolProxiedConnection, limit: float) -> Wait:
        return Wait(connection, limit + GRACE_SECONDS)
