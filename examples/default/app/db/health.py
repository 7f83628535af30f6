"""Health over HTTP: is the process alive, may it take traffic, how is the database?"""

import asyncio
import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError

from .check import ConnectionReport, check_connection
from .connection import get_engine, get_pool_stats
from .engine.reasons import Reason
from .errors import DatabaseUnavailable, find_reason
from .leaks import count_held
from .meter import latest_check
from .settings import get_settings

FAILURE_SECONDS = 2.0
"""How long readiness repeats at most that the database cannot be reached."""

# Not the fault of the database.
_WARNINGS: frozenset[Reason] = frozenset({"pool_exhausted", "read_only"})
# The task that runs a check.
_HOLDER = "health check"


def build_health_router() -> APIRouter:
    """Build the routes `/health/live`, `/health/ready` and `/health/db`."""
    router = APIRouter(prefix="/health", include_in_schema=False)
    shared_check = _SharedCheck()

    @router.get("/live")
    async def live() -> dict[str, str]:
        """Answer while the process can. Does no I/O, so that a database may sleep."""
        return {"status": "pass"}

    @router.get("/ready")
    async def ready() -> JSONResponse:
        """Answer 503 while the database cannot be reached.

        While all connections are in use, the answer is 200 and "warn". DANGER: the
        database is not asked then, so this does not notice that all of them wait for
        it, until their limits end them. A database that cannot be written to is a
        "warn" too, because reads still work.
        """
        if _is_full():
            return _answer("pool_exhausted", {})
        return _answer(await shared_check.get_cached(), {})

    @router.get("/db")
    async def database() -> JSONResponse:
        """Ask the database now, for people and for deployments.

        A probe that calls this more often than every five minutes keeps a compute
        awake.
        """
        result = await shared_check.run()
        body: dict[str, Any] = {"pool": asdict(get_pool_stats())}
        if isinstance(result, ConnectionReport):
            body |= {"latency_ms": result.latency_ms, "database": result.database}
        return _answer(result, body)

    return router


class _SharedCheck:
    """Runs one check at a time, and shares its result between all who wait for it."""

    def __init__(self) -> None:
        self._running: asyncio.Future[ConnectionReport] | None = None
        self._latest: ConnectionReport | Reason = "unavailable"
        self._expires = 0.0

    async def run(self) -> ConnectionReport | Reason:
        """Return the report, or why there is none within `DB_HEALTH_TIMEOUT`."""
        running = self._running
        loop = asyncio.get_running_loop()
        # A loop that has ended takes with it what it ran.
        if running is None or running.done() or running.get_loop() is not loop:
            running = asyncio.create_task(check_connection(), name=_HOLDER)
            running.add_done_callback(_retrieve_exception)
            self._running = running
        # Not cancelled after the timeout: a driver may need seconds to give up on a
        # dead socket, and the next callers share this attempt instead of adding one.
        await asyncio.wait({running}, timeout=get_settings().DB_HEALTH_TIMEOUT)
        result: ConnectionReport | Reason = "timeout"
        if running.done():
            try:
                result = running.result()
            except (DatabaseUnavailable, DBAPIError) as error:
                result = find_reason(error) or "unavailable"
        elif _is_queueing():
            result = "pool_exhausted"
        note_result(result)
        return result

    async def get_cached(self) -> ConnectionReport | Reason:
        """Return the latest result, renewed after `DB_HEALTH_CACHE_TTL`.

        A failure is renewed after two seconds, so that a recovery is noticed.
        """
        if time.monotonic() >= self._expires:
            self._latest = await self.run()
            lifetime = get_settings().DB_HEALTH_CACHE_TTL
            if not isinstance(self._latest, ConnectionReport):
                lifetime = min(lifetime, FAILURE_SECONDS)
            self._expires = time.monotonic() + lifetime
        return self._latest


def note_result(result: ConnectionReport | Reason) -> None:
    """Keep what the metrics say about the latest check, if the database was asked."""
    if result != "pool_exhausted":
        latest_check.is_ready = isinstance(result, ConnectionReport)
    # Behind a pooler there are fewer connections to the server than ours.
    if isinstance(result, ConnectionReport) and not result.is_pooled:
        latest_check.server_limit = result.max_connections


def _retrieve_exception(future: asyncio.Future[ConnectionReport]) -> None:
    """Mark an error as seen, or asyncio logs "exception was never retrieved"."""
    if not future.cancelled():
        future.exception()


def _answer(result: ConnectionReport | Reason, body: dict[str, Any]) -> JSONResponse:
    """Answer what a check came to."""
    if not isinstance(result, ConnectionReport):
        error = result
    elif result.is_read_only:
        error = "read_only"
    else:
        return JSONResponse({"status": "pass"} | body)
    status, code = ("warn", 200) if error in _WARNINGS else ("fail", 503)
    return JSONResponse({"status": status, "error": error} | body, status_code=code)


def _is_full() -> bool:
    """Whether others than the check use all connections that the pool may open."""
    return 0 < get_pool_stats().limit <= _count_used()


def _is_queueing() -> bool:
    """Whether callers wait for connections that others than the check use."""
    return get_pool_stats().pending > 0 and _count_used() > 0


def _count_used() -> int:
    return count_held(get_engine().pool, besides=_HOLDER)
