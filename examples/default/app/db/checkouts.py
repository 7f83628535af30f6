"""Who holds the connections of an engine, and since when."""

import asyncio
import logging
import math
import threading
import time
from dataclasses import dataclass
from weakref import ref

from sqlalchemy import Engine
from sqlalchemy.pool import ConnectionPoolEntry

from .callstack import CallStack, format_call_stack, get_call_stack
from .route import Scope, describe_route, get_scope

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLeak:
    """A connection that was not returned in time.

    Attributes:
        pool: The name of its pool.
        held_seconds: Seconds since it was taken.
        holder: The task that took it.
        route: The route of the request that took it, such as `GET /notes/{note_id}`, or
            None outside of a request.
        stack: The call stack at checkout, innermost call first.
    """

    pool: str
    held_seconds: float
    holder: str
    route: str | None
    stack: str

    def __str__(self) -> str:
        what = f"connection of the pool {self.pool} held for {self.held_seconds:.1f} s"
        request = f"in {self.route}" if self.route else "outside of a request"
        return f"{what} by {self.holder} {request}"


@dataclass(slots=True)
class _Held:
    since: float
    holder: str
    scope: Scope | None
    stack: CallStack
    is_reported: bool = False


class Checkouts:
    """The connections of an engine that are in use.

    Attributes:
        engine: A reference to the engine, which does not keep it.
        leak_after: Seconds after which a held connection counts as leaked; `math.inf`
            records no call stacks.
        held: What is known of each connection.
    """

    def __init__(self, engine: Engine, leak_after: float) -> None:
        self.engine = ref(engine)
        self.leak_after = leak_after
        self.held: dict[ConnectionPoolEntry, _Held] = {}
        self._pool = engine.pool.logging_name or "default"
        # Reentrant: a connection may be garbage-collected, and so returned, meanwhile.
        self._lock = threading.RLock()

    def begin(self, _: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
        """Note who takes a connection: the listener itself, to save a call."""
        now = time.monotonic()
        if self.leak_after == math.inf:
            self.held[entry] = _Held(now, _get_holder(), None, [])
            return
        # Of the request only a reference: its route is found out for a report.
        stack = get_call_stack()
        self.held[entry] = _Held(now, _get_holder(), get_scope(), stack)

    def end(self, entry: ConnectionPoolEntry) -> float | None:
        """Note that a connection is back; return the seconds that it was held."""
        if (held := self.held.pop(entry, None)) is None:
            return None
        seconds = time.monotonic() - held.since
        if seconds >= self.leak_after:
            with self._lock:
                leak = self._report(held, seconds)
                place = leak.stack.partition("\n")[0].strip()
                logger.warning("%s came back, taken at %s", leak, place)
        return seconds

    def count(self, besides: str) -> int:
        """Return how many connections others than the holder `besides` have."""
        held = list(self.held.values())
        return sum(one.holder != besides for one in held)

    def find(self, threshold: float | None) -> list[ConnectionLeak]:
        """Return what is held for at least `threshold` seconds, or for too long."""
        now = time.monotonic()
        limit = self.leak_after if threshold is None else threshold
        held = [held for held in list(self.held.values()) if now - held.since >= limit]
        return [self._describe(one, now - one.since) for one in held]

    def report(self) -> float:
        """Log what has become a leak; return the seconds until something else can.

        What is taken from now on cannot before `leak_after`.
        """
        now = time.monotonic()
        pause = self.leak_after
        for entry, held in self.held.copy().items():
            seconds = now - held.since
            if seconds < self.leak_after:
                pause = min(pause, self.leak_after - seconds)
                continue
            with self._lock:
                if self.held.get(entry) is held:
                    self._report(held, seconds)
        return pause

    def _report(self, held: _Held, seconds: float) -> ConnectionLeak:
        leak = self._describe(held, seconds)
        if not held.is_reported:
            held.is_reported = True
            logger.warning("%s, taken at\n%s", leak, leak.stack)
        return leak

    def _describe(self, held: _Held, seconds: float) -> ConnectionLeak:
        return ConnectionLeak(
            pool=self._pool,
            held_seconds=seconds,
            holder=f"task {held.holder}",
            route=describe_route(held.scope),
            stack=format_call_stack(held.stack),
        )


def _get_holder() -> str:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return task.get_name() if task else "none"
