"""A layer joins an existing service and changes none of its files."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from support.hosts import (
    Files,
    add_layer,
    import_path,
    modules_of,
    read_host,
    write_host,
)
from support.plain_host import PLAIN
from support.processes import Run
from support.variants import recorded

PACKAGE: Files = {"app/__init__.py": '"""Ours."""\n'}
CORE: Files = PACKAGE | {"app/core/__init__.py": '"""Ours, too."""\n'}
SRC: Files = {"src/app/__init__.py": '"""Ours."""\n'}
SRC_WITHOUT_INIT: Files = {"src/app/api/items.py": "items = []\n"}
SINGLE_FILE: Files = {"main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"}
DB_PACKAGE: Files = {"app/db/__init__.py": "", "app/db/session.py": "x = 1\n"}
DB_MODULE: Files = {"app/db.py": "x = 1\n"}
ALEMBIC: Files = {
    "alembic.ini": "[alembic]\nscript_location = alembic\n",
    "alembic/env.py": '"""Ours."""\n',
}
# A module that the folder tests/db would hide, and what it takes that it does not.
TOP_DB: Files = {"db.py": "x = 1\n", "tests/test_db.py": "import db\n"}
SRC_DB: Files = {"src/db.py": "x = 1\n", "tests/test_db.py": "import db\n"}
TESTS: Files = {"tests/__init__.py": ""}
OWN_TESTS: Files = {"tests/db/test_db.py": "import app\n"}

# The service, the package, and where the layer lands.
ACCEPTED = {
    "a package": (PLAIN, "app", "app"),
    "a package inside it": (CORE, "app.core", "app/core"),
    "beside its db package": (CORE | DB_PACKAGE, "app.core", "app/core"),
    "beside its db module": (CORE | DB_MODULE, "app.core", "app/core"),
    "a new package inside it": (PACKAGE | DB_MODULE, "app.core", "app/core"),
    "src": (SRC, "app", "src/app"),
    "src and a package inside it": (SRC, "app.core", "src/app/core"),
    "src without an init": (SRC_WITHOUT_INIT, "app", "src/app"),
    "its own alembic": (PACKAGE | ALEMBIC, "app", "app"),
    "a single file": (SINGLE_FILE, "app", "app"),
    "a db at the top": (PACKAGE | TOP_DB | TESTS, "app", "app"),
}

DB_EXISTS = (
    "app/db exists already: name another package, such as `app.core`, "
    "and the layer goes to app/core/db."
)
IS_MODULE = (
    "app.py is a module, so it cannot contain the layer: name a package, or a new one."
)
TESTS_EXIST = "tests/db exists already, and the layer's tests go there: move it first."
WOULD_HIDE = (
    "Under pytest, tests/db would hide your module `db`: "
    "add a file tests/__init__.py first."
)
ALERTS_EXIST = (
    "monitoring/alerts.yml and dashboard.json would be overwritten: move yours first."
)
ALEMBIC_EXISTS = (
    "This service has an Alembic of its own: answer no, and the layer leaves it alone."
)
# The service, the answer that is refused, and the sentence that names the way out.
REFUSED = {
    "a db package": (PACKAGE | DB_PACKAGE, ("package", "app"), DB_EXISTS),
    "a db module": (PACKAGE | DB_MODULE, ("package", "app"), DB_EXISTS),
    "a db module in src": (
        SRC | {"src/app/db.py": "x = 1\n"},
        ("package", "app"),
        DB_EXISTS,
    ),
    "a module": ({"app.py": "x = 1\n"}, ("package", "app"), IS_MODULE),
    "below a module": ({"app.py": "x = 1\n"}, ("package", "app.core"), IS_MODULE),
    "tests of its db": (PACKAGE | OWN_TESTS, ("package", "app"), TESTS_EXIST),
    "a db at the top": (PACKAGE | TOP_DB, ("package", "app"), WOULD_HIDE),
    "a db in src": (SRC | SRC_DB, ("package", "app"), WOULD_HIDE),
    "alerts of its own": (
        PACKAGE | {"monitoring/alerts.yml": "groups: []\n"},
        ("metrics", "prometheus"),
        ALERTS_EXIST,
    ),
    "two alembics": (PACKAGE | ALEMBIC, ("migrations", "true"), ALEMBIC_EXISTS),
}

# Answers that change most of the layer.
OTHER_ANSWERS = {
    "mode": "sync",
    "driver": "psycopg2",
    "runtime": "serverless",
    "metrics": "none",
}
# Starts the service with one more handler, asks it, and stops it.
ASK = """
import asyncio, json
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import text
from app.config import events
from app.db import DbSession
from app.main import app

@app.get("/double/{{n}}")
{async_}def double(session: DbSession, n: int) -> int:
    query = text("SELECT 2 * CAST(:n AS integer)")
    return {await_}session.scalar(query, {{"n": n}})

async def main():
    transport = ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        print(json.dumps(events))
        for path in ("/health", "/health/ready", "/double/21"):
            response = await client.get(path)
            print(json.dumps([response.status_code, response.json()]))
    print(json.dumps(events))

