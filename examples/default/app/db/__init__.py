"""The database: everything that the rest of the application needs."""

from .application import add_database
from .check import ConnectionReport, check_connection
from .checkouts import ConnectionLeak
from .connection import (
    build_direct_engine,
    dispose_engine,
    get_engine,
    get_pool_stats,
    get_read_engine,
)
from .errors import DatabaseUnavailable, OutcomeUnknown
from .leaks import check_connection_leaks
from .monitoring import PoolStats
from .retry import retry_transient
from .session import (
    DbSession,
    ReadDbSession,
    ReadSession,
    WriteSession,
    get_db,
    get_read_db,
    get_read_session,
    get_session,
    set_statement_timeout,
)
from .settings import get_settings

__all__ = [
    "ConnectionLeak",
    "ConnectionReport",
    "DatabaseUnavailable",
    "DbSession",
    "OutcomeUnknown",
    "PoolStats",
    "ReadDbSession",
    "ReadSession",
    "WriteSession",
    "add_database",
    "build_direct_engine",
    "check_connection",
    "check_connection_leaks",
    "dispose_engine",
    "get_db",
    "get_engine",
    "get_pool_stats",
    "get_read_db",
    "get_read_engine",
    "get_read_session",
    "get_session",
    "get_settings",
    "retry_transient",
    "set_statement_timeout",
]
