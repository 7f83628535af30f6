"""What a metrics library is told about the pools and their server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .engine.reasons import Reason


class Meter(NamedTuple):
    """Functions to call when something happens. Durations are in seconds.

    Attributes:
        operation: A statement took so long.
        create: Opening a connection took so long.
        use: A connection was in use for so long.
        timeout: Somebody waited for a connection in vain.
        slow_query: A statement took longer than `DB_SLOW_QUERY_THRESHOLD`.
        connect_failure: No connection could be opened.
        disconnect: A connection was lost while it was in use.
    """

    operation: Callable[[float], None]
    create: Callable[[float], None]
    use: Callable[[float], None]
    timeout: Callable[[], None]
    slow_query: Callable[[], None]
    connect_failure: Callable[[Reason], None]
    disconnect: Callable[[Reason], None]


@dataclass
class LatestCheck:
    """What the latest check of the database found.

    Attributes:
        is_ready: Whether it succeeded; None before the first one.
        server_limit: Connections that the server has for all of its clients; 0 if that
            is unknown, and behind a pooler.
    """

    is_ready: bool | None = None
    server_limit: int = 0


latest_check = LatestCheck()
