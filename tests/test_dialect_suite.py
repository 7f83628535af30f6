"""SQLAlchemy's tests for dialects: what passes on the stock dialect passes on ours."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.dialect_suite import run_suite
from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.variants import Answers, Render

pytestmark = pytest.mark.thorough

# The server's default isolation level costs a round trip when the first connection is
# opened. Nothing in a service needs to know it.
ONLY_WITH_A_ROUND_TRIP = {"IsolationLevelTest::test_default_isolation_level"}


@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_the_lean_dialect_passes_what_the_stock_dialect_passes(
    render: Render,
    run: Run,
    server_url: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    run_dialect = partial(run_suite, run, render(**answers), server_url, tmp_path)

    lean = run_dialect(f"postgresql+lean_{answers['driver']}")
    others = [name for name, outcome in lean.items() if outcome != "passed"]
    stock = run_dialect("postgresql+stock", others)

    passed = len(lean) - len(others)
    lost = {name for name in others if stock[name] == "passed"}
    record_property(
        "table",
        f"dialect suite: {pair_id(answers)}: {passed} passed as on the stock dialect, "
        f"{len(lost)} only with a round trip at the start",
    )
    assert passed > 1_000
    assert lost == ONLY_WITH_A_ROUND_TRIP
