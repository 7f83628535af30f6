"""Ask the server what it is, and whether the settings are in effect."""

import logging
import time
from dataclasses import dataclass
from functools import cache

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from .advice import ADVICE
from .connection import get_engine, get_pool_stats
from .endpoints import is_pooled
from .engine.driver import is_tls
from .errors import translate_errors
from .settings import Settings, get_settings

logger = logging.getLogger(__name__)

_PROBE = text(
    """
    SELECT current_database(),
           current_user,
           current_setting('server_version'),
           CAST(current_setting('transaction_read_only') AS boolean),
           extract(epoch FROM CAST(current_setting('statement_timeout') AS interval)),
           CAST(current_setting('max_connections') AS integer)
           - CAST(current_setting('superuser_reserved_connections') AS integer)
           - CAST(coalesce(current_setting('reserved_connections', true), '0') AS
             integer)
    """
)


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a server reported about itself and about a connection.

    Attributes:
        database: The database's name.
        user: The role that queries run as.
        server_version: For example `18.1`.
        latency_ms: Milliseconds that one query took, there and back.
        is_read_only: Whether the server is a replica, or writes are off for the role,
            the database or the server.
        is_tls: Whether the connection is encrypted.
        is_pooled: Whether a transaction pooler is in between.
        statement_timeout: Seconds that a statement outside a transaction may take.
        max_connections: Connections that the server has for all of its clients.
        connection_budget: Connections that all of our processes may open: the number of
            processes times the limit of the pool. 0 when there is no pool.
    """

    database: str
    user: str
    server_version: str
    latency_ms: float
    is_read_only: bool
    is_tls: bool
    is_pooled: bool
    statement_timeout: float
    max_connections: int
    connection_budget: int


async def check_connection() -> ConnectionReport:
    """Connect once and report what the server says.

    The server has `DB_CONNECT_TIMEOUT` to answer, too.

    Logs once for each process (a) how many connections all processes may open, against
    the server's limit, (b) a warning if `DB_STATEMENT_TIMEOUT` is not in effect,
    because some poolers drop it, and (c) a warning if nothing can be written.

    Raises:
        DatabaseUnavailable: No connection could be made.
    """
    settings = get_settings()
    engine = get_engine().execution_options(
        isolation_level="AUTOCOMMIT",
        statement_timeout=settings.DB_CONNECT_TIMEOUT,
    )
    with translate_errors():
        async with engine.connect() as connection:
            report = await ask_server(connection)
    _log_findings(report, settings)
    return report


async def ask_server(connection: AsyncConnection) -> ConnectionReport:
    """Report what the server says, in one query."""
    started = time.perf_counter()
    row = (await connection.execute(_PROBE)).one()
    latency = time.perf_counter() - started
    raw = await connection.get_raw_connection()
    encrypted = is_tls(raw.driver_connection)
    database, user, version, read_only, statement_timeout, max_connections = row
    return ConnectionReport(
        database=database,
        user=user,
        server_version=version,
        latency_ms=round(latency * 1000, 2),
        is_read_only=read_only,
        is_tls=encrypted,
        is_pooled=is_pooled(),
        statement_timeout=float(statement_timeout),
        max_connections=max_connections,
        connection_budget=get_settings().WEB_CONCURRENCY * get_pool_stats().limit,
    )


def _log_findings(report: ConnectionReport, settings: Settings) -> None:
    wanted = settings.DB_STATEMENT_TIMEOUT
    if report.statement_timeout != wanted:
        _log_once(
            logging.WARNING,
            f"statement_timeout is {report.statement_timeout:g} s outside transactions,"
            f" not {wanted:g} s: run `python -m {__package__} doctor --fix-timeouts`",
        )
    if report.is_read_only:
        _log_once(logging.WARNING, f"read_only: {ADVICE['read_only'].hint}")
    if report.is_pooled or not report.connection_budget:
        return
    processes = settings.WEB_CONCURRENCY
    _log_once(
        logging.INFO,
        f"connections: {processes} (processes) x {get_pool_stats().limit} (pool) = "
        f"{report.connection_budget}, of the server's {report.max_connections}",
    )
    if report.connection_budget > report.max_connections:
        _log_once(
            logging.WARNING,
            "too many for the server: lower DB_POOL_SIZE or WEB_CONCURRENCY",
        )


@cache
def _log_once(level: int, message: str) -> None:
    logger.log(level, message)
