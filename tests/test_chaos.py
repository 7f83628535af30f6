"""The database fails in every way under load: nothing is lost, done twice or hangs.

`make chaos` takes longer for each fault, and tries all of them on every driver pair, on
a server and as a function, half of the runs over TLS.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.chaos.experiment import LONGEST_SECONDS, POOL_SIZE, experiment
from support.chaos.faults import FAULTS
from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

IS_LONG = "CHAOS_SECONDS" in os.environ
SECONDS = float(os.environ.get("CHAOS_SECONDS", "0.5"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
SHORT = ("all sessions killed", "network silent", "answers to COMMIT lost")

# In the long run each pair is encrypted in one of its runtimes.
RUNTIMES = ("server", "serverless") if IS_LONG else ("server",)
RUNS: list[tuple[Answers, bool]] = [
    (pair | {"runtime": runtime}, IS_LONG and (number + place) % 2 == 0)
    for number, pair in enumerate(PAIRS)
    for place, runtime in enumerate(RUNTIMES)
]


def run_id(run: tuple[Answers, bool]) -> str:
    answers, tls = run
    return f"{pair_id(answers)}-{answers['runtime']}{'-tls' if tls else ''}"


@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize("chaos", RUNS, ids=run_id)
def test_nothing_is_lost_done_twice_or_hangs(
    render: Render,
    run: Run,
    environment: dict[str, str],
    workshop: Path,
    record_property: Callable[[str, object], None],
    chaos: tuple[Answers, bool],
) -> None:
    answers, tls = chaos

    outcome = experiment(
        run,
        environment,
        render(**answers),
        workshop,
        tls=tls,
        seed=SEED,
        seconds=SECONDS,
        faults=FAULTS if IS_LONG else SHORT,
    )

    for fault, found in outcome.findings.items():
        verdict = found.verdict
        statuses = ", ".join(f"{n} x {s}" for s, n in sorted(verdict.statuses.items()))
        line = (
            f"chaos: {run_id(chaos)}: {fault}: {statuses}; lost {verdict.lost}, "
            f"duplicated {verdict.duplicated}, refused but done {verdict.denied}; "
            f"slowest {verdict.slowest:.1f} s, recovered in {found.recovery:.1f} s"
        )
        record_property("table", line)
    assert outcome.findings
    for fault, found in outcome.findings.items():
        verdict = found.verdict
        wrong = (verdict.lost, verdict.duplicated, verdict.denied)
        assert wrong == (0, 0, 0), fault
        assert verdict.statuses.keys() <= {200, 201, 503, 504}, fault
        assert verdict.statuses[201], fault
        assert verdict.slowest < LONGEST_SECONDS, fault
        # Somebody has been told that the outcome is unknown.
        assert fault != "answers to COMMIT lost" or verdict.statuses[504], fault
    assert sum(outcome.sessions.values()) <= POOL_SIZE
    assert not any("transaction" in state for state in outcome.sessions)
