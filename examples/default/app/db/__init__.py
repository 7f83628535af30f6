"""The database: everything that the rest of the application needs of it."""

from app.db import metrics as metrics
from app.db.check import (
    ConnectionReport,
    check_connection,
)
from app.db.connection import (
    build_direct_engine,
    dispose_engine,
    get_engine,
    get_read_engine,
)
from app.db.errors import (
    DatabaseUnavailable,
    add_error_handlers,
    retry_transient,
)
from app.db.monitoring import (
    check_connection_leaks,
    get_pool_stats,
)
from app.db.session import (
    DbSession,
    ReadDbSession,
    get_db,
    get_session,
)

__all__ = [
    "ConnectionReport",
    "DatabaseUnavailable",
    "DbSession",
    "ReadDbSession",
    "add_error_handlers",
    "build_direct_engine",
    "check_connection",
    "check_connection_leaks",
    "dispose_engine",
    "get_db",
    "get_engine",
    "get_pool_stats",
    "get_read_engine",
    "get_session",
    "retry_transient",
]
