"""Metrics for Prometheus, named after OpenTelemetry's semantic conventions."""

from prometheus_client import Counter, Histogram

from .engine.reasons import Reason
from .gauges import POOL, share_gauges
from .meter import Meter

# https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
# The buckets are those of the conventions for db.client.operation.duration.
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)

_operation = Histogram(
    "db_client_operation_duration_seconds",
    "Duration of database statements.",
    [POOL],
    buckets=_BUCKETS,
)
_create = Histogram(
    "db_client_connection_create_time_seconds",
    "Time that opening a connection took.",
    [POOL],
    buckets=_BUCKETS,
)
_use = Histogram(
    "db_client_connection_use_time_seconds",
    "Time between taking a connection and returning it.",
    [POOL],
    buckets=_BUCKETS,
)
_timeouts = Counter(
    "db_client_connection_timeouts",
    "Requests that waited for a connection in vain.",
    [POOL],
)
_slow_queries = Counter(
    "db_slow_queries",
    "Statements that took longer than DB_SLOW_QUERY_THRESHOLD.",
    [POOL],
)
_connect_failures = Counter(
    "db_connect_failures",
    "Connections that could not be opened.",
    [POOL, "reason"],
)
_disconnects = Counter(
    "db_disconnects",
    "Connections that were lost while they were in use.",
    [POOL, "reason"],
)

# These exist from the start, with 0: Prometheus does not see the first value of a
# series as an increase.
_COMMON: tuple[Reason, ...] = (
    "disconnected",
    "no_answer",
    "not_ready",
    "refused",
    "timeout",
    "too_many_connections",
)


def measure(pool: str) -> Meter:
    """Return what publishes the measurements of a pool."""
    share_gauges()
    for reason in _COMMON:
        _connect_failures.labels(pool, reason)
        _disconnects.labels(pool, reason)
    return Meter(
        operation=_operation.labels(pool).observe,
        create=_create.labels(pool).observe,
        use=_use.labels(pool).observe,
        timeout=_timeouts.labels(pool).inc,
        slow_query=_slow_queries.labels(pool).inc,
        connect_failure=lambda reason: _connect_failures.labels(pool, reason).inc(),
        disconnect=lambda reason: _disconnects.labels(pool, reason).inc(),
    )
