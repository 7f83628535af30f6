"""The table and the chart: from what was measured to the README."""

import platform
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from bench.cold_start import ColdStart
from bench.load import WAYS, WORK
from matplotlib import pyplot as plt
from variants import ROOT

CHART = Path(__file__).with_name("throughput.svg")
README = ROOT / "README.md"
MARKED = re.compile(r"(?<=<!-- bench:start -->\n).*?(?=<!-- bench:end -->)", re.DOTALL)

BASE = "Session(engine)"
SHOWN_MS = 5
OURS = "this layer"


@dataclass(frozen=True)
class Measured:
    """What was found for a pair of a mode and a driver.

    Attributes:
        loads: By milliseconds of round-trip time: the round trips of a request and the
            requests per second of each round, by work and way.
        cold_start: By what was started.
    """

    loads: dict[int, dict[str, dict[str, dict[str, Any]]]]
    cold_start: dict[str, ColdStart]

    def get_round_trips(self, work: str, way: str) -> int:
        """Return how many round trips one request costs."""
        return int(self.loads[SHOWN_MS]["round trips"][work][way])

    def get_ratio(self, milliseconds: int, work: str, way: str) -> float:
        """Return the throughput, where that of SQLAlchemy as it comes is 1."""
        rounds = self.loads[milliseconds]["per second"][work]
        return float(median(rounds[way]) / median(rounds[BASE]))


def write_report(found: dict[str, Measured], copy_seconds: float) -> None:
    """Draw the chart, and write the README's section between its marks."""
    draw(found)
    text = README.read_text(encoding="utf-8")
    section = f"{build_table(found)}\n{describe(found, copy_seconds)}\n"
    README.write_text(MARKED.sub(lambda _: section, text), encoding="utf-8")
    print(section)


def build_table(found: dict[str, Measured]) -> str:
    """Return the Markdown table: round trips, and throughput at each distance."""
    distances = sorted(next(iter(found.values())).loads)
    columns = ["driver", "how", *(f"round trips, {work}" for work in WORK)]
    columns += [f"{work}s at {ms} ms" for work in WORK for ms in distances]
    lines = [columns, ["---"] * len(columns)]
    for pair, measured in found.items():
        for way in WAYS:
            trips = [str(measured.get_round_trips(work, way)) for work in WORK]
            ratios = [
                f"{measured.get_ratio(ms, work, way):.1f}"
                for work in WORK
                for ms in distances
            ]
            cells = [pair.replace("-", " "), way, *trips, *ratios]
            lines.append([f"**{c}**" for c in cells] if way == OURS else cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def describe(found: dict[str, Measured], copy_seconds: float) -> str:
    """Return what else was measured, in sentences."""
    shares = []
    for measured in found.values():
        bare, needed, ours = measured.cold_start.values()
        shares.append((ours.seconds / bare.seconds, ours.seconds / needed.seconds))
        memory = (ours.megabytes / bare.megabytes, ours.megabytes / needed.megabytes)
        shares[-1] += memory
    times, over, memory_times, memory_over = (
        _range(values) for values in zip(*shares, strict=True)
    )
    return (
        f"A process starts with {times} times the processor time and {memory_times} times "
        "the memory of a bare FastAPI with the\nsame driver, and with "
        f"{over} and {memory_over} times those of one that imports SQLAlchemy and "
        "pydantic-settings too. `copier copy` takes\n"
        f"{copy_seconds:.1f} s. (Python {platform.python_version()}, "
        "PostgreSQL 18, two processor cores, fifty clients, ten connections.)\n"
    )


def _range(values: tuple[float, ...]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def draw(found: dict[str, Measured]) -> None:
    """Draw the throughput of each way, in groups of the same driver."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "db-connection"})
    colours = dict(zip(WAYS, ("#9aa4b2", "#2f81f7", "#8c959f", "#d29922"), strict=True))
    grey = "#808a96"
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for work, axis in zip(WORK, axes, strict=True):
        for number, way in enumerate(WAYS):
            places = [group + (number - 1.5) * 0.2 for group in range(len(found))]
            ratios = [m.get_ratio(SHOWN_MS, work, way) for m in found.values()]
            bars = axis.bar(places, ratios, 0.18, color=colours[way], label=way)
            axis.bar_label(bars, fmt="%.1f", fontsize=7, color=grey, padding=1)
        names = [pair.replace("-", "\n") for pair in found]
        axis.set_xticks(range(len(found)), names, color=grey)
        axis.set_title(f"{work}s per second", color=grey, fontsize=10)
        axis.set_yticks([])
        axis.spines[["top", "left", "right"]].set_visible(False)
        axis.spines["bottom"].set_color(grey)
        axis.tick_params(color=grey)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=4,
        frameon=False,
        labelcolor=grey,
    )
    figure.savefig(CHART, transparent=True, metadata={"Date": None})
