"""Connect a FastAPI application to the database."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic_settings import SettingsError

from .check import check_connection
from .connection import dispose_engine
from .errors import DatabaseUnavailable, describe
from .gauges import build_metrics_app
from .health import build_health_router, note_result
from .problems import add_error_handlers
from .route import remember_request
from .settings import get_settings

_ASGI = Callable[..., Awaitable[None]]


def add_database(app: FastAPI) -> None:
    """Connect an application to the database.

    - Start: the connection is checked. Without a database, the process does not start,
      and says why in one line.
    - End: the connections are closed.
    - Health: `/health/live`, `/health/ready` and `/health/db`.
    - Errors: what the database refuses is answered with a 409, 422, 503 or 504 and
      logged in one line. Your own handlers of these exceptions stay.
    - Metrics: Prometheus reads `/metrics`.

    The application keeps its own `lifespan`, which begins before this one and ends
    after it.

    Args:
        app: The application. Call this once, before it starts.
    """
    app.include_router(APIRouter(lifespan=_lifespan))
    app.include_router(build_health_router())
    add_error_handlers(app)
    app.add_middleware(remember_request)
    app.add_middleware(_shorten_start_failure)
    app.mount("/metrics", build_metrics_app())


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    try:
        await _check()
        yield
    finally:
        await dispose_engine()


async def _check() -> None:
    try:
        # Twice, because the driver applies its timeout to each address of the host.
        async with asyncio.timeout(2 * get_settings().DB_CONNECT_TIMEOUT):
            note_result(await check_connection())
    except TimeoutError as error:
        raise DatabaseUnavailable("timeout") from error


def _shorten_start_failure(app: _ASGI) -> _ASGI:
    """Have the server log why the application does not start, in one line.

    It logs the `message` of this ASGI event, which Starlette fills with a traceback:
    https://asgi.readthedocs.io/en/latest/specs/lifespan.html#startup-failed-send-event
    """

    def run(scope: dict[str, Any], receive: _ASGI, send: _ASGI) -> Awaitable[None]:
        async def shorten(event: dict[str, Any]) -> None:
            # The error that Starlette handles while it sends the event.
            error = sys.exception()
            if event["type"] == "lifespan.startup.failed":
                if isinstance(error, DatabaseUnavailable):
                    event["message"] = describe(error)
                elif isinstance(error, SettingsError):
                    event["message"] = str(error)
            await send(event)

        return app(scope, receive, shorten if scope["type"] == "lifespan" else send)

    return run
