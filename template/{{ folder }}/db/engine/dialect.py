"""A dialect that skips the queries SQLAlchemy runs on its first connection."""

from typing import Any

from sqlalchemy import URL, Connection, func, select
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGInspector

from . import driver
from .limits import LimitedDialect

LEAN_DRIVERNAME = f"postgresql+lean_{driver.NAME}"


class LeanInspector(PGInspector):
    """Asks for the default schema when it is made, because tools read it then."""

    @property
    def dialect(self) -> Any:
        """The dialect, which knows the default schema."""
        return self._dialect

    @dialect.setter
    def dialect(self, dialect: Any) -> None:
        # SQLAlchemy calls no method of a subclass when it makes an inspector.
        self._dialect = dialect
        if dialect.default_schema_name is None:
            with self._operation_context() as connection:
                was_idle = not connection.in_transaction()
                name = connection.scalar(select(func.current_schema()))
                dialect.default_schema_name = name
                if was_idle:
                    connection.rollback()


class LeanDialect(LimitedDialect):
    """Opens the first connection of an engine without a round trip of its own.

    The stock dialect asks for the version, the schema, the isolation level and the
    escaping of strings, each in a round trip, in a transaction that costs two more.
    The server announces version and escaping when it accepts a connection. The schema
    is needed only by tools that inspect a database, and asked for by `LeanInspector`.
    The isolation level is needed only to restore it, which this dialect does without
    knowing its name.

    The methods with an underscore are not public, but third-party dialects override the
    same ones. If SQLAlchemy stops calling one, its query comes back: one more round
    trip for the first connection of each engine, which the tests count.
    """

    supports_statement_cache = True
    inspector = LeanInspector

    @classmethod
    def get_dialect_cls(cls, url: URL) -> type["LeanDialect"]:
        """Return this class for the URLs that name it."""
        return cls

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type["LeanDialect"]:
        """Return this class for the URLs that name it."""
        return cls

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        """Return the level of `create_engine`, and leave the server's unknown."""
        if self._on_connect_isolation_level in {None, "AUTOCOMMIT"}:
            raise NotImplementedError
        return self._on_connect_isolation_level

    def reset_isolation_level(self, dbapi_conn: Any) -> None:
        """Go back to the level of `create_engine`, or else to the server's default."""
        if self._on_connect_isolation_level is None:
            driver.reset_isolation_level(dbapi_conn)
        else:
            stock: Any = super()
            stock.reset_isolation_level(dbapi_conn)

    def _get_default_schema_name(self, connection: Connection) -> str:
        raise NotImplementedError

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        return driver.get_server_version(connection.connection.driver_connection)

    def _set_backslash_escapes(self, connection: Connection) -> None:
        name = "standard_conforming_strings"
        value = driver.get_parameter(connection.connection.driver_connection, name)
        self._backslash_escapes = value == "off"


registry.register(LEAN_DRIVERNAME.replace("+", "."), __name__, LeanDialect.__name__)
