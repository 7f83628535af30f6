"""A cursor that sends BEGIN along with the first statement of a transaction."""

import logging
from contextlib import suppress
from functools import cache
from typing import Any

import psycopg
from psycopg import AsyncCursor, AsyncPipeline
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

logger = logging.getLogger(__name__)

_TESTED_VERSIONS = ("3.2.", "3.3.")


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
    statement. Here both are sent together if the statement has parameters. Anything
    else that can come first, such as COPY, a server-side cursor or several statements
    in one string, gets psycopg's own BEGIN.

    Everything happens in the generator that psycopg runs under the connection's lock,
    so no other task or thread can interfere.
    """

    def _execute_gen(
        self,
        query: Any,
        params: Any = None,
        **options: Any,
    ) -> PQGen[None]:
        connection = self._conn
        if not params or not self._can_begin():
            yield from super()._execute_gen(query, params, **options)
            return
        pipeline = connection._pipeline = AsyncPipeline(connection)
        failure: Exception | None = None
        try:
            yield from pipeline._enter_gen()
            yield from connection._exec_command(connection._get_tx_start_command())
            # After this psycopg knows that BEGIN was sent, and adds no other one.
            yield from pipeline._communicate_gen()
            try:
                yield from super()._execute_gen(query, params, **options)
            except Exception:
                with suppress(Exception):
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

    def _can_begin(self) -> bool:
        connection = self._conn
        return (
            not self.closed
            and not connection.autocommit
            and connection._pipeline is None
            and connection.info.transaction_status == TransactionStatus.IDLE
        )
