"""The engines that exist: of each name one for this process and event loop."""

import asyncio
import os
import threading
from collections.abc import Callable

from sqlalchemy import Pool
from sqlalchemy.ext.asyncio import AsyncEngine

_engines: dict[tuple[asyncio.AbstractEventLoop | None, str], AsyncEngine] = {}
_inherited: list[Pool] = []
_lock = threading.Lock()


def get_or_build(name: str, build: Callable[[], AsyncEngine]) -> AsyncEngine:
    """Return the engine of a name, and build it if there is none yet."""
    key = (_get_loop(), name)
    if (engine := _engines.get(key)) is not None:
        return engine
    with _lock:
        if key not in _engines:
            _forget_closed_loops()
            # The first loop takes the one that was built at import, where none ran.
            unbound = _engines.pop((None, name), None)
            _engines[key] = unbound or build()
        return _engines[key]


def pop_engines() -> list[AsyncEngine]:
    """Remove and return the engines of this event loop."""
    with _lock:
        keys = [key for key in _engines if key[0] is _get_loop()]
        return [_engines.pop(key) for key in keys]


def forget_engines() -> None:
    """Drop the engines of all event loops. Only those could close the connections."""
    with _lock:
        _engines.clear()


def list_pools() -> list[Pool]:
    """Return the pools of all engines whose event loops are not closed."""
    found = list(_engines.items())
    return [engine.pool for (loop, _), engine in found if not _is_closed(loop)]


def _get_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _forget_closed_loops() -> None:
    """Drop the engines of event loops that have ended, as after `asyncio.run`.

    Nobody can use or close their connections any more.
    """
    for loop, name in list(_engines):
        if _is_closed(loop):
            engine = _engines.pop((loop, name)).sync_engine
            engine.dispose(close=False)


def _is_closed(loop: asyncio.AbstractEventLoop | None) -> bool:
    return loop is not None and loop.is_closed()


def _forget_engines() -> None:
    """Leave the parent's connections to the parent, without closing them.

    They are not even garbage-collected: a driver would close the socket, or take it out
    of the selector of an event loop, which the parent uses too.
    """
    global _lock
    _lock = threading.Lock()
    for engine in _engines.values():
        _inherited.append(engine.pool)
        engine.sync_engine.dispose(close=False)
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_engines)
