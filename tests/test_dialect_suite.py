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

# What the dialect knows after it has connected, and before anybody has asked: the server's
# default isolation level, which nothing in a service needs, and the default schema, which
# the lean dialect asks for when a database is first inspected.
ONLY_WITH_A_ROUND_TRIP = {"IsolationLevelTest::test_default_isolation_level"} | {
    f"{kind}WeCanSetDefaultSchemaWEventsTest::test_{name}"
    for kind in ("", "Future")
    for name in (
        "control_case",
        "wont_work_wo_insert",
        "schema_change_on_connect",
        "schema_change_works_w_transactions",
    )
}

# SQLAlchemy's names of its own dialects.
STOCK = {
    "async-psycopg": "postgresql+psycopg_async",
    "async-asyncpg": "postgresql+asyncpg",
    "sync-psycopg": "postgresql+psycopg",
    "sync-psycopg2": "postgresql+psycopg2",
}


@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_the_lean_dialect_passes_what_the_stock_dialect_passes(
    render: Render,
    run: Run,
    server_url: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    answers: Answers,
) -> None:
    pair = pair_id(answers)
    run_dialect = partial(run_suite, run, render(**answers), server_url, tmp_path)

    lean = run_dialect(f"postgresql+lean_{answers['driver']}")
    others = [name for name, outcome in lean.items() if outcome != "passed"]
    stock = run_dialect(STOCK[pair], others)

    passed = len(lean) - len(others)
    lost = {name for name in others if stock[name] == "passed"}
    record_property(
        "table",
        f"dialect suite: {pair}: {passed} passed as on the stock dialect, "
        f"{len(lost)} only with a round trip at the start",
    )
    assert passed > 1_000
    assert "error" not in stock.values()
    assert lost == ONLY_WITH_A_ROUND_TRIP
