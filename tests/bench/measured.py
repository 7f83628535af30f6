"""What was measured, and how two ways of doing the same are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.start import Start

OURS = "this layer"
BASE = "Session(engine)"
CAREFUL = "pool_pre_ping"
WAYS = ("raw driver", OURS, BASE, CAREFUL)
WORK = ("read", "write")

# The distance at which round trips are counted, and which the README shows.
SHOWN_MS = 5

# What was seen in each round, by what was done and in which way.
Rounds = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Measured:
    """What was found for a pair of a mode and a driver.

    Attributes:
        loads: What the load emitted, by milliseconds of round-trip time.
        services: Requests per second of whole applications, in the same way.
        processor: Seconds of the processor for a unit of work.
        start: What starting a process costs.
    """

    loads: dict[int, dict[str, Any]]
    services: dict[int, Rounds]
    processor: Rounds
    start: Start

    def get_round_trips(self, work: str, way: str) -> int:
        """Return how many round trips one request costs."""
        return int(self.loads[SHOWN_MS]["round trips"][work][way])

    def get_throughput(self, milliseconds: int, work: str, way: str) -> float:
        """Return the throughput, where that of SQLAlchemy as it comes is 1."""
        return compare(self.loads[milliseconds]["per second"], work, way)


def compare(rounds: Rounds, work: str, way: str) -> float:
    """Return the median of what each round says, where SQLAlchemy as it comes is 1.

    The ways take turns, so what slows the machine down for a while slows all of them.
    """
    pairs = zip(rounds[work][way], rounds[work][BASE], strict=True)
    return median(value / base for value, base in pairs)
