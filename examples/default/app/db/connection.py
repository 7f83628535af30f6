"""The one engine of this process: get it, check it, dispose of it."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from sqlalchemy import URL, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config.settings import get_settings
from app.db.engine import build_engine
from app.db.errors import unavailable_as_such
from app.db.url import (
    Endpoint,
    build_endpoint,
    is_pooled,
    parse_url,
    to_direct,
)

_PROBE = select(
    func.current_database(),
    func.current_user(),
    func.current_setting("server_version"),
)

_engines: dict[str, AsyncEngine] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a server said when it was asked.

    Attributes:
        database: The database's name.
        user: The role that queries run as.
        server_version: Such as `18.1`.
        latency_ms: Milliseconds that one query took, there and back.
        is_tls: Whether the connection is encrypted.
        is_pooled: Whether a transaction pooler is in between.
    """

    database: str
    user: str
    server_version: str
    latency_ms: float
    is_tls: bool
    is_pooled: bool


def get_engine() -> AsyncEngine:
    """Return the engine of this process, built on first use.

    Nothing connects until the first query. A forked child builds its own, for two
    processes that share a connection corrupt it.

    Raises:
        ValueError: `DB_URL` is no PostgreSQL URL.
    """
    return _get_engine("primary", get_settings().DB_URL, setting="DB_URL")


def get_read_engine() -> AsyncEngine:
    """Return the engine for reading, on which every statement is its own transaction.

    It leads to `DB_REPLICA_URL`, or shares the pool of `get_engine()` if that is unset.

    Raises:
        ValueError: `DB_REPLICA_URL` is no PostgreSQL URL.
    """
    replica = get_settings().DB_REPLICA_URL
    if replica is None:
        engine = get_engine()
    else:
        engine = _get_engine("replica", replica, setting="DB_REPLICA_URL")
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def build_direct_engine() -> AsyncEngine:
    """Return a new engine past the pooler, for migrations and session-level locks.

    It keeps no connection and has no time limits. The caller disposes of it.

    Raises:
        ValueError: The URL is malformed, or none is known that leads past the pooler.
    """
    settings = get_settings()
    if settings.DB_DIRECT_URL is not None:
        url = _parse(settings.DB_DIRECT_URL, setting="DB_DIRECT_URL")
    elif settings.DB_POOLED:
        raise ValueError("set DB_DIRECT_URL: DB_POOLED says that DB_URL is pooled")
    else:
        url = to_direct(_parse(settings.DB_URL, setting="DB_URL"))
    return build_engine(_build_endpoint(url, pooled=False, limits={}), name="direct")


async def check_connection() -> ConnectionReport:
    """Connect once and report what the server says.

    Raises:
        DatabaseUnavailable: No connection could be made.
    """
    engine = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    with unavailable_as_such():
        async with engine.connect() as connection:
            started = time.perf_counter()
            database, user, version = (await connection.execute(_PROBE)).one()
            latency = time.perf_counter() - started
            pooled = await connection.get_raw_connection()
            is_tls = _is_tls(pooled.driver_connection)
    return ConnectionReport(
        database=database,
        user=user,
        server_version=version,
        latency_ms=round(latency * 1000, 2),
        is_tls=is_tls,
        is_pooled=_is_pooled(engine.url),
    )


async def dispose_engine() -> None:
    """Close the connections of this process. The next query starts afresh."""
    with _lock:
        engines = list(_engines.values())
        _engines.clear()
    for engine in engines:
        await engine.dispose()


def _get_engine(name: str, secret: SecretStr, *, setting: str) -> AsyncEngine:
    if (engine := _engines.get(name)) is not None:
        return engine
    with _lock:
        if name not in _engines:
            settings = get_settings()
            url = _parse(secret, setting=setting)
            limits = settings.get_server_limits()
            _engines[name] = build_engine(
                _build_endpoint(url, pooled=_is_pooled(url), limits=limits),
                name=name,
                pool=settings.get_pool_config(),
                echo=settings.DB_ECHO,
            )
        return _engines[name]


def _build_endpoint(url: URL, *, pooled: bool, limits: dict[str, str]) -> Endpoint:
    settings = get_settings()
    return build_endpoint(
        url,
        pooled=pooled,
        application_name=settings.DB_APPLICATION_NAME,
        connect_timeout=settings.DB_CONNECT_TIMEOUT,
        server_settings=limits,
        root_cert=settings.DB_SSL_ROOT_CERT,
    )


def _parse(secret: SecretStr, *, setting: str) -> URL:
    return parse_url(secret.get_secret_value(), setting=setting)


def _is_pooled(url: URL) -> bool:
    configured = get_settings().DB_POOLED
    return is_pooled(url) if configured is None else configured


def _is_tls(driver_connection: Any) -> bool:
    """Ask the client's end: a proxy such as Neon's ends TLS before the server."""
    return bool(driver_connection.pgconn.ssl_in_use)


def _forget_engines() -> None:
    """Leave the parent's connections to the parent, without closing them."""
    global _lock
    _lock = threading.Lock()
    for engine in _engines.values():
        engine.sync_engine.dispose(close=False)
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_engines)
