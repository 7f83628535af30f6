"""Connect a FastAPI application to the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from prometheus_client import make_asgi_app

from .check import check_connection
from .connection import dispose_engine
from .errors import add_error_handlers
from .health import build_health_router
from .settings import get_settings


def add_database(app: FastAPI) -> None:
    """Connect an application to the database.

    - Start: the connection is checked. Without a database, the process does not start.
    - End: the connections are closed.
    - Health: `/health/live`, `/health/ready` and `/health/db`.
    - Errors: `DatabaseUnavailable` is answered with a 503 and `Retry-After`.
    - Metrics: Prometheus reads `/metrics`.

    The application keeps its own `lifespan`, which begins before this one and ends
    after it.

    Args:
        app: The application. Call this once, before it starts.
    """
    app.include_router(APIRouter(lifespan=_lifespan))
    app.include_router(build_health_router())
    add_error_handlers(app)
    app.mount("/metrics", make_asgi_app())


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    try:
        # Twice, because the driver applies its timeout to each address of the host.
        async with asyncio.timeout(2 * get_settings().DB_CONNECT_TIMEOUT):
            await check_connection()
        yield
    finally:
        await dispose_engine()
