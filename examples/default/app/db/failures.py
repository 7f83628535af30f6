"""How a database can be unavailable: one table of causes, and what to do about each."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import TimeoutError as PoolTimeoutError

Reason = Literal[
    "authentication",
    "database_not_found",
    "disconnected",
    "host_not_found",
    "pool_exhausted",
    "pooler",
    "quota_exceeded",
    "refused",
    "starting_up",
    "timeout",
    "tls",
    "too_many_connections",
    "unavailable",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A way in which the database is unavailable, and how it is recognised.

    libpq gives no SQLSTATE while it connects, and Neon's proxy XX000 for every error of
    its own, so the text has to do.

    Attributes:
        reason: The word that a client may see.
        hint: What to look at, for the log.
        is_transient: Whether trying again can help.
        texts: Lower-case parts of the driver's message.
        types: Exceptions that mean this whatever they say.
    """

    reason: Reason
    hint: str
    is_transient: bool = False
    texts: tuple[str, ...] = ()
    types: tuple[type[Exception], ...] = ()


_UNKNOWN = Failure(
    reason="unavailable",
    hint="the driver's message says more",
    is_transient=True,
)

FAILURES = (
    Failure(
        reason="pool_exhausted",
        hint="every connection is in use: is one held too long, or DB_POOL_SIZE too small?",
        is_transient=True,
        types=(PoolTimeoutError,),
    ),
    Failure(
        reason="timeout",
        hint="nothing answered in time: is port 5432 open, is DB_CONNECT_TIMEOUT enough?",
        is_transient=True,
        texts=("timeout expired", "timed out"),
        types=(TimeoutError,),
    ),
    Failure(
        reason="host_not_found",
        hint="the host name does not resolve: is it spelled as the dashboard has it?",
        texts=(
            "name or service not known",
            "nodename nor servname provided",
            "resolve host",
            "translate host name",
            # Neon's proxy, which finds the compute by the name of the host.
            "endpoint id is not specified",
            "endpoint could not be found",
            "endpoint cannot be found",
        ),
    ),
    Failure(
        reason="refused",
        hint="nothing listens there: are host and port right, does PostgreSQL run?",
        is_transient=True,
        texts=("connection refused", "no such file or directory"),
    ),
    Failure(
        reason="authentication",
        hint="the server refuses this user or password: was it rotated?",
        texts=(
            "authentication failed",
            "no password supplied",
            "no pg_hba.conf entry",
            'role "',
        ),
    ),
    Failure(
        reason="database_not_found",
        hint="the server has no such database: is the name at the end of the URL right?",
        texts=('database "', "no such database"),
    ),
    Failure(
        reason="tls",
        hint="TLS failed: does the host name match, is DB_SSL_ROOT_CERT the right CA?",
        texts=("certificate", "ssl", "connection is insecure"),
    ),
    Failure(
        reason="too_many_connections",
        hint="the server is full: use the pooled host, or a smaller DB_POOL_SIZE",
        is_transient=True,
        texts=("too many", "connection slots", "no more connections allowed"),
    ),
    Failure(
        reason="pooler",
        hint="a pooler refuses what only a direct connection may set: DB_POOLED=true",
        texts=("unsupported startup parameter",),
    ),
    Failure(
        reason="quota_exceeded",
        hint="the provider's quota is used up, or the endpoint disabled: see its console",
        texts=("quota", "endpoint is disabled"),
    ),
    Failure(
        reason="starting_up",
        hint="the server is waking up",
        is_transient=True,
        texts=("starting up", "couldn't connect to compute node"),
    ),
    Failure(
        reason="disconnected",
        hint="the server closed the connection: was it restarted or suspended?",
        is_transient=True,
        texts=("closed", "terminat", "reset by peer", "eof"),
    ),
)


def diagnose(error: Exception) -> Failure:
    """Return how the database is unavailable, by the first row that fits."""
    # Behind the prefix that quotes the host, whose name may be any word.
    text = str(error).lower().rpartition("failed: ")[2]
    for failure in FAILURES:
        if isinstance(error, failure.types) or any(t in text for t in failure.texts):
            return failure
    return _UNKNOWN
