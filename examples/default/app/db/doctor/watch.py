"""A live view of the server's sessions, the round trip and the application's pool."""

import asyncio
import re
import statistics
import time
from collections import Counter, deque
from itertools import count
from typing import NamedTuple, TextIO
from urllib.request import urlopen

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..connection import build_single_engine
from ..endpoints import get_primary_connect_args
from ..errors import translate_errors

INTERVAL_SECONDS = 1.0
_REMEMBERED = 60
_SHOWN = 5
_QUERY_WIDTH = 70
_CLEAR_SCREEN = "\x1b[H\x1b[J"

_SESSIONS = text(
    """
    SELECT coalesce(nullif(application_name, ''), 'unnamed'),
           coalesce(state, 'of another role'),
           CAST(extract(epoch FROM clock_timestamp() - query_start) AS float),
           query
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
)
_ESCAPED = r"(?:[^'\\]|\\.|'')*"
# Comments, strings, also those that the server has cut off, and numbers. A quoted name is
# matched because it may contain any of them.
_LITERAL = re.compile(
    r'(?P<name>"[^"]*"?)'
    # With a comment that contains another one or is cut off, everything after it.
    r"|--[^\n]*|/\*(?:(?!/\*|\*/).)*\*/|/\*.*"
    r"|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|$)"
    # Only E'...' has a backslash that escapes, also where it goes on in another line.
    rf"|\b[eE]'{_ESCAPED}(?:'\s*\n\s*'{_ESCAPED})*(?:'|\\?$)|'(?:[^']|'')*(?:'|$)"
    r"|(?<![\w$])\.?\d[\w.]*(?:(?<=[eE])[+-]\d+)?",
    re.DOTALL,
)
_POOL = re.compile(
    r"^db_client_connection_(count|max|pending_requests)\{([^}]*)\} ([\d.]+)",
    re.MULTILINE,
)


class Session(NamedTuple):
    """A session of the database: whose, what it does, since when in seconds."""

    application: str
    state: str
    seconds: float | None
    query: str


async def watch(
    out: TextIO,
    *,
    metrics_url: str | None = None,
    times: int | None = None,
) -> None:
    """Show once a second what happens, until the process is interrupted.

    DANGER: it asks the server each time, so a database that would sleep stays awake.

    Args:
        out: A terminal shows the latest view only.
        metrics_url: Where a running application has its metrics for Prometheus.
        times: How often; by default without end.

    Raises:
        DatabaseUnavailable: The database cannot be reached, or no longer.
    """
    engine = build_single_engine(get_primary_connect_args())
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    latencies: deque[float] = deque(maxlen=_REMEMBERED)
    clear = _CLEAR_SCREEN if out.isatty() else ""
    async with engine.connect() as connection:
        for number in count(1):
            started = time.perf_counter()
            sessions = await find_sessions(connection)
            latencies.append(1000 * (time.perf_counter() - started))
            lines = [describe_latencies(latencies), *describe_sessions(sessions)]
            if metrics_url is not None:
                lines += describe_pools(metrics_url)
            print(clear, "\n".join(lines), sep="", file=out, flush=True)
            if number == times:
                return
            await asyncio.sleep(INTERVAL_SECONDS)


async def find_sessions(connection: AsyncConnection) -> list[Session]:
    """Return the other sessions of the database, the longest statement first."""
    with translate_errors():
        rows = await connection.execute(_SESSIONS)
    sessions = [Session(*row) for row in rows]
    return sorted(sessions, key=lambda session: session.seconds or 0, reverse=True)


def describe_latencies(latencies: deque[float]) -> str:
    """Say how long the server took to answer, now and before."""
    median, most = statistics.median(latencies), max(latencies)
    now = f"round trip  {latencies[-1]:.1f} ms"
    return f"{now}, median {median:.1f}, at most {most:.1f}"


def describe_sessions(sessions: list[Session]) -> list[str]:
    """Say who is connected, and which statements take longest, without their values."""
    counts = Counter((session.application, session.state) for session in sessions)
    lines = ["", "sessions"]
    lines += [f"  {n:4} {who}, {state}" for (who, state), n in sorted(counts.items())]
    lines += ["", "longest statements"]
    working = [s for s in sessions if s.state != "idle" and s.seconds is not None]
    for session in working[:_SHOWN]:
        query = " ".join(hide_literals(session.query).split())[:_QUERY_WIDTH]
        lines.append(f"  {session.seconds:7.1f} s {session.state}: {query}")
    return lines


def hide_literals(query: str) -> str:
    """Return a statement with a question mark for each value and each comment."""
    return _LITERAL.sub(lambda match: match["name"] or "?", query)


def describe_pools(metrics_url: str) -> list[str]:
    """Say how an application's pools are used, as it says itself."""
    try:
        with urlopen(metrics_url, timeout=2) as response:
            page = response.read().decode()
    except (OSError, ValueError) as error:
        return ["", f"pools: {type(error).__name__} from the metrics"]
    lines = ["", "pools"]
    for name, labels, value in _POOL.findall(page):
        lines.append(f"  {float(value):4.0f} {name} {labels}")
    return lines
