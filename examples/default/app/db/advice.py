"""What each failure means: the client's answer, whether to retry, what to look at."""

from typing import NamedTuple

from .answers import (
    CONFLICT,
    INVALID,
    TOO_SLOW,
    TRY_AGAIN,
    UNAVAILABLE,
    UNKNOWN,
    Answer,
)
from .engine.reasons import Reason


class Advice(NamedTuple):
    """What a failure means.

    Attributes:
        answer: What a client is told.
        hint: What to look at.
        sqlstates: PostgreSQL's codes for it.
    """

    answer: Answer
    hint: str
    sqlstates: tuple[str, ...] = ()


ADVICE: dict[Reason, Advice] = {
    "authentication": Advice(
        UNAVAILABLE,
        "the server refuses this user, password or address: was one of them changed?",
        ("28000", "28P01"),
    ),
    "check_violation": Advice(
        CONFLICT,
        "the table refuses a value: have the request's model check it",
        ("23000", "23514"),
    ),
    "database_not_found": Advice(
        UNAVAILABLE,
        "no such database: is the name at the end of the URL right?",
        ("3D000", "57P04"),
    ),
    "deadlock_detected": Advice(
        TRY_AGAIN,
        "two transactions wait for each other: have both take their locks in one order",
        ("40P01",),
    ),
    "disconnected": Advice(
        TRY_AGAIN,
        "the connection was closed: was the server restarted or suspended?",
        ("08000", "08001", "08003", "08004", "08006", "57P01", "57P02", "57P05"),
    ),
    "disk_full": Advice(
        UNAVAILABLE,
        "the server's disk, or the provider's limit of storage, is full",
        ("53100",),
    ),
    "exclusion_violation": Advice(
        CONFLICT,
        "the row overlaps another one: catch IntegrityError where that is expected",
        ("23P01",),
    ),
    "foreign_key_violation": Advice(
        CONFLICT,
        "a row that is referred to is missing, or one that is deleted is referred to",
        ("23001", "23503"),
    ),
    "host_not_found": Advice(
        UNAVAILABLE,
        "the host name does not resolve: is it that of the provider's dashboard?",
    ),
    "idle_in_transaction": Advice(
        UNAVAILABLE,
        "a transaction waited without a statement: do slow work outside of it",
        ("25P03",),
    ),
    "invalid_value": Advice(
        INVALID,
        "too long, too large or with a NUL: have the request's model check the value",
        ("22001", "22003", "22008", "22021", "22P05"),
    ),
    "lock_timeout": Advice(
        TRY_AGAIN,
        "another transaction holds the lock: make it shorter, or raise DB_LOCK_TIMEOUT",
        ("55P03",),
    ),
    "no_answer": Advice(
        TRY_AGAIN,
        "no answer in DB_STATEMENT_TIMEOUT: does the server, or a pooler, hang?",
    ),
    "not_null_violation": Advice(
        CONFLICT,
        "a column needs a value: have the request's model require it",
        ("23502",),
    ),
    "not_ready": Advice(
        TRY_AGAIN,
        "the server takes no connections: it starts, stops, recovers or is overloaded",
        ("57P03",),
    ),
    "out_of_memory": Advice(
        TRY_AGAIN,
        "the server has too little memory: lower work_mem, or the connections",
        ("53200",),
    ),
    "outcome_unknown": Advice(
        UNKNOWN,
        "the answer to COMMIT was lost: look whether the change was made",
        ("08007", "40003"),
    ),
    "permission_denied": Advice(
        UNAVAILABLE,
        "the role lacks a privilege: GRANT it, or check the row-level security",
        ("42501",),
    ),
    "pool_exhausted": Advice(
        TRY_AGAIN,
        "no connection is free: is one held too long, or DB_POOL_SIZE too small?",
    ),
    "pooler": Advice(
        UNAVAILABLE,
        "a pooler refuses what only a direct connection may set: DB_POOLED=true",
    ),
    "quota_exceeded": Advice(
        UNAVAILABLE,
        "a quota is used up, or the endpoint disabled: see the provider's console",
    ),
    "read_only": Advice(
        UNAVAILABLE,
        "the server or the role is read-only: does DB_URL lead to a replica?",
        ("25006",),
    ),
    "refused": Advice(
        TRY_AGAIN,
        "nothing listens there: are host and port right, does PostgreSQL run?",
    ),
    "schema_mismatch": Advice(
        UNAVAILABLE,
        "a table or column does not exist: is the database migrated?",
        ("42703", "42P01"),
    ),
    "serialization_failure": Advice(
        TRY_AGAIN,
        "another transaction changed the same rows: decorate with retry_transient",
        ("40001",),
    ),
    "statement_timeout": Advice(
        TOO_SLOW,
        "it was cancelled: is an index missing, or DB_STATEMENT_TIMEOUT too low?",
        ("25P04", "57014"),
    ),
    "timeout": Advice(
        TRY_AGAIN,
        "no answer in time: is port 5432 open, is DB_CONNECT_TIMEOUT long enough?",
    ),
    "tls": Advice(
        UNAVAILABLE,
        "TLS failed: does the host name match, is DB_SSL_ROOT_CERT the right CA?",
    ),
    "too_many_connections": Advice(
        TRY_AGAIN,
        "the server is full: use the pooled host, or a smaller DB_POOL_SIZE",
        ("53300",),
    ),
    "unavailable": Advice(TRY_AGAIN, "see the driver's message"),
    "unique_violation": Advice(
        CONFLICT,
        "such a row exists already: catch IntegrityError where that is expected",
        ("23505",),
    ),
    "unreachable": Advice(
        TRY_AGAIN,
        "no way to the host, or no answer from DNS: is the network or the VPN down?",
    ),
}
