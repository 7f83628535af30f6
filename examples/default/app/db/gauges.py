"""The gauges for Prometheus, and the metrics of all workers together.

Prometheus asks one of the workers of a port, whichever accepts the connection. With
`PROMETHEUS_MULTIPROC_DIR` each writes its metrics to files, and reads those of all:
https://prometheus.github.io/client_python/multiprocess/
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Gauge,
    Metric,
    make_asgi_app,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .engine.background import BackgroundThread
from .leaks import check_connection_leaks
from .meter import latest_check
from .monitoring import read_pools

# It has no types.
_multiprocess: Any = multiprocess
_Mode = Literal["livemax", "livemin", "livesum"]

POOL = "db_client_connection_pool_name"
STATE = "db_client_connection_state"

_FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
# How often a worker writes its gauges for the others.
_SECONDS = 1.0
# How the values of the workers become one; for the others it is the sum.
_MODES: dict[str, _Mode] = {
    "db_ready": "livemin",
    "db_server_connection_max": "livemax",
}


class GaugeCollector(Collector):
    """Reads the pools when Prometheus asks, so nothing is counted in between."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges of this process."""
        count = GaugeMetricFamily(
            "db_client_connection_count",
            "Connections of the pool.",
            labels=[POOL, STATE],
        )
        maximum = GaugeMetricFamily(
            "db_client_connection_max",
            "Connections that the pool opens at most; 0 is no limit.",
            labels=[POOL],
        )
        pending = GaugeMetricFamily(
            "db_client_connection_pending_requests",
            "Requests that wait for a connection.",
            labels=[POOL],
        )
        leaked = GaugeMetricFamily(
            "db_leaked_connections",
            "Connections that are held for longer than DB_LEAK_THRESHOLD.",
            labels=[POOL],
        )
        leaks = [leak.pool for leak in check_connection_leaks()]
        for name, stats in read_pools().items():
            count.add_metric([name, "used"], stats.used)
            count.add_metric([name, "idle"], stats.idle)
            maximum.add_metric([name], stats.limit)
            pending.add_metric([name], stats.pending)
            leaked.add_metric([name], leaks.count(name))
        yield from (count, maximum, pending, leaked)
        if latest_check.is_ready is not None:
            yield GaugeMetricFamily(
                "db_ready",
                "Whether the latest check of the database succeeded.",
                value=latest_check.is_ready,
            )
        if latest_check.server_limit:
            yield GaugeMetricFamily(
                "db_server_connection_max",
                "Connections that the server has for all of its clients.",
                value=latest_check.server_limit,
            )


def build_metrics_app() -> Callable[..., Awaitable[None]]:
    """Build the ASGI application that Prometheus asks."""
    if _FOLDER is None:
        return make_asgi_app()
    registry = CollectorRegistry()
    registry.register(_WorkersCollector(_FOLDER))
    return make_asgi_app(registry)


def share_gauges() -> None:
    """Write the gauges of this process for the others, if they are to be shared."""
    if _FOLDER is not None:
        _writer.wake_up()


class _WorkersCollector(Collector):
    """Reads what the workers have written."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of all workers together."""
        for file in Path(self._folder).glob("gauge_live*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not _is_alive(pid):
                # Its gauges would count for ever. Its counters stay.
                _multiprocess.mark_process_dead(pid, self._folder)
        files = filter(_has_values, Path(self._folder).glob("*.db"))
        merge = _multiprocess.MultiProcessCollector.merge
        found: Iterable[Metric] = merge(map(str, files))
        return found


def _has_values(file: Path) -> bool:
    """Whether a file is there, and more than just made by a worker that starts."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        # Elsewhere `kill` would end it.
        if os.name == "posix":
            os.kill(pid, 0)
    except OSError as error:
        # A process of another user is one.
        return not isinstance(error, ProcessLookupError)
    return True


_gauges: dict[str, Gauge] = {}
_children: dict[tuple[str, ...], Gauge] = {}


def _write_gauges() -> float:
    """Write the gauges of this process to its file; return when to do it again."""
    # What is not among them any more is 0.
    values = dict.fromkeys(_children, 0.0)
    for family in GaugeCollector().collect():
        for sample in family.samples:
            key = (family.name, *sample.labels.values())
            values[key] = sample.value
            if key not in _children:
                _children[key] = _get_child(family, sample.labels)
    for key, value in values.items():
        _children[key].set(value)
    return _SECONDS


def _get_child(family: Metric, labels: dict[str, str]) -> Gauge:
    if (gauge := _gauges.get(family.name)) is None:
        gauge = _gauges[family.name] = Gauge(
            family.name,
            family.documentation,
            tuple(labels),
            registry=None,
            multiprocess_mode=_MODES.get(family.name, "livesum"),
        )
    return gauge.labels(**labels) if labels else gauge


_writer = BackgroundThread(_write_gauges)

if _FOLDER is None:
    REGISTRY.register(GaugeCollector())
