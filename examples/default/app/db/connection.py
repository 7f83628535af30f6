"""The one engine of this process: get it, dispose of it."""

import os
import threading
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config.settings import get_settings
from app.db.dialect import LEAN_DRIVERNAME
from app.db.endpoint import (
    Endpoint,
    build_endpoint,
)
from app.db.engine import build_engine
from app.db.url import (
    is_pooler,
    parse_url,
    to_direct,
)


@dataclass(frozen=True, slots=True)
class _Engines:
    """Two ways to use one pool: in transactions, and a transaction a statement."""

    default: AsyncEngine
    autocommit: AsyncEngine


_engines: dict[str, _Engines] = {}
_lock = threading.Lock()


def get_engine() -> AsyncEngine:
    """Return the engine of this process, built on first use.

    Nothing connects until the first query. A forked child builds its own, for two
    processes that share a connection corrupt it.

    Raises:
        ValueError: `DB_URL` is no PostgreSQL URL.
    """
    return _get_engines("primary", get_settings().DB_URL, setting="DB_URL").default


def get_read_engine() -> AsyncEngine:
    """Return the engine for reading, on which every statement is its own transaction.

    It leads to `DB_REPLICA_URL`, or shares the pool of `get_engine()` if that is unset.

    Raises:
        ValueError: `DB_REPLICA_URL` is no PostgreSQL URL.
    """
    settings = get_settings()
    if settings.DB_REPLICA_URL is None:
        return _get_engines("primary", settings.DB_URL, setting="DB_URL").autocommit
    replica = _get_engines("replica", settings.DB_REPLICA_URL, setting="DB_REPLICA_URL")
    return replica.autocommit


def build_direct_engine() -> AsyncEngine:
    """Return a new engine past the pooler, for migrations and session-level locks.

    It keeps no connection and has no time limits. The caller disposes of it.

    Raises:
        ValueError: The URL is malformed, or none is known that leads past the pooler.
    """
    settings = get_settings()
    if settings.DB_DIRECT_URL is not None:
        setting = "DB_DIRECT_URL"
        url = parse_url(settings.DB_DIRECT_URL.get_secret_value(), setting=setting)
    elif settings.DB_POOLED:
        raise ValueError("set DB_DIRECT_URL: DB_POOLED says that DB_URL is pooled")
    else:
        setting = "DB_URL"
        url = to_direct(parse_url(settings.DB_URL.get_secret_value(), setting=setting))
    endpoint = _build_endpoint(url, setting=setting, pooled=False, server_settings={})
    return build_engine(endpoint, name="direct")


def is_pooled(url: URL) -> bool:
    """Whether a transaction pooler is behind `url`: by `DB_POOLED`, or by its name."""
    configured = get_settings().DB_POOLED
    return is_pooler(url) if configured is None else configured


async def dispose_engine() -> None:
    """Close the connections of this process. The next query starts afresh."""
    with _lock:
        disposed = list(_engines.values())
        _engines.clear()
    for engines in disposed:
        await engines.default.dispose()


def _get_engines(name: str, secret: SecretStr, *, setting: str) -> _Engines:
    if (engines := _engines.get(name)) is not None:
        return engines
    with _lock:
        if name not in _engines:
            settings = get_settings()
            url = parse_url(secret.get_secret_value(), setting=setting)
            engine = build_engine(
                _build_endpoint(
                    url.set(drivername=LEAN_DRIVERNAME),
                    setting=setting,
                    pooled=is_pooled(url),
                    server_settings=settings.get_server_settings(),
                ),
                name=name,
                pool=settings.get_pool_config(),
                max_age=settings.DB_POOL_RECYCLE,
                max_idle=settings.DB_POOL_IDLE_TIMEOUT,
                echo=settings.DB_ECHO,
            )
            autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
            _engines[name] = _Engines(engine, autocommit)
        return _engines[name]


def _build_endpoint(
    url: URL,
    *,
    setting: str,
    pooled: bool,
    server_settings: dict[str, str],
) -> Endpoint:
    settings = get_settings()
    return build_endpoint(
        url,
        setting=setting,
        pooled=pooled,
        application_name=settings.DB_APPLICATION_NAME,
        connect_timeout=settings.DB_CONNECT_TIMEOUT,
        server_settings=server_settings,
        root_cert=settings.DB_SSL_ROOT_CERT,
        must_verify=settings.is_production,
    )


def _forget_engines() -> None:
    """Leave the parent's connections to the parent, without closing them."""
    global _lock
    _lock = threading.Lock()
    for engines in _engines.values():
        engines.default.sync_engine.dispose(close=False)
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_engines)
