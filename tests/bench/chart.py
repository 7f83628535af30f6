"""The chart of the README: throughput, drawn with colours that both themes can show."""

import matplotlib as mpl
from matplotlib import pyplot as plt

from bench.measured import SHOWN_MS, WAYS, WORK, Measured
from support.variants import ROOT

CHART = ROOT / "docs" / "throughput.svg"


def draw(found: dict[str, Measured]) -> None:
    """Draw the throughput of each way, in groups of the same driver."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "db-connection"})
    colours = dict(zip(WAYS, ("#c3cad3", "#2f81f7", "#8c959f", "#d29922"), strict=True))
    grey = "#808a96"
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for work, axis in zip(WORK, axes, strict=True):
        for number, way in enumerate(WAYS):
            places = [group + (number - 1.5) * 0.2 for group in range(len(found))]
            ratios = [m.get_throughput(SHOWN_MS, work, way) for m in found.values()]
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
