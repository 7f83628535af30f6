"""SQLAlchemy's dialect, without its questions that the server has answered already."""

from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine.interfaces import DBAPIConnection

from app.db.cursor import PipelinedCursor, is_supported

LEAN_DRIVERNAME = "postgresql+lean_psycopg"


class LeanDialect(psycopg.PGDialectAsync_psycopg):
    """Opens the first connection of an engine without a round trip of its own.

    The stock dialect asks for the version, the schema, the isolation level and the
    escaping of strings, each in a round trip, inside a transaction that costs two more.
    Version and escaping come with the server's greeting. The schema is of use only to
    tools that inspect a database, and the isolation level only to set it back, which
    this dialect does without naming it.

    The methods with an underscore are not public, but the ones that dialects outside of
    SQLAlchemy override too.
    """

    supports_statement_cache = True

    @classmethod
    def get_dialect_cls(cls, url: URL) -> type["LeanDialect"]:
        """Return this class for the URLs that name it."""
        return cls

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type["LeanDialect"]:
        """Return this class for the URLs that name it."""
        return cls

    def connect(self, *cargs: Any, **cparams: Any) -> DBAPIConnection:
        """Connect with a cursor that saves the round trip of BEGIN."""
        if is_supported():
            cparams.setdefault("cursor_factory", PipelinedCursor)
        return super().connect(*cargs, **cparams)

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        """Leave it unknown: see `reset_isolation_level`."""
        raise NotImplementedError

    def reset_isolation_level(self, dbapi_conn: Any) -> None:
        """Go back to transactions of the server's default, whatever that is."""
        dbapi_conn.set_autocommit(False)
        dbapi_conn.set_isolation_level(None)

    def _get_default_schema_name(self, connection: Connection) -> str:
        raise NotImplementedError

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        driver_connection: Any = connection.connection.driver_connection
        version = int(driver_connection.info.server_version)
        return version // 10_000, version % 10_000

    def _set_backslash_escapes(self, connection: Connection) -> None:
        driver_connection: Any = connection.connection.driver_connection
        status = driver_connection.info.parameter_status
        conforming = status("standard_conforming_strings")
        self._backslash_escapes = conforming == "off"


registry.register(LEAN_DRIVERNAME.replace("+", "."), __name__, LeanDialect.__name__)
