"""Markdown tables."""

from collections.abc import Iterable, Sequence


def build_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, with a line's end after each row."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def emphasise(cells: Sequence[str]) -> list[str]:
    """Return the cells of a row that stands out."""
    return [f"**{cell}**" for cell in cells]


def describe_range(values: Iterable[float], digits: int = 0) -> str:
    """Return the smallest and the largest value."""
    found = list(values)
    return f"{min(found):.{digits}f} to {max(found):.{digits}f}"
