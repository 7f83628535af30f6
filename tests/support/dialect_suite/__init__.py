"""SQLAlchemy's tests for dialects, on the engines of a rendered project."""

import json
import re
import sys
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from support.databases import make_database
from support.processes import Run

_FOLDER = Path(__file__).parent

# `test_get_multi_*` and `test_multi_get_*` reflect each kind of table in each scope, in
# 672 combinations of the same queries, which the tests of a single table send as well.
_LEFT_OUT = "get_multi or multi_get"

# The names of the schemas are SQLAlchemy's.
_PREPARE = """
CREATE SCHEMA test_schema;
CREATE SCHEMA test_schema_2;
"""


def run_suite(
    run: Run,
    project: Path,
    server_url: str,
    folder: Path,
    drivername: str,
    tests: list[str] | None = None,
) -> dict[str, str]:
    """Run tests of the suite in a database of their own, and return their outcomes.

    Args:
        run: The fixture of that name.
        project: A rendered project, which is only read.
        server_url: The server.
        folder: Where files can be put.
        drivername: The dialect. That of the project is given what `build_engine` gives.
        tests: Their names, as they are returned. By default all.

    Returns:
        "passed", "skipped", "failed" or "error", by names such as
        `IntegerTest::test_literal[0]`.
    """
    suite = _FOLDER / "suite.py"
    names = [f"{suite}::{name}" for name in tests] if tests else [str(suite)]
    arguments, outcomes = folder / "arguments", folder / "outcomes"
    arguments.write_text("\n".join(names), encoding="utf-8")
    plugins = ("sqlalchemy.testing.plugin.pytestplugin", f"{__name__}.plugin")
    with make_database(server_url) as url:
        with psycopg.connect(url) as client:
            client.execute(_PREPARE.encode())
        result = run(
            *(sys.executable, "-m", "pytest", "-q", f"-c{_FOLDER / 'setup.cfg'}"),
            *(f"-p{plugin}" for plugin in (*plugins, "no:cacheprovider")),
            *(
                f"-knot ({_LEFT_OUT})",
                f"--dburi={make_url(url).set(drivername=drivername)}",
            ),
            f"@{arguments}",
            cwd=project,
            OUTCOMES=str(outcomes),
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            PYTHONPATH=f"{project}:{_FOLDER.parents[1]}",
        )
    assert result.returncode in {0, 1}, result.stdout + result.stderr
    found = json.loads(outcomes.read_text("utf-8"))
    # SQLAlchemy adds the database's name to each class.
    return {
        re.sub(r"^.*?::(\w+?)_postgresql[^:]*", r"\1", name): outcome
        for name, outcome in found.items()
    }
