"""Health over HTTP: is the process alive, may it take traffic, how is the database?"""

import asyncio
import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.config.settings import get_settings
from app.db.check import (
    ConnectionReport,
    check_connection,
)
from app.db.errors import DatabaseUnavailable
from app.db.failures import Reason
from app.db.monitoring import (
    PoolStats,
    get_pool_stats,
)

router = APIRouter(prefix="/health", include_in_schema=False)


class DatabaseCheck:
    """Asks the database once, however many want to know at the same time."""

    def __init__(self) -> None:
        self._running: asyncio.Future[ConnectionReport] | None = None
        self._latest: ConnectionReport | Reason = "unavailable"
        self._expires = 0.0

    async def ask(self) -> ConnectionReport | Reason:
        """Return the database's answer, or why there is none in `DB_HEALTH_TIMEOUT`."""
        running = self._running
        if running is None or running.done():
            running = asyncio.ensure_future(check_connection())
            # Its error is seen even if nobody waits for it any more.
            running.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._running = running
        # Not cancelled when time is up: a driver may take seconds to give up on a dead
        # socket, and whoever asks meanwhile shares this attempt instead of adding one.
        await asyncio.wait({running}, timeout=get_settings().DB_HEALTH_TIMEOUT)
        if not running.done():
            return "timeout"
        try:
            return running.result()
        except DatabaseUnavailable as error:
            return error.reason

    async def ask_or_repeat(self) -> ConnectionReport | Reason:
        """Return the latest answer, asked for again after `DB_HEALTH_CACHE_TTL`."""
        if time.monotonic() >= self._expires:
            self._latest = await self.ask()
            self._expires = time.monotonic() + get_settings().DB_HEALTH_CACHE_TTL
        return self._latest


database_check = DatabaseCheck()


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer as long as the process can: no I/O, so that a database may sleep."""
    return {"status": "pass"}


@router.get("/ready")
async def ready() -> JSONResponse:
    """Answer 503 while the database cannot be reached. A busy pool is no reason to."""
    if _is_full(get_pool_stats()):
        return JSONResponse({"status": "warn"})
    answer = await database_check.ask_or_repeat()
    if isinstance(answer, ConnectionReport):
        return JSONResponse({"status": "pass"})
    return JSONResponse({"status": "fail", "error": answer}, status_code=503)


@router.get("/db")
async def database() -> JSONResponse:
    """Ask the database now, for people and for deployments.

    A probe that calls this more often than every five minutes keeps a compute awake.
    """
    answer = await database_check.ask()
    stats = get_pool_stats()
    body: dict[str, Any] = {"pool": asdict(stats)}
    if isinstance(answer, ConnectionReport):
        body |= {"latency_ms": answer.latency_ms, "database": answer.database}
        return JSONResponse({"status": "pass"} | body)
    if _is_full(stats):
        return JSONResponse({"status": "warn", "error": "pool_exhausted"} | body)
    return JSONResponse({"status": "fail", "error": answer} | body, status_code=503)


def _is_full(stats: PoolStats) -> bool:
    return 0 < stats.max <= stats.used
