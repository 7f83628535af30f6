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

_OPTIONS = (
    f"-c{_FOLDER / 'setup.cfg'}",
    "-psqlalchemy.testing.plugin.pytestplugin",
    f"-p{__name__}.plugin",
    "-pno:cacheprovider",
    # They reflect each kind of table in each scope: hundreds of combinations of queries
    # that the tests of a single table send as well.
    "-knot (get_multi or multi_get)",
    "--assert=plain",
    "--quiet",
)
# What SQLAlchemy's tests find in a database.
_PREPARE = "CREATE SCHEMA test_schema; CREATE SCHEMA test_schema_2"


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
        drivername: The dialect: that of the project, or `postgresql+stock`.
        tests: Their names, as they are returned. By default all.

    Returns:
        "passed", "skipped", "failed" or "error", by names such as
        `IntegerTest::test_literal[0]`.
    """
    arguments, outcomes = folder / "arguments", folder / "outcomes"
    suite = str(_FOLDER / "suite.py")
    names = [f"{suite}::{name}" for name in tests or []] or [suite]
    arguments.write_text("\n".join(names), encoding="utf-8")
    with make_database(server_url) as database_url:
        with psycopg.connect(database_url) as client:
            client.execute(_PREPARE.encode())
        url = make_url(database_url).set(drivername=drivername)
        result = run(
            *(sys.executable, "-m", "pytest", *_OPTIONS, f"@{arguments}"),
            f"--dburi={url.render_as_string(hide_password=False)}",
            cwd=project,
            OUTCOMES=str(outcomes),
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            PYTHONPATH=f"{project}:{_FOLDER.parents[1]}",
        )
    assert result.returncode in {0, 1}, result.stdout + result.stderr
    found = json.loads(outcomes.read_text("utf-8"))
    # Without the file, and what SQLAlchemy adds to the class: the database's name.
    return {
        re.sub("_postgresql[^:]*::", "::", name.partition("::")[2], count=1): outcome
        for name, outcome in found.items()
    }
