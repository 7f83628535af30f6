"""From what was measured to the README, the chart and the page of all tables."""

import re
from pathlib import Path

from bench.chart import draw
from bench.copying import Copying
from bench.measured import BASE, OURS, SHOWN_MS, WORK, Measured, compare
from bench.page import build_page
from bench.tables import build_table
from support.variants import ROOT

README = ROOT / "README.md"
PAGE = ROOT / "docs" / "measurements.md"
MARKED = re.compile(r"(?<=<!-- bench:start -->\n).*?(?=<!-- bench:end -->)", re.DOTALL)

Found = dict[str, Measured]


def print_report(found: Found, copying: Copying) -> None:
    """Show the tables, and change no file."""
    print(build_summary(found), build_page(found, copying), sep="\n")


def write_report(found: Found, copying: Copying) -> None:
    """Draw the chart, and write the README's table and the page between their marks."""
    # All of them are built before the first is written.
    sections = {README: build_summary(found), PAGE: build_page(found, copying)}
    draw(found)
    for document, section in sections.items():
        _write(document, section)


def build_summary(found: Found) -> str:
    """Return the README's table, with a row for each pair."""
    rows = [
        [
            pair.replace("-", " "),
            *(
                _compare_counts(
                    *(measured.get_round_trips(work, w) for w in (OURS, BASE))
                )
                for work in WORK
            ),
            *(
                f"{measured.get_throughput(SHOWN_MS, work, OURS):.1f} ×"  # noqa: RUF001
                for work in WORK
            ),
            " / ".join(
                f"{compare(measured.processor, work, OURS):.2f}" for work in WORK
            ),
        ]
        for pair, measured in found.items()
    ]
    columns = [
        "",
        *(f"round trips of a {work}" for work in WORK),
        *(f"{work}s per second" for work in WORK),
        f"processor time, {' / '.join(WORK)}",
    ]
    return build_table(columns, rows)


def _compare_counts(ours: int, base: int) -> str:
    return f"{ours}" if ours == base else f"{ours}, not {base}"


def _write(document: Path, section: str) -> None:
    text = document.read_text(encoding="utf-8")
    document.write_text(MARKED.sub(lambda _: section, text), encoding="utf-8")
