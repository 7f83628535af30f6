"""Metrics for Prometheus, named as OpenTelemetry names them."""

import time
from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, event

from app.db.engine import on_engine_created
from app.db.monitoring import (
    QUERY_STARTED,
    get_pool_stats,
)

_engines: WeakValueDictionary[str, Engine] = WeakValueDictionary()

# The buckets that the semantic conventions advise for db.client.operation.duration.
_duration = Histogram(
    "db_client_operation_duration_seconds",
    "Duration of database statements.",
    ["pool_name"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
)


class PoolCollector(Collector):
    """Reads the pools when Prometheus asks, so that nothing is counted in between."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the connections of each pool by state, and the most that it opens."""
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
            stats = get_pool_stats(engine.pool)
            count.add_metric([name, "used"], stats.used)
            count.add_metric([name, "idle"], stats.idle)
            maximum.add_metric([name], stats.max)
        yield from (count, maximum)


REGISTRY.register(PoolCollector())


@on_engine_created
def _measure(engine: Engine) -> None:
    name = engine.pool.logging_name or "default"
    _engines[name] = engine

    @event.listens_for(engine, "after_cursor_execute")
    def observe(connection: Connection, *_: Any) -> None:
        elapsed = time.perf_counter() - connection.info[QUERY_STARTED]
        _duration.labels(name).observe(elapsed)
