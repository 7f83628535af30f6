"""A cursor that sends BEGIN along with the first statement of a transaction."""

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncCursor, AsyncPipeline
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus


def is_supported() -> bool:
    """Whether libpq has pipelines (14 or newer), and psycopg is one that was tested.

    `PipelinedCursor` uses methods that are not public. Of any other version, the stock
    cursor is used.
    """
    is_tested = psycopg.__version__.startswith(("3.2.", "3.3."))
    return is_tested and psycopg.capabilities.has_pipeline()


class PipelinedCursor(AsyncCursor[Any]):
    """Begins a transaction in the round trip of its first statement.

    psycopg sends BEGIN by itself, and waits for the answer before it sends the statement.
    Here both travel together if the statement has parameters. Whatever else may come
    first, such as COPY, a server-side cursor or several statements in a string, has the
    driver's own BEGIN.

    All of it happens in the generator that psycopg runs under the connection's lock: no
    other task or thread comes in between.
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
            # Once BEGIN is on its way, psycopg adds no other one.
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
            # Abandoned, and nobody reads the answers that are under way.
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
