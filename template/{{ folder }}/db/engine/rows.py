"""Limit how long the rows of a server-side cursor may take."""

from collections.abc import Callable
from functools import partial
from typing import Any

from . import driver
from .watchdog import Wait


class LimitedCursor:
    """A server-side cursor that ends when the server sends no rows.

    Args:
        cursor: The driver's.
        wait: Returns what is entered for each answer.
    """

    def __init__(self, cursor: Any, wait: Callable[[], Wait]) -> None:
        self._cursor = cursor
        self._wait = wait

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def fetchmany(self, size: int | None = None) -> Any:
        """Fetch some of the rows within the limit."""
        with self._wait():
            return self._cursor.fetchmany(size)

    def fetchall(self) -> Any:
        """Fetch the other rows within the limit."""
        with self._wait():
            return self._cursor.fetchall()

    def close(self) -> None:
        """Close it within the limit, on the server too."""
        with self._wait():
            self._cursor.close()


class LimitedExecutionContext(driver.ExecutionContext):
    """Limits how long the rows of a server-side cursor may take."""

    @property
    def refused(self) -> str:
        """What it does that needs a transaction, or ""."""
        if self.isinsert or self.isupdate or self.isdelete or self.isddl:
            return "write"
        return "stream" if self._is_server_side else ""

    def create_server_side_cursor(self) -> Any:
        """Return a cursor that is not fetched as a whole."""
        create: Any = super().create_server_side_cursor
        dialect: Any = self.dialect
        return LimitedCursor(create(), partial(dialect.wait_for, self, begins=False))
