"""What the doctor found: the results of its steps, as values and as JSON."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, Protocol

from pydantic_settings import SettingsError
from sqlalchemy.exc import DBAPIError

from ..errors import (
    DatabaseUnavailable,
    find_reason,
    get_hint,
    quote_driver,
    translate_errors,
)

Status = Literal["ok", "warning", "failed"]

JSON_VERSION = 1
"""Rises when a key of the JSON, or the name of a step, changes or goes."""

_SEVERITY: tuple[Status, ...] = ("ok", "warning", "failed")
EXIT_CODES: dict[Status, int] = {"ok": 0, "failed": 1, "warning": 2}


class Finding(NamedTuple):
    """What a step has to say.

    Attributes:
        message: One sentence.
        is_warning: Whether something should be changed.
        details: What to run, or the driver's own words; lines.
    """

    message: str
    is_warning: bool = False
    details: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of a step.

    Attributes:
        step: The step's name.
        status: Whether it succeeded.
        message: One sentence, for people.
        details: More lines, for people; often "".
        reason: Why it failed, as in the table of errors; `settings` for a setting.
        seconds: How long it took.
    """

    step: str
    status: Status
    message: str
    details: str
    reason: str | None
    seconds: float


class Display(Protocol):
    """What shows the progress."""

    def begin(self, step: str) -> None:
        """Show that a step runs."""

    def end(self, result: Result) -> None:
        """Show what came out of it."""


class Report:
    """The results so far.

    Attributes:
        results: In the order of the steps.
    """

    class Stopped(Exception):
        """A step failed, so the next ones have nothing to examine."""

    def __init__(self, display: Display | None = None) -> None:
        self.results: list[Result] = []
        self._display = display

    @property
    def status(self) -> Status:
        """The worst status of a step."""
        statuses = [result.status for result in self.results]
        return max(statuses, key=_SEVERITY.index, default="ok")

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[Finding], None]]:
        """Time a step, and record what it finds or why it fails.

        Yields:
            A function to call with the finding.

        Raises:
            Stopped: The step failed.
        """
        if self._display is not None:
            self._display.begin(name)
        findings: list[Finding] = []
        error: Exception | None = None
        started = time.perf_counter()
        try:
            with translate_errors():
                yield findings.append
        except (DatabaseUnavailable, DBAPIError, SettingsError) as caught:
            error = caught
        seconds = time.perf_counter() - started
        result = _get_result(name, seconds, findings, error)
        self.results.append(result)
        if self._display is not None:
            self._display.end(result)
        if error is not None:
            raise self.Stopped from error

    def to_json(self) -> str:
        """Return the results as JSON: its shape is in this layer's README."""
        steps = [asdict(result) for result in self.results]
        content = {"version": JSON_VERSION, "status": self.status, "steps": steps}
        return json.dumps(content, indent=2, ensure_ascii=False)


def _get_result(
    name: str,
    seconds: float,
    findings: list[Finding],
    error: Exception | None,
) -> Result:
    seconds = round(seconds, 6)
    if isinstance(error, SettingsError):
        return Result(name, "failed", str(error), "", "settings", seconds)
    if error is not None:
        reason = find_reason(error) or "unavailable"
        message = f"{reason}: {get_hint(error)}"
        return Result(name, "failed", message, quote_driver(error), reason, seconds)
    (finding,) = findings
    status: Status = "warning" if finding.is_warning else "ok"
    return Result(name, status, finding.message, finding.details, None, seconds)
