"""Recognise why a database is unavailable, from what the driver raises."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from . import driver
from .reasons import Reason
from .watchdog import NoAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    """How to recognise a reason for a failure to connect.

    SQLSTATE alone is not enough: libpq reports none while it connects, a failing socket
    has none, and Neon's proxy sends XX000 for all of its own errors.
    """

    reason: Reason
    sqlstates: AbstractSet[str] = frozenset()
    types: tuple[type[Exception], ...] = ()
    texts: tuple[str, ...] = ()

    def matches(self, error: Exception, sqlstate: str | None, text: str) -> bool:
        return (
            sqlstate in self.sqlstates
            or isinstance(error, self.types)
            or any(part in text for part in self.texts)
            or any(part in text for part in driver.FAILURE_TEXTS.get(self.reason, ()))
        )


# The first match counts. Texts are in lower case.
_PATTERNS = (
    _Pattern(
        reason="timeout",
        types=(TimeoutError,),
        texts=("timeout expired", "timed out"),
    ),
    _Pattern(
        reason="host_not_found",
        texts=(
            "name or service not known",
            "nodename nor servname provided",
            # Neon's proxy finds the compute by the name of the host.
            "endpoint id is not specified",
            "endpoint could not be found",
            "endpoint cannot be found",
        ),
    ),
    _Pattern(
        reason="refused",
        # The second one is the path of a socket.
        texts=("no such file or directory",),
    ),
    _Pattern(
        reason="too_many_connections",
        sqlstates={"53300"},
        texts=("too many", "connection slots", "no more connections allowed"),
    ),
    _Pattern(
        reason="authentication",
        sqlstates={"28000", "28P01"},
        texts=(
            "authentication failed",
            "no password supplied",
            "no pg_hba.conf entry",
            'role "',
        ),
    ),
    _Pattern(
        reason="database_not_found",
        sqlstates={"3D000"},
        texts=('database "', "no such database"),
    ),
    _Pattern(
        reason="tls",
        texts=("certificate", "ssl", "connection is insecure"),
    ),
    _Pattern(
        reason="pooler",
        texts=("unsupported startup parameter",),
    ),
    _Pattern(
        reason="quota_exceeded",
        texts=("quota", "endpoint is disabled"),
    ),
    _Pattern(
        reason="starting_up",
        sqlstates={"57P03"},
        texts=("starting up", "couldn't connect to compute node"),
    ),
    _Pattern(
        reason="disconnected",
        texts=("closed", "terminat", "reset by peer", "eof"),
    ),
)


def diagnose(error: Exception) -> Reason:
    """Return why no connection could be had.

    Args:
        error: What the pool, the driver or the socket raised.
    """
    if isinstance(error, PoolTimeoutError):
        return "pool_exhausted"
    sqlstate = driver.get_sqlstate(error)
    text = driver.get_message(error).lower()
    for pattern in _PATTERNS:
        if pattern.matches(error, sqlstate, text):
            return pattern.reason
    return "unavailable"


def diagnose_loss(error: BaseException | None) -> Reason:
    """Return why a connection was lost while it was in use.

    Args:
        error: The driver's error. Its text may name TLS, which is only how it noticed.
    """
    if isinstance(error, NoAnswer):
        return "no_answer"
    timed_out = isinstance(error, TimeoutError) or "timed out" in str(error).lower()
    return "timeout" if timed_out else "disconnected"
