"""Why there is no connection is recognised, from whatever a driver says."""

import errno
import socket
import ssl

import pytest

from app.db.engine.failures import is_timeout, recognise

# What a server answers, or a pooler or a proxy before it.
ANSWERED = [
    ('password authentication failed for user "timed out"', "authentication"),
    ("password authentication failed for user 'ssl'", "authentication"),
    ('role "x" is not permitted to log in', "authentication"),
    ('no pg_hba.conf entry for host "::1", user "x", no encryption', "authentication"),
    ("remaining connection slots are reserved", "too_many_connections"),
    ('too many connections for role "someone"', "too_many_connections"),
    ('too many connections for database "name"', "too_many_connections"),
    ("no more connections allowed (max_client_conn)", "too_many_connections"),
    ('database "quota" does not exist', "database_not_found"),
    ("no such database: nowhere", "database_not_found"),
    ('permission denied for database "name"', "permission_denied"),
    ("the database system is starting up", "not_ready"),
    ("the database system is shutting down", "not_ready"),
    ("the database system is in recovery mode", "not_ready"),
    ("the database system is not yet accepting connections", "not_ready"),
    ('database "name" is not currently accepting connections', "not_ready"),
    ("Couldn't connect to compute node", "not_ready"),
    ("out of memory", "out_of_memory"),
    ("terminating connection due to administrator command", "disconnected"),
    ("connection is insecure (try using `sslmode=require`)", "tls"),
    ("unsupported startup parameter in options: lock_timeout", "pooler"),
    ("You have exceeded the compute time quota", "quota_exceeded"),
    ('could not access file "x": No such file or directory', "unavailable"),
]


@pytest.mark.parametrize(("said", "reason"), ANSWERED)
def test_an_answer_of_a_server_is_recognised(said: str, reason: str) -> None:
    as_libpq_quotes_it = f'connection to server at "ssl" failed: FATAL:  {said}\n'

    assert recognise(Exception(said), is_answer=True) == reason
    assert recognise(Exception(as_libpq_quotes_it), is_answer=False) == reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("certificate verify failed", "tls"),
        ("SSL connection has been closed unexpectedly", "disconnected"),
        ("SSL SYSCALL error: EOF detected", "disconnected"),
        ("SSL connection is closed", "disconnected"),
        ("SSL error: unexpected eof while reading", "disconnected"),
        ('connection to server at "ssl", port 1 failed: timeout expired', "timeout"),
        ("Temporary failure in name resolution", "unreachable"),
        ("something that nobody has seen", "unavailable"),
    ],
)
def test_what_the_client_finds_by_itself_is_recognised(said: str, reason: str) -> None:
    assert recognise(Exception(said), is_answer=False) == reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refused"),
        (ConnectionResetError(), "disconnected"),
        (OSError(errno.EHOSTUNREACH, "Connect call failed"), "unreachable"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "host_not_found"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "unreachable"),
        (UnicodeError("encoding with 'idna' codec failed"), "host_not_found"),
        (ssl.SSLEOFError(), "disconnected"),
        (ssl.SSLCertVerificationError(), "tls"),
    ],
)
def test_what_a_socket_raises_is_recognised(error: Exception, reason: str) -> None:
    assert recognise(error, is_answer=False) == reason


def test_an_answer_counts_more_than_another_address() -> None:
    said = "failed: FATAL:  sorry, too many clients already\nConnection refused"

    assert recognise(Exception(said), is_answer=False) == "too_many_connections"


def test_a_network_that_drops_packets_can_be_the_cause_of_a_loss() -> None:
    lost = Exception("the connection is gone")
    lost.__cause__ = TimeoutError()

    assert is_timeout(lost)
    assert is_timeout(Exception("could not receive data: Connection timed out"))
    assert not is_timeout(Exception("SSL SYSCALL error: EOF detected"))
