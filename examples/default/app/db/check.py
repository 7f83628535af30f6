"""Ask the server who it is, and whether it does what the settings say."""

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import text

from app.config.settings import get_settings
from app.db.connection import (
    get_engine,
    is_pooled,
)
from app.db.errors import unavailable_as_such

logger = logging.getLogger(__name__)

_PROBE = text(
    """
    SELECT current_database(),
           current_user,
           current_setting('server_version'),
           extract(epoch FROM CAST(current_setting('statement_timeout') AS interval))
    """
)


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a server said when it was asked.

    Attributes:
        database: The database's name.
        user: The role that queries run as.
        server_version: Such as `18.1`.
        latency_ms: Milliseconds that one query took, there and back.
        is_tls: Whether the connection is encrypted.
        is_pooled: Whether a transaction pooler is in between.
        statement_timeout: Seconds that a statement outside a transaction may take.
    """

    database: str
    user: str
    server_version: str
    latency_ms: float
    is_tls: bool
    is_pooled: bool
    statement_timeout: float


async def check_connection() -> ConnectionReport:
    """Connect once and report what the server says.

    Warns, once in each process, when `DB_STATEMENT_TIMEOUT` has no effect: poolers and
    proxies drop what they do not know without a word.

    Raises:
        DatabaseUnavailable: No connection could be made.
    """
    engine = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    with unavailable_as_such():
        async with engine.connect() as connection:
            started = time.perf_counter()
            row = (await connection.execute(_PROBE)).one()
            latency = time.perf_counter() - started
            pooled_connection = await connection.get_raw_connection()
            is_tls = _is_tls(pooled_connection.driver_connection)
    database, user, version, statement_timeout = row
    report = ConnectionReport(
        database=database,
        user=user,
        server_version=version,
        latency_ms=round(latency * 1000, 2),
        is_tls=is_tls,
        is_pooled=is_pooled(engine.url),
        statement_timeout=float(statement_timeout),
    )
    wanted = get_settings().DB_STATEMENT_TIMEOUT
    if report.statement_timeout != wanted:
        _warn_once(user, report.statement_timeout, wanted)
    return report


@cache
def _warn_once(user: str, actual: float, wanted: float) -> None:
    logger.warning(
        "statement_timeout is %g s outside transactions, DB_STATEMENT_TIMEOUT is %g: "
        "run ALTER ROLE %s SET statement_timeout = '%gs'",
        actual,
        wanted,
        user,
        wanted,
    )


def _is_tls(driver_connection: Any) -> bool:
    """Ask the client's end: a proxy such as Neon's ends TLS before the server."""
    return bool(driver_connection.pgconn.ssl_in_use)
