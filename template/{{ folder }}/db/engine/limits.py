"""Limit how long a connection waits for its server, and notice a lost COMMIT."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.pool import PoolProxiedConnection

from . import driver
from .recycle import is_closed
from .rows import LimitedExecutionContext
from .watchdog import Wait

READ_ONLY = {"isolation_level": "AUTOCOMMIT", "read_only": True}
"""The execution options of a connection that reads without a transaction."""

GRACE_SECONDS = 2.0
"""How much longer than the server's own timeout the client waits.

When the server is well, its error arrives within this time, and it says more.
"""

_TIMEOUT = "statement_timeout"

# The driver's dialect, whose methods have no types.
_stock: Any = driver.Dialect

# The server ended the session, and with it the transaction, before COMMIT arrived.
_ROLLED_BACK = frozenset({"25P03"})


class CommitLost(driver.OperationalError):
    """COMMIT was sent, and its answer was lost: it may have been carried out."""


class LimitedDialect(driver.Dialect):
    """Ends every statement, COMMIT and ROLLBACK that the server does not answer.

    The execution option `statement_timeout`, in seconds, replaces the limit of
    statements, and of the COMMIT of the transaction in which it is set. It tells the
    client only: the server has a timeout of its own.

    With the execution option `read_only` it refuses INSERT, UPDATE, DELETE and DDL,
    except as text and in a CTE, streams, and any isolation level but AUTOCOMMIT.

    Attributes:
        statement_timeout: Seconds that the server allows for a statement; `math.inf`
            sets no limit.
        on_statement: Called with each statement that succeeds, the seconds that it
            took, and its cursor. Cheaper than SQLAlchemy's events, which slow down
            every call of a connection as soon as there is one.
    """

    execution_ctx_cls = LimitedExecutionContext

    def __init__(self, **options: Any) -> None:
        _stock.__init__(self, **options)
        self.statement_timeout = math.inf
        self.on_statement: Callable[[str, float, Any], None] = lambda *_: None

    def set_connection_execution_options(
        self,
        connection: Connection,
        opts: Mapping[str, Any],
    ) -> None:
        """Set the options; refuse an isolation level where there is no transaction."""
        if opts == READ_ONLY and not connection.in_transaction():
            # As SQLAlchemy does it for any options, in a third of the time. The record
            # is not public, but it is where the dialects note what is to be undone.
            pooled: Any = connection.connection
            if not pooled.dbapi_connection.autocommit:
                pooled._connection_record.finalize_callback.append(_end_autocommit)
                pooled.dbapi_connection.autocommit = True
            return
        level = opts.get("isolation_level", "AUTOCOMMIT")
        if opts.get("read_only") and level != "AUTOCOMMIT":
            raise InvalidRequestError("ReadDbSession has no transaction: use DbSession")
        if "statement_timeout" in opts and connection.in_transaction():
            # A COMMIT knows only the pooled connection.
            connection.connection.info[_TIMEOUT] = opts["statement_timeout"]
        _stock.set_connection_execution_options(self, connection, opts)

    def wait_for(self, context: Any, count: int = 1, *, begins: bool = True) -> Wait:
        """Return what is entered while the server answers `count` times.

        Args:
            context: The execution of a statement.
            count: How many rows of parameters it has.
            begins: Whether it begins now, or goes on.
        """
        options = context.execution_options
        if options.get("read_only") and begins and context.refused:
            message = f"ReadDbSession does not {context.refused}: use DbSession"
            raise InvalidRequestError(message)
        limit = count * options.get("statement_timeout", self.statement_timeout)
        # Not the one of `context.connection`, which may have another one by now.
        return Wait(context._dbapi_connection, limit + GRACE_SECONDS)

    def do_execute(
        self,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any = None,
    ) -> None:
        """Execute a statement within its limit."""
        with self.wait_for(context) as wait:
            _stock.do_execute(self, cursor, statement, parameters, context)
        self.on_statement(statement, time.monotonic() - wait.started, cursor)

    def do_executemany(
        self,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any = None,
    ) -> None:
        """Execute a statement for several rows, each within its limit."""
        with self.wait_for(context, count=len(parameters)) as wait:
            _stock.do_executemany(self, cursor, statement, parameters, context)
        self.on_statement(statement, time.monotonic() - wait.started, cursor)

    def do_execute_no_params(
        self,
        cursor: Any,
        statement: str,
        context: Any = None,
    ) -> None:
        """Execute a statement without parameters within its limit."""
        with self.wait_for(context) as wait:
            _stock.do_execute_no_params(self, cursor, statement, context)
        self.on_statement(statement, time.monotonic() - wait.started, cursor)

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Begin a transaction with the limit of the engine."""
        dbapi_connection.info.pop(_TIMEOUT, None)
        _stock.do_begin(self, dbapi_connection)

    def do_rollback(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Roll back within the limit."""
        if driver.is_idle(dbapi_connection):
            # There is nothing to wait for.
            _stock.do_rollback(self, dbapi_connection)
            return
        with Wait(dbapi_connection, self.statement_timeout + GRACE_SECONDS):
            if _stock.detect_autocommit_setting(self, dbapi_connection):
                # Somebody executed BEGIN, which the drivers do not notice.
                with closing(dbapi_connection.cursor()) as cursor:
                    cursor.execute("ROLLBACK")
            else:
                _stock.do_rollback(self, dbapi_connection)

    def do_commit(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Commit within the limit.

        Raises:
            CommitLost: The connection failed after COMMIT was sent.
        """
        # In a transaction the server sends nothing that it was not asked for, except
        # that it ends the session. Then COMMIT comes too late, and is not carried out.
        was_closed = is_closed(dbapi_connection)
        limit = dbapi_connection.info.get(_TIMEOUT, self.statement_timeout)
        try:
            with Wait(dbapi_connection, limit + GRACE_SECONDS):
                _stock.do_commit(self, dbapi_connection)
        except Exception as error:
            is_certain = was_closed or driver.get_sqlstate(error) in _ROLLED_BACK
            if is_certain or not driver.is_closed(driver.unwrap(dbapi_connection)):
                raise
            raise CommitLost("the connection failed during COMMIT") from error


def _end_autocommit(dbapi_connection: Any) -> None:
    dbapi_connection.autocommit = False
