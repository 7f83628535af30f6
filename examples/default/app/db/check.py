"""Ask the server who it is, and whether it does what the settings say."""

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import text

from app.config.settings import Settings, get_settings
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
           extract(epoch FROM CAST(current_setting('statement_timeout') AS interval)),
           CAST(current_setting('max_connections') AS integer)
           - CAST(current_setting('superuser_reserved_connections') AS integer)
           - CAST(coalesce(current_setting('reserved_connections', true), '0') AS integer)
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
        max_connections: Connections that the server has for all of its clients.
        connection_budget: Connections that all of our processes may open: processes
            times what the pool keeps and adds. 0 when there is no pool.
    """

    database: str
    user: str
    server_version: str
    latency_ms: float
    is_tls: bool
    is_pooled: bool
    statement_timeout: float
    max_connections: int
    connection_budget: int


async def check_connection() -> ConnectionReport:
    """Connect once and report what the server says.

    Says in the log, once in each process, how many connections our processes may open of
    those that the server has, and whether `DB_STATEMENT_TIMEOUT` has an effect, for
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
    database, user, version, statement_timeout, max_connections = row
    settings = get_settings()
    report = ConnectionReport(
        database=database,
        user=user,
        server_version=version,
        latency_ms=round(latency * 1000, 2),
        is_tls=is_tls,
        is_pooled=is_pooled(engine.url),
        statement_timeout=float(statement_timeout),
        max_connections=max_connections,
        connection_budget=settings.WEB_CONCURRENCY * _count_connections(settings),
    )
    _comment(report, settings)
    return report


def _count_connections(settings: Settings) -> int:
    """Return how many connections one process may open, or 0 when it has no pool."""
    pool = settings.get_pool_config()
    return pool["pool_size"] and pool["pool_size"] + pool["max_overflow"]


def _comment(report: ConnectionReport, settings: Settings) -> None:
    wanted = settings.DB_STATEMENT_TIMEOUT
    if report.statement_timeout != wanted:
        role = report.user
        _log_once(
            logging.WARNING,
            f"statement_timeout is {report.statement_timeout:g} s outside transactions: "
            f"run ALTER ROLE {role} SET statement_timeout = '{wanted:g}s'",
        )
    if report.is_pooled or not report.connection_budget:
        return
    _log_once(
        logging.INFO,
        f"connections: {settings.WEB_CONCURRENCY} (processes) x "
        f"{_count_connections(settings)} (pool) = {report.connection_budget}, of the "
        f"{report.max_connections} that the server has",
    )
    if report.connection_budget > report.max_connections:
        _log_once(
            logging.WARNING,
            "too many connections for this server: lower DB_POOL_SIZE or WEB_CONCURRENCY",
        )


@cache
def _log_once(level: int, message: str) -> None:
    logger.log(level, message)


def _is_tls(driver_connection: Any) -> bool:
    """Ask the client's end: a proxy such as Neon's ends TLS before the server."""
    return bool(driver_connection.pgconn.ssl_in_use)
