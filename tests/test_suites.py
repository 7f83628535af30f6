"""Every variant's own tests pass on a real PostgreSQL.

Each suite runs in a folder with the files that it needs and no others, so that two
suites with the same files are the same one. The layer's needs no file of the user's.
"""

from collections.abc import Callable

import pytest

from support.suites import Runner, Suite, suite_of_the_layer, suite_of_the_project
from support.variants import Answers, Render, all_variants, parameters, variant_id

Pass = Callable[[Suite], None]

# The others have nothing but the layer.
WITH_TESTS_OF_ITS_OWN = [
    answers
    for answers in all_variants()
    if answers["scaffold"] == "app" or answers["migrations"]
]


@pytest.fixture
def passes(
    runner: Runner, answers: Answers, record_property: Callable[[str, object], None]
) -> Pass:
    """Run a suite of a variant, unless it is that of another one."""

    def run(suite: Suite) -> None:
        outcome = runner.run(suite)
        record_property("variant", variant_id(answers))
        record_property("suite", suite.key)
        assert outcome.passed, outcome.output[-8000:]

    return run


@pytest.mark.parametrize("answers", parameters(all_variants()))
def test_the_suite_of_the_layer_passes(
    render: Render, passes: Pass, answers: Answers
) -> None:
    passes(suite_of_the_layer(render(**answers)))


@pytest.mark.parametrize("answers", parameters(WITH_TESTS_OF_ITS_OWN))
def test_the_suite_of_the_project_passes(
    render: Render, passes: Pass, answers: Answers
) -> None:
    passes(suite_of_the_project(render(**answers)))