asyncio.run(main())
"""

Copy = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """The folder of the service."""
    return tmp_path / "host"


@pytest.fixture
def copy(run: Run, template: Path, host: Path) -> Copy:
    """Add the layer to the service."""

    def copy_layer(*options: str, **answers: object) -> "CompletedProcess[str]":
        return add_layer(run, host, template, *options, **answers)

    return copy_layer


@pytest.mark.parametrize(
    ("files", "package", "folder"), ACCEPTED.values(), ids=list(ACCEPTED)
)
def test_the_layer_is_added_and_no_file_is_changed(
    run: Run, copy: Copy, host: Path, files: Files, package: str, folder: str
) -> None:
    before = read_host(write_host(host, files))

    copied = copy(package=package)

    assert copied.returncode == 0, copied.stderr
    assert f"The layer is in {folder}/db." in copied.stderr
    after = read_host(host)
    assert {name: after.get(name) for name in before} == before
    assert f"{folder}/db/__init__.py" in after
    modules = ", ".join([*modules_of(files), f"{package}.db"])
    command = (sys.executable, "-c", f"import {modules}")
    imported = run(*command, cwd=host, PYTHONPATH=import_path(host))
    assert imported.returncode == 0, imported.stderr


def test_only_the_layer_and_what_it_is_asked_for_is_added(
    copy: Copy, host: Path
) -> None:
    before = read_host(write_host(host, PLAIN))

    copy()

    added = read_host(host).keys() - before.keys()
    folders = "app/db|tests/db|alembic|monitoring"
    files = r"alembic\.ini|\.copier-answers\.yml"
    places = f"({folders})/.|({files})$"
    assert [name for name in added if not re.match(places, name)] == []


def test_the_tests_of_the_service_run_beside_those_of_the_layer(
    run: Run, copy: Copy, host: Path, server_url: str
) -> None:
    write_host(host, PLAIN)
    copy()

    command = (sys.executable, "-m", "pytest", "tests", "--verbose", "-k", "health")
    suite = run(*command, cwd=host, DB_URL=server_url)

    assert suite.returncode == 0, suite.stdout + suite.stderr
    assert "tests/test_health.py::test_it_is_well PASSED" in suite.stdout
    assert "tests/db/test_health.py::" in suite.stdout


@pytest.mark.parametrize(
    ("files", "answer", "sentence"), REFUSED.values(), ids=list(REFUSED)
)
def test_what_would_change_the_service_is_refused_before_anything_is_written(
    copy: Copy, host: Path, files: Files, answer: tuple[str, str], sentence: str
) -> None:
    before = read_host(write_host(host, files))
    name, value = answer

    copied = copy(**{name: value})

    assert copied.returncode != 0
    told = copied.stderr.splitlines()[-1]
    assert told.endswith(f"'{name}': {sentence}")
    assert read_host(host) == before


def test_a_service_with_an_alembic_of_its_own_gets_no_other_one(
    copy: Copy, host: Path
) -> None:
    write_host(host, PACKAGE | ALEMBIC)

    copied = copy()

    assert recorded(host)["migrations"] is False
    assert "In your alembic/env.py, " in copied.stderr


def test_an_alembic_of_its_own_is_not_replaced_by_a_second_copy(
    copy: Copy, host: Path
) -> None:
    write_host(host, PACKAGE | ALEMBIC)
    copy()
    before = read_host(host)

    again = copy("--overwrite", migrations="true")

    assert again.returncode != 0
    assert again.stderr.splitlines()[-1].endswith(ALEMBIC_EXISTS)
    assert read_host(host) == before


@pytest.mark.parametrize("answers", [{}, OTHER_ANSWERS], ids=["default", "other"])
def test_the_two_lines_that_are_printed_connect_a_service_with_its_own_lifespan(
    run: Run, copy: Copy, host: Path, database_url: str, answers: dict[str, str]
) -> None:
    write_host(host, PLAIN)
    importing, calling = find_lines(copy(**answers))

    insert_below(host / "app/main.py", "from fastapi import FastAPI", importing)
    insert_below(host / "app/main.py", "lifespan=lifespan)", calling)
    words = {} if answers else {"async_": "async ", "await_": "await "}
    source = ASK.format_map({"async_": "", "await_": ""} | words)
    asked = run(sys.executable, "-c", source, cwd=host, DB_URL=database_url)

    assert (importing, calling) == (
        "from app.db import add_database",
        "add_database(app)",
    )
    assert asked.returncode == 0, asked.stderr
    assert list(map(json.loads, asked.stdout.splitlines())) == [
        ["start"],
        [200, "well"],
        [200, {"status": "pass"}],
        [200, 42],
        ["start", "end"],
    ]


def find_lines(copied: "CompletedProcess[str]") -> list[Any]:
    """Return the lines of code in a closing message."""
    return re.findall(r"^ +(.*\badd_database\b.*)$", copied.stderr, re.MULTILINE)


def insert_below(path: Path, end: str, line: str) -> None:
    """Insert a line below the one that ends so."""
    text = path.read_text("utf-8")
    assert text.count(f"{end}\n") == 1
    path.write_text(text.replace(f"{end}\n", f"{end}\n{line}\n"), "utf-8")
