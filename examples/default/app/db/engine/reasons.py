"""The names of the reasons for which a database can be unavailable."""

from typing import Literal

Reason = Literal[
    "authentication",
    "database_not_found",
    "disconnected",
    "host_not_found",
    "no_answer",
    "outcome_unknown",
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
