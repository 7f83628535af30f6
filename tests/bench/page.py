"""The page that holds everything which was measured."""

import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from statistics import median

from bench.copying import Copying
from bench.measured import BASE, CAREFUL, OURS, SHOWN_MS, WAYS, WORK, Measured, compare
from bench.tables import build_table, describe_range, emphasise

# Whose versions are told.
_PACKAGES = (
    "SQLAlchemy",
    "psycopg",
    "asyncpg",
    "psycopg2-binary",
    "FastAPI",
    "uvicorn",
)

_SESSIONS = """\
## Sessions

Units of work per second without HTTP, where `Session(engine)` is 1: fifty clients, ten
connections.
"""
_SERVICES = """\
## Whole applications

Requests per second of the example's handlers under uvicorn, where the same handlers on a
plain `Session(engine)` are 1: one worker, fifty clients that keep their connections,
fifteen connections to the database. The clients have a process of their own. Each round
has new processes, because two that run the same code can differ by 15 %.
"""
_PROCESSOR = """\
## Processor time

Of one unit of work in process, where `Session(engine)` is 1: of each process the fastest
of many short turns, of the processes the median. In brackets those that differ most.
"""
_START = """\
## Start

Processor time of importing what the layer depends on, in a fresh process: milliseconds,
each without what is above it.
"""
_RATIOS = """\
The layer, where importing all of these together is 1, measured in turns:
"""
_OTHERS = "## Other\n"


def build_page(found: dict[str, Measured], copying: Copying) -> str:
    """Return the page, from the machine to the last table."""
    first = next(iter(found.values()))
    sections = [
        describe_machine(),
        _SESSIONS,
        compare_distances(
            found, list(first.loads), WAYS, lambda m, *cell: m.get_throughput(*cell)
        ),
        _SERVICES,
        compare_distances(
            found,
            list(first.services),
            (OURS, BASE, CAREFUL),
            lambda m, ms, work, way: compare(m.services[ms], work, way),
        ),
        _PROCESSOR,
        compare_processor(found),
        _START,
        list_dependencies(found),
        _RATIOS,
        compare_starts(found),
        _OTHERS,
        list_others(found, copying),
    ]
    return "\n" + "\n".join(sections) + "\n"


def describe_machine() -> str:
    """Return what all of it was measured on."""
    versions = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    python, cores = platform.python_version(), os.cpu_count()
    return f"Measured with {cores} cores, Python {python}, {versions}.\n"


def compare_distances(
    found: dict[str, Measured],
    distances: list[int],
    ways: tuple[str, ...],
    get_ratio: Callable[[Measured, int, str, str], float],
) -> str:
    """Return a table of throughput at each distance."""
    rows = []
    for pair, measured in found.items():
        for way in ways:
            cells = [pair.replace("-", " "), way]
            cells += [
                f"{get_ratio(measured, ms, work, way):.2f}"
                for work in WORK
                for ms in distances
            ]
            rows.append(emphasise(cells) if way == OURS else cells)
    columns = [f"{work}s at {ms} ms" for work in WORK for ms in distances]
    return build_table(["", "", *columns], rows)


def compare_processor(found: dict[str, Measured]) -> str:
    """Return the table of processor time."""
    rows = []
    for pair, measured in found.items():
        cells = [pair.replace("-", " ")]
        for work in WORK:
            rounds = measured.processor[work]
            ratios = [a / b for a, b in zip(rounds[OURS], rounds[BASE], strict=True)]
            cells.append(f"{median(ratios):.2f} ({describe_range(ratios, 2)})")
        rows.append(cells)
    return build_table(["", *WORK], rows)


def list_dependencies(found: dict[str, Measured]) -> str:
    """Return the table of what each dependency costs."""
    starts = [measured.start.dependencies for measured in found.values()]
    rows = [
        [name, *(f"{1000 * start[name]:.0f}" for start in starts)] for name in starts[0]
    ]
    return build_table(["", *(pair.replace("-", " ") for pair in found)], rows)


def compare_starts(found: dict[str, Measured]) -> str:
    """Return the table of what the layer adds to its dependencies."""
    starts = [measured.start for measured in found.values()]
    ratios = {
        "`import app.db`": [start.imported for start in starts],
        "and `add_database(app)`": [start.connected for start in starts],
        "and the example's tables and routes": [start.application for start in starts],
    }
    rows = [[what, *(f"{ratio:.2f}" for ratio in row)] for what, row in ratios.items()]
    return build_table(["", *(pair.replace("-", " ") for pair in found)], rows)


def list_others(found: dict[str, Measured], copying: Copying) -> str:
    """Return what has no table of its own."""
    counts = [measured.loads[SHOWN_MS]["turns"] for measured in found.values()]
    served = {
        pool: describe_range(n for each in counts for turn in each[pool] for n in turn)
        for pool in ("stock", "fair")
    }
    throughput = [
        median(map(sum, each["fair"])) / median(map(sum, each["stock"]))
        for each in counts
    ]
    kept = describe_range(throughput, 2)
    bare = describe_range((m.start.bare for m in found.values()), 1)
    memory = describe_range((m.start.memory for m in found.values()), 1)
    return (
        f"- Fifty clients on five connections, {SHOWN_MS} ms away: each is served "
        f"{served['fair']} times in a second; with SQLAlchemy's own pool\n"
        f"  {served['stock']} times. Of that pool's throughput, this one has {kept}.\n"
        f"- The whole application starts with {bare} times the processor time and "
        f"{memory} times the memory of a bare FastAPI with\n  the driver.\n"
        f"- `copier copy` takes {copying.seconds:.1f} s, and {copying.ratio:.1f} times the "
        "processor time of copying as many empty files."
    )
