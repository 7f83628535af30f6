"""The closing lines of a run: what was found out, how much was run, how long it took."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import pytest

from support.results import keep_results

# How many modules have a line of their own.
SHOWN = 12

Reports = list[pytest.TestReport]


def summarize(terminal: pytest.TerminalReporter) -> None:
    """Write the closing lines, and keep what the page of `make site` shows."""
    reports = [
        report
        for of_one_outcome in terminal.stats.values()
        for report in of_one_outcome
        if isinstance(report, pytest.TestReport)
    ]
    keep_results(terminal.config, reports)
    if outcomes := [*sorted(set(_values("table", reports))), *_counts(reports)]:
        terminal.section("outcomes")
        for line in outcomes:
            terminal.line(line)
    if reports:
        terminal.section("seconds of the workers")
        for line in _times(reports):
            terminal.line(line)


def _values(name: str, reports: Reports) -> Iterator[str]:
    """Yield what the tests recorded under a name."""
    for report in reports:
        if report.when == "call":
            yield from (
                str(value) for key, value in report.user_properties if key == name
            )


def _counts(reports: Reports) -> Iterator[str]:
    if rendered := set(_values("rendered", reports)):
        yield f"{len(rendered)} combinations rendered"
    if variants := set(_values("variant", reports)):
        failed = set(_values("variant", [one for one in reports if one.failed]))
        outcome = f"{len(failed)} failed" if failed else "all passed"
        modules = len(set(_values("module", reports)))
        yield f"{len(variants)} variants, {modules} distinct test modules, {outcome}"


def _times(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    seconds: defaultdict[str, float] = defaultdict(float)
    tests: Counter[str] = Counter()
    for report in reports:
        module = report.location[0].rpartition("/")[2]
        seconds[module] += report.duration
        tests[module] += report.when == "call"
    longest = sorted(seconds, key=lambda module: seconds[module], reverse=True)
    groups = [(module, [module]) for module in longest[:SHOWN]]
    groups += [("the rest", longest[SHOWN:])] if longest[SHOWN:] else []
    width = max(len(name) for name, _ in groups)
    for name, modules in groups:
        total = sum(seconds[module] for module in modules)
        count = sum(tests[module] for module in modules)
        yield f"{name:<{width}} {total:7.0f} {count:6} tests"
