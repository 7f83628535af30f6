"""A dialect that skips the queries SQLAlchemy runs on its first connection."""

from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.dialects import registry

from . import driver
from .limits import LimitedDialect

LEAN_DRIVERNAME = f"postgresql+lean_{driver.NAME}"


class LeanDialect(LimitedDialect):
    """Opens the first connection of an engine without a round trip of its own.

    The stock dialect asks for the version, the schema, the isolation level and the
    escaping of strings, each in a round trip, in a transaction that costs two more.
    The server announces version and escaping when it accepts a connection. The schema
    is needed only by tools that inspect a database, and the isolation level only to
    restore it, which this dialect does without knowing its name.

    The methods with an underscore are not public, but third-party dialects override the
    same ones. If SQLAlchemy stops calling one, its query comes back: one more round
    trip for the first connection of each engine, which the tests count.
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

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        """Leave it unknown: see `reset_isolation_level`."""
        raise NotImplementedError

    def reset_isolation_level(self, dbapi_conn: Any) -> None:
        """Go back to the server's default, whatever that is."""
        driver.reset_isolation_level(dbapi_conn)

    def _get_default_schema_name(self, connection: Connection) -> str:
        raise NotImplementedError

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        return driver.get_server_version(connection.connection.driver_connection)

    def _set_backslash_escapes(self, connection: Connection) -> None:
        name = "standard_conforming_strings"
        value = driver.get_parameter(connection.connection.driver_connection, name)
        self._backslash_escapes = value == "off"


registry.register(LEAN_DRIVERNAME.replace("+", "."), __name__, LeanDialect.__name__)
