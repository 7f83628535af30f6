"""Wait for the database, before the entry point of a container goes on."""

import asyncio
import time
from typing import TextIO

from .check import ConnectionReport, check_connection
from .connection import dispose_engine
from .engine.reasons import Reason
from .errors import DatabaseUnavailable, describe

# Names that come later: of a container that starts, of a database that is created.
_MAY_APPEAR: frozenset[Reason] = frozenset({"host_not_found", "database_not_found"})
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


async def wait_for_database(seconds: float, out: TextIO) -> ConnectionReport:
    """Try to connect until that succeeds, cannot succeed, or took too long.

    The last attempt may end later: `DB_CONNECT_TIMEOUT` is the limit for connecting,
    and again for the answer.

    Args:
        seconds: How long to try.
        out: Where the progress is shown: on a terminal in one line, elsewhere a line
            for each new reason.

    Raises:
        DatabaseUnavailable: What the last attempt came to.
    """
    started = time.monotonic()
    progress = _Progress(out, started)
    pause = _SHORTEST_PAUSE
    try:
        while True:
            try:
                return await check_connection()
            except DatabaseUnavailable as error:
                rest = started + seconds - time.monotonic()
                if rest <= 0 or not _may_end(error):
                    raise
                progress.show(error)
            await asyncio.sleep(min(pause, rest))
            pause = min(2 * pause, _LONGEST_PAUSE)
    finally:
        progress.close()
        await dispose_engine()


def _may_end(error: DatabaseUnavailable) -> bool:
    return error.is_transient or error.reason in _MAY_APPEAR


class _Progress:
    """Shows what the database is waited for."""

    def __init__(self, out: TextIO, started: float) -> None:
        self._out = out
        self._started = started
        self._is_terminal = out.isatty()
        self._reason: Reason | None = None

    def show(self, error: DatabaseUnavailable) -> None:
        """Show why the last attempt failed."""
        waited = time.monotonic() - self._started
        if self._is_terminal:
            line = f"\r\x1b[Kwaiting, {waited:.0f} s: {error.reason}"
            print(line, end="", file=self._out, flush=True)
        elif error.reason != self._reason:
            print(f"waiting: {describe(error)}", file=self._out, flush=True)
        self._reason = error.reason

    def close(self) -> None:
        """Leave nothing in the terminal's line."""
        if self._is_terminal and self._reason is not None:
            print("\r\x1b[K", end="", file=self._out, flush=True)
