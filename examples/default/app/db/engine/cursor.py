"""A cursor that sends BEGIN along with the first statement of a transaction."""

import logging
from collections.abc import Iterable
from contextlib import closing, suppress
from functools import cache
from typing import Any

import psycopg
from psycopg import AsyncCursor, AsyncPipeline
from psycopg.abc import PQGen
from psycopg.generators import fetch_many, send
from psycopg.pq import ConnStatus, TransactionStatus

logger = logging.getLogger(__name__)

_TESTED_VERSIONS = ("3.2.", "3.3.")
# Commands of a pipeline that are sent before the results of the first ones are read.
_MAX_PENDING = 100


@cache
def get_cursor_class() -> type[AsyncCursor[Any]]:
    """Return `PipelinedCursor` where it works, or else psycopg's own cursor.

    It needs libpq 14 or newer, and a version of psycopg that it was tested with,
    because it uses members of psycopg that are not public. Without it, BEGIN costs a
    round trip.
    """
    is_tested = psycopg.__version__.startswith(_TESTED_VERSIONS)
    if is_tested and psycopg.capabilities.has_pipeline():
        return PipelinedCursor
    logger.warning(
        "BEGIN costs a round trip: pipelining is untested on psycopg %s, libpq %s",
        psycopg.__version__,
        psycopg.pq.version(),
    )
    return AsyncCursor


class PipelinedCursor(AsyncCursor[Any]):
    """Begins a transaction in the round trip of its first statement.

    psycopg sends BEGIN by itself, and waits for the answer before it sends the
    statement. Here both are sent together if the statement has parameters, and for
    `executemany`. Anything else that can come first, such as COPY, a server-side cursor
    or several statements in one string, gets psycopg's own BEGIN.

    Everything happens in the generator that psycopg runs under the connection's lock,
    so no other task or thread can interfere.
    """

    async def executemany(
        self,
        query: Any,
        params_seq: Iterable[Any],
        *,
        returning: bool = False,
    ) -> None:
        """Execute a statement once for each of the parameters, in one pipeline."""
        connection = self._conn
        statements = self._executemany_gen_pipeline(query, params_seq, returning)
        async with connection.lock:
            if connection._pipeline is None:
                statements = self._pipeline_gen(statements, self._must_begin())
            with closing(statements):
                await connection.wait(statements)

    def _execute_gen(
        self,
        query: Any,
        params: Any = None,
        **options: Any,
    ) -> PQGen[None]:
        statement = super()._execute_gen(query, params, **options)
        if params and self._conn._pipeline is None and self._must_begin():
            statement = self._pipeline_gen(statement, must_begin=True)
        yield from statement

    def _pipeline_gen(
        self,
        statements: PQGen[None],
        must_begin: bool,
    ) -> PQGen[None]:
        """Send statements together, and BEGIN before them if that is asked for."""
        connection = self._conn
        pipeline = _Pipeline(connection)
        yield from pipeline._enter_gen()
        connection._pipeline = pipeline
        failure: Exception | None = None
        try:
            if must_begin:
                yield from connection._exec_command(connection._get_tx_start_command())
                # After this psycopg knows that BEGIN was sent, and adds no other one.
                yield from pipeline._communicate_gen()
            try:
                yield from statements
            except Exception:
                with suppress(psycopg.Error):
                    yield from pipeline._exit_gen()
                raise
            yield from pipeline._exit_gen()
        except Exception as error:
            failure = error
            raise
        except BaseException:
            # The generator was closed with results pending: the protocol is out of
            # step.
            connection.pgconn.finish()
            raise
        finally:
            connection._pipeline = None
            pipeline._exit(failure)

    def _must_begin(self) -> bool:
        connection = self._conn
        return (
            not self.closed
            and not connection.autocommit
            and connection.pgconn.transaction_status == TransactionStatus.IDLE
        )


class _Pipeline(AsyncPipeline):
    """Sends its commands together with a final Sync.

    psycopg's own pipeline sends a Flush after the Sync. The server starts the clock of
    `idle_in_transaction_session_timeout` when it answers the Sync, and stops it at the
    next message, which would be the Flush.
    """

    def _communicate_gen(self) -> PQGen[None]:
        """Keep the commands in libpq's buffer, unless there are many of them."""
        if len(self.result_queue) > _MAX_PENDING:
            yield from super()._communicate_gen()
        self._buffer_commands()

    def _exit_gen(self) -> PQGen[None]:
        # A lost connection has no socket to wait for.
        if self.pgconn.status == ConnStatus.OK:
            self._enqueue_sync()
            self._buffer_commands()
            yield from send(self.pgconn)
        failure: psycopg.Error | None = None
        while self.result_queue and self.pgconn.status == ConnStatus.OK:
            queued = self.result_queue.popleft()
            try:
                results = yield from fetch_many(self.pgconn)
                self._process_results(queued, results)
            except psycopg.Error as error:
                # Those after the first one are its consequences.
                failure = failure or error
        if failure:
            raise failure

    def _buffer_commands(self) -> None:
        while self.command_queue:
            self.command_queue.popleft()()
