"""Recognise why there is no connection, from what the driver or the socket says."""

import errno
import re
import socket
import ssl

from . import driver
from .reasons import Reason

_Texts = tuple[tuple[Reason, tuple[str, ...]], ...]

# What a server, a pooler or a proxy answers. Texts are in lower case and without quoted
# names; the first match counts.
_SERVER_TEXTS: _Texts = (
    (
        "too_many_connections",
        ("too many", "connection slots", "no more connections allowed"),
    ),
    (
        "authentication",
        (
            "authentication failed",
            "is not permitted to log in",
            "pg_hba.conf",
            'role "" does not exist',
        ),
    ),
    ("permission_denied", ("permission denied for database",)),
    (
        "not_ready",
        (
            "the database system is",
            "is not currently accepting connections",
            "could not fork",
            "couldn't connect to compute node",
        ),
    ),
    ("database_not_found", ('database "" does not exist', "no such database")),
    ("out_of_memory", ("out of memory",)),
    (
        "pooler",
        ("unsupported startup parameter", "rds proxy currently doesn't support"),
    ),
    ("quota_exceeded", ("quota", "endpoint is disabled")),
    # Neon's proxy finds the compute by the name of the host.
    (
        "host_not_found",
        (
            "endpoint id is not specified",
            "endpoint could not be found",
            "endpoint cannot be found",
        ),
    ),
    ("tls", ("connection is insecure",)),
    ("disconnected", ("terminating connection",)),
)

# What the client finds by itself if no server answers.
_CLIENT_TEXTS: _Texts = (
    ("timeout", ("timeout expired", "timed out")),
    ("authentication", ("no password supplied",)),
    # The server could not start a process for the connection. Clients do not show what
    # it says before TLS.
    ("not_ready", ("error response during ssl exchange",)),
    # Before TLS: over TLS the driver reports a closed socket as an error of TLS.
    (
        "disconnected",
        ("ssl syscall error", "unexpected eof", "closed", "reset by peer"),
    ),
    ("tls", ("certificate", "channel binding", "ssl")),
    ("unreachable", ("temporary failure in name resolution",)),
    *driver.FAILURE_TEXTS.items(),
    ("refused", ("connection refused", "no such file or directory")),
    ("unreachable", ("no route to host", "network is unreachable")),
)

_TYPES: tuple[tuple[type[Exception], Reason], ...] = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (FileNotFoundError, "refused"),
    (ssl.SSLEOFError, "disconnected"),
    (ssl.SSLError, "tls"),
    (ConnectionResetError, "disconnected"),
    (BrokenPipeError, "disconnected"),
    # A name with an empty or an overlong part, as in `db..example.com`.
    (UnicodeError, "host_not_found"),
)
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH)

# Names that could contain anything. An apostrophe inside a word is not a quote.
_QUOTED = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"")


def recognise(error: Exception, *, is_answer: bool) -> Reason:
    """Return why no connection could be opened.

    libpq reports all of its attempts, one for each address, in one text. What a server
    answers then counts more than what happened at another address.

    Args:
        error: What the driver or the socket raised.
        is_answer: Whether the error is known to come from a server.
    """
    text = _QUOTED.sub('""', str(error)).lower()
    for reason, parts in _SERVER_TEXTS:
        if any(part in text for part in parts):
            return reason
    # As libpq quotes a server.
    if is_answer or "fatal:  " in text or "error:  " in text:
        return "unavailable"
    if isinstance(error, socket.gaierror):
        is_temporary = error.errno == socket.EAI_AGAIN
        return "unreachable" if is_temporary else "host_not_found"
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return "unreachable"
    for kind, reason in _TYPES:
        if isinstance(error, kind):
            return reason
    for reason, parts in _CLIENT_TEXTS:
        if any(part in text for part in parts):
            return reason
    return "unavailable"


def is_timeout(error: BaseException | None) -> bool:
    """Whether a connection was lost because its peer did not answer in time."""
    while error is not None:
        if isinstance(error, TimeoutError) or "timed out" in str(error).lower():
            return True
        # With asyncpg the error of the socket is the cause.
        error = error.__cause__
    return False
