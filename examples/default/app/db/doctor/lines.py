"""Show the doctor's progress: in colour on a terminal, as plain lines elsewhere."""

import os
import shutil
import textwrap
from typing import TextIO

from .report import Report, Result, Status

_WORDS: dict[Status, str] = {"ok": "ok", "warning": "warning", "failed": "failed"}
_SIGNS: dict[Status, str] = {"ok": "✓", "warning": "!", "failed": "✗"}
# The numbers of ANSI's green, yellow and red.
_COLOURS: dict[Status, int] = {"ok": 32, "warning": 33, "failed": 31}
_DIM = 2
_CLEAR_LINE = "\r\x1b[K"
_STEP_WIDTH = 19
_TIME_WIDTH = 9
_SUMMARIES: dict[Status, str] = {
    "ok": "Everything works.",
    "warning": "It works, with warnings.",
    "failed": "It does not work.",
}


class Lines:
    """Prints each result when it is there."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._has_colour = self._is_terminal and "NO_COLOR" not in os.environ
        is_unicode = (out.encoding or "").lower().replace("-", "") == "utf8"
        self._marks = _SIGNS if self._is_terminal and is_unicode else _WORDS
        self._width = max(map(len, self._marks.values()))

    def begin(self, step: str) -> None:
        """Show on a terminal what is being done."""
        if self._is_terminal:
            self._write(self._colour(f"{'':{self._width}} {step} ...", _DIM))

    def end(self, result: Result) -> None:
        """Print what came out of a step."""
        mark = f"{self._marks[result.status]:{self._width}}"
        head = f" {result.step:{_STEP_WIDTH}}"
        duration = f"{_format_seconds(result.seconds):>{_TIME_WIDTH}}"
        indent = " " * (self._width + len(head) + len(duration) + 2)
        lines = self._fold(result.message, len(indent))
        start = _CLEAR_LINE if self._is_terminal else ""
        self._write(f"{start}{self._colour(mark, _COLOURS[result.status])}{head}")
        self._write(f"{self._colour(duration, _DIM)}  {lines[0]}\n")
        for line in lines[1:]:
            self._write(f"{indent}{line}\n")
        for line in self._fold(result.details, len(indent)):
            self._write(f"{indent}{self._colour(line, _DIM)}\n")

    def close(self, report: Report) -> None:
        """Print what it all means."""
        summary = self._colour(_SUMMARIES[report.status], _COLOURS[report.status])
        self._write(f"\n{summary}\n")

    def _fold(self, text: str, indent: int) -> list[str]:
        """Split a text where a terminal would, but keep other outputs in one line."""
        lines = text.splitlines()
        if not self._is_terminal:
            return lines
        width = max(shutil.get_terminal_size().columns - indent, 20)
        return [part for line in lines for part in textwrap.wrap(line, width)]

    def _colour(self, text: str, number: int) -> str:
        return f"\x1b[{number}m{text}\x1b[0m" if self._has_colour else text

    def _write(self, text: str) -> None:
        print(text, end="", file=self._out, flush=True)


def _format_seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.1f} ms"
    return f"{seconds:.2f} s"
