"""The table and the chart: from what was measured to the README."""

import platform
import re
from dataclasses import dataclass
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from bench.cold_start import ColdStart
from bench.load import WAYS, WORK
from support.variants import ROOT

CHART = ROOT / "docs" / "throughput.svg"
README = ROOT / "README.md"
MARKED = re.compile(r"(?<=<!-- bench:start -->\n).*?(?=<!-- bench:end -->)", re.DOTALL)

BASE = "Session(engine)"
SHOWN_MS = 5
OURS = "this layer"


@dataclass(frozen=True)
class Measured:
    """What was found for a pair of a mode and a driver.

    Attributes:
        loads: What was emitted, by milliseconds of round-trip time.
        cold_start: By what was started.
    """

    loads: dict[int, dict[str, Any]]
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
    section = "\n".join([*build_table(found), "", *describe(found, copy_seconds), ""])
    text = README.read_text(encoding="utf-8")
    README.write_text(MARKED.sub(lambda _: section, text), encoding="utf-8")
    print(section)


def build_table(found: dict[str, Measured]) -> list[str]:
    """Return the Markdown table: round trips, and throughput at each distance."""
    distances = sorted(next(iter(found.values())).loads)
    columns = ["", "", *(f"round trips of a {work}" for work in WORK)]
    columns += [f"{work}s at {ms} ms" for work in WORK for ms in distances]
    rows = [columns, ["---"] * len(columns)]
    for pair, measured in found.items():
        for way in WAYS:
            cells = [pair.replace("-", " "), way]
            cells += [str(measured.get_round_trips(work, way)) for work in WORK]
            cells += [
                f"{measured.get_ratio(ms, work, way):.1f}"
                for work in WORK
                for ms in distances
            ]
            rows.append([f"**{cell}**" for cell in cells] if way == OURS else cells)
    return [f"| {' | '.join(row)} |" for row in rows]


def describe(found: dict[str, Measured], copy_seconds: float) -> list[str]:
    """Return what else was measured, as a list."""
    turns = [measured.loads[SHOWN_MS]["turns"] for measured in found.values()]
    stock, fair = (
        _range([count for each in turns for counts in each[pool] for count in counts])
        for pool in ("stock", "fair")
    )
    pools = [median(map(sum, t["fair"])) / median(map(sum, t["stock"])) for t in turns]
    starts = [list(measured.cold_start.values()) for measured in found.values()]
    bare = [ours.seconds / first.seconds for first, _, ours in starts]
    needed = [ours.seconds / second.seconds for _, second, ours in starts]
    memory = [ours.megabytes / first.megabytes for first, _, ours in starts]
    served = (
        f"- Fifty clients on five connections: each is served {fair} times in a second; "
        f"with SQLAlchemy's own pool {stock} times.\n  Of that pool's throughput, this "
        f"one has {_range(pools, 2)}."
    )
    started = (
        f"- A process starts with {_range(bare, 2)} times the processor time and "
        f"{_range(memory, 2)} times the memory of a bare FastAPI\n  with the driver; with "
        f"{_range(needed, 2)} times the time of one that imports SQLAlchemy and "
        "pydantic-settings as well."
    )
    version = platform.python_version()
    copied = (
        f"- `copier copy` takes {copy_seconds:.1f} s. (Python {version}, two cores.)"
    )
    return [served, started, copied]


def _range(values: list[float], digits: int = 0) -> str:
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def draw(found: dict[str, Measured]) -> None:
    """Draw the throughput of each way, in groups of the same driver."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "db-connection"})
    colours = dict(zip(WAYS, ("#c3cad3", "#2f81f7", "#8c959f", "#d29922"), strict=True))
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
        axis.set_title(
            f"{work}s per second, {SHOWN_MS} ms away", color=grey, fontsize=10
        )
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
