"""Every variant's own tests pass on a real PostgreSQL.

What several variants share runs once: a test module whose imports have the same content
in two variants cannot have two outcomes.
"""

from collections.abc import Callable

import pytest

from support.imports import Imports
from support.results import fingerprint
from support.runner import Runner
from support.suites import read_files, read_suite
from support.variants import Answers, Render, all_variants, parameters, variant_id

# The layer is the same in both scaffolds.
LAYERS = [answers for answers in all_variants() if answers["scaffold"] == "layer"]


def order(answers: Answers) -> tuple[bool, ...]:
    """Sort the variants so that workers seldom wait for what another one is running.

    Those with nothing but the layer come first, so that its tests run where there is no
    file of the user's.
    """
    wanted = (("scaffold", "layer"), ("migrations", True), ("models", "sqlalchemy"))
    return tuple(answers[name] != answer for name, answer in wanted)


@pytest.mark.parametrize("answers", parameters(sorted(all_variants(), key=order)))
def test_the_suite_passes(
    render: Render,
    runner: Runner,
    answers: Answers,
    record_property: Callable[[str, object], None],
) -> None:
    project = render(**answers)
    suite = read_suite(project)

    outcomes = runner.run(suite)

    record_property("variant", variant_id(answers))
    for key in suite.keys.values():
        record_property("module", key)
    counts = [outcome.passed for outcome in outcomes.values()]
    passed = sum(counts) if all(counts) else 0
    record_property("passed", {fingerprint(project): passed})
    failed = [outcome.output for outcome in outcomes.values() if not outcome.passed]
    assert not failed, failed[0][-8000:]


@pytest.mark.parametrize("answers", parameters(LAYERS))
def test_every_module_of_the_layer_is_imported_by_a_test(
    render: Render, answers: Answers
) -> None:
    files = read_files(render(**answers))

    layer = {path for path in files if path.startswith("app/db/") and files[path]}
    layer = {path for path in layer if path.endswith(".py")}
    tests = [path for path in files if path.startswith("tests/")]
    assert layer <= Imports(files).closure(*tests)


def test_a_module_depends_on_what_it_imports_in_the_end() -> None:
    files = {
        "app/__init__.py": b"",
        "app/db/__init__.py": b"from .session import get_db as get_db",
        "app/db/session.py": b"def get_db():\n    from .engine import build",
        "app/db/engine/__init__.py": b"from . import url\ndef build(): ...",
        "app/db/engine/url.py": b"import sys",
        "app/db/health.py": b"from app import db",
        "tests/test_session.py": b"from app.db import get_db",
        "tests/test_health.py": b"import app.db.health",
    }

    imports = Imports(files)

    of_session = {
        path for path in files if not path.endswith(("health.py", "p/__init__.py"))
    }
    assert imports.closure("tests/test_session.py") == of_session
    assert imports.closure("tests/test_health.py") >= {"app/db/health.py"}
    assert "tests/test_session.py" not in imports.closure("tests/test_health.py")
