"""The names of what can go wrong with a database, as clients may see them."""

from typing import Literal

Reason = Literal[
    # No connection can be had, or it was lost.
    "authentication",
    "database_not_found",
    "disconnected",
    "host_not_found",
    "no_answer",
    "not_ready",
    "outcome_unknown",
    "pool_exhausted",
    "pooler",
    "quota_exceeded",
    "refused",
    "timeout",
    "tls",
    "too_many_connections",
    "unavailable",
    "unreachable",
    # The server refuses a statement, by PostgreSQL's own names where it has one.
    "check_violation",
    "deadlock_detected",
    "disk_full",
    "exclusion_violation",
    "foreign_key_violation",
    "idle_in_transaction",
    "invalid_value",
    "lock_timeout",
    "not_null_violation",
    "out_of_memory",
    "permission_denied",
    "read_only",
    "schema_mismatch",
    "serialization_failure",
    "statement_timeout",
    "unique_violation",
]

ROLLED_BACK = "a statement failed before, so COMMIT rolled back: use begin_nested()"
"""What a COMMIT raises that the server answered with ROLLBACK."""
