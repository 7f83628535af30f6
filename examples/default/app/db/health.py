"""Health over HTTP: is the process alive, may it take traffic, how is the database?"""

import asyncio
import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError

from .check import ConnectionReport, check_connection
from .connection import get_pool_stats
from .engine.reasons import Reason
from .errors import DatabaseUnavailable, find_reason
from .meter import latest_check
from .monitoring import PoolStats
from .settings import get_settings

FAILURE_SECONDS = 2.0
"""How long readiness repeats at most that the database cannot be reached."""


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

        A full pool is answered with 200 and "warn". DANGER: the database is not asked
        then, so this does not notice when the pool is full because the database hangs.
        A database that cannot be written to is a "warn" too, because reads still work.
        """
        if _is_full(get_pool_stats()):
            return JSONResponse({"status": "warn"})
        result = await shared_check.get_cached()
        if not isinstance(result, ConnectionReport):
            return JSONResponse({"status": "fail", "error": result}, status_code=503)
        return JSONResponse(_get_status(result))

    @router.get("/db")
    async def database() -> JSONResponse:
        """Ask the database now, for people and for deployments.

        A probe that calls this more often than every five minutes keeps a compute
        awake.
        """
        result = await shared_check.run()
        stats = get_pool_stats()
        body: dict[str, Any] = {"pool": asdict(stats)}
        if isinstance(result, ConnectionReport):
            body |= {"latency_ms": result.latency_ms, "database": result.database}
            return JSONResponse(_get_status(result) | body)
        if _is_full(stats):
            return JSONResponse({"status": "warn", "error": "pool_exhausted"} | body)
        return JSONResponse({"status": "fail", "error": result} | body, status_code=503)

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
        if running is None or running.done():
            running = asyncio.ensure_future(check_connection())
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
    """Keep what the metrics say about the latest check."""
    latest_check.is_ready = isinstance(result, ConnectionReport)
    # Behind a pooler there are fewer connections to the server than ours.
    if isinstance(result, ConnectionReport) and not result.is_pooled:
        latest_check.server_limit = result.max_connections


def _retrieve_exception(future: asyncio.Future[ConnectionReport]) -> None:
    """Mark an error as seen, or asyncio logs "exception was never retrieved"."""
    if not future.cancelled():
        future.exception()


def _get_status(report: ConnectionReport) -> dict[str, str]:
    if report.is_read_only:
        return {"status": "warn", "error": "read_only"}
    return {"status": "pass"}


def _is_full(stats: PoolStats) -> bool:
    return 0 < stats.limit <= stats.used
