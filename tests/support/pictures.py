"""Pictures of a terminal, for `docs/`."""

import os

from rich.console import Console
from rich.text import Text

from support.variants import ROOT


def write_svg(name: str, command: str, printed: Text, columns: int) -> None:
    """Draw a terminal in which a command was run.

    Args:
        name: The file's, without `.svg`.
        command: What was typed.
        printed: What came out of it.
        columns: The terminal's width.
    """
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=columns, file=nowhere)
        console.print(f"[bold]$ {command}")
        console.print(printed)
        svg = console.export_svg(title=command, unique_id=name)
    # Without the fonts that a browser would have to load from elsewhere.
    start, end = svg.index("@font-face"), svg.index(f".{name}-matrix")
    (ROOT / f"docs/{name}.svg").write_text(svg[:start] + svg[end:], encoding="utf-8")
