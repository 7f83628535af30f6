"""Metrics for Prometheus, named after OpenTelemetry's semantic conventions."""

from collections.abc import Callable, Iterator
from weakref import WeakValueDictionary

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from .monitoring import read_pool

_engines: WeakValueDictionary[str, Engine] = WeakValueDictionary()

# The buckets are those of the conventions for db.client.operation.duration:
# https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
_duration = Histogram(
    "db_client_operation_duration_seconds",
    "Duration of database statements.",
    ["pool_name"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
)


class PoolCollector(Collector):
    """Reads the pools when Prometheus asks, so nothing is counted in between."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the connections of each pool by state, and its limit."""
        count = GaugeMetricFamily(
            "db_client_connection_count",
            "Connections of the pool.",
            labels=["pool_name", "state"],
        )
        maximum = GaugeMetricFamily(
            "db_client_connection_max",
            "Connections that the pool opens at most; 0 is no limit.",
            labels=["pool_name"],
        )
        for name, engine in list(_engines.items()):
            stats = read_pool(engine.pool)
            count.add_metric([name, "used"], stats.used)
            count.add_metric([name, "idle"], stats.idle)
            maximum.add_metric([name], stats.limit)
        yield from (count, maximum)


REGISTRY.register(PoolCollector())


def measure(engine: Engine) -> Callable[[float], None]:
    """Publish the pool of an engine.

    Returns:
        A function to call with the duration of each statement in seconds.
    """
    name = engine.pool.logging_name or "default"
    _engines[name] = engine
    return _duration.labels(name).observe
