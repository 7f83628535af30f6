"""What the layer's README says is so: its tables, and its second database."""

import json
import re
import shutil
import sys
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest

from support.databases import make_database
from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import Run
from support.variants import ROOT, Answers, Render, all_variants
from sync_errors import HEADER

SETTINGS = """
import json
from app.db.migrations import MigrationSettings as Settings
from pydantic_core import PydanticUndefined

def find(environment):
    values = Settings(_env_file=None, ENVIRONMENT=environment, DB_URL="unused")
    return {name: getattr(values, name) for name in Settings.model_fields}

def others(field):
    return [str(choice) for choice in getattr(field.validation_alias, "choices", [])]

print(json.dumps({
    "development": find("development"),
    "production": find("production"),
    "aliases": {name: others(field) for name, field in Settings.model_fields.items()},
}, default=str))
"""

ERRORS = """
import json
from app.db.advice import ADVICE

print(json.dumps([
    [reason, *advice.answer[:2], advice.hint, advice.sqlstates]
    for reason, advice in ADVICE.items()
]))
"""

# What is published, which the first retry and the first check complete.
PROMETHEUS = """
from app.db import metrics
from app.db.meter import latest_check

async def main():
    from prometheus_client import REGISTRY
    from stamina.instrumentation import get_prometheus_counter

    get_prometheus_counter()
    latest_check.is_ready, latest_check.server_limit = True, 100
    emit([
        [family.name + "_total" * (family.type == "counter"), family.type]
        for family in REGISTRY.collect()
        if family.name.startswith(("db_", "stamina_"))
    ])
"""
OPENTELEMETRY = """
async def main():
    from opentelemetry.metrics import NoOpMeter, NoOpMeterProvider, set_meter_provider
    kinds = {
        "create_counter": "counter",
        "create_histogram": "histogram",
        "create_observable_gauge": "gauge",
        "create_observable_up_down_counter": "up-down counter",
    }
    found = []

    class Meter(NoOpMeter):
        def __getattribute__(self, creator):
            create = super().__getattribute__(creator)

            def note(name, *arguments, **options):
                found.append([name, kinds[creator]])
                return create(name, *arguments, **options)

            return note if creator in kinds else create

    class Provider(NoOpMeterProvider):
        def get_meter(self, name, *arguments, **options):
            return Meter(name)

    set_meter_provider(Provider())
    emit(found)
"""

# A unit of work in each database.
SCENARIO = """
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from app.db.session import ReportsSession

app = FastAPI()

@app.post("/")
async def report(session: ReportsSession) -> None:
    await session.execute(text("CREATE TABLE reports ()"))

async def main():
    async with get_session() as session:
        await session.execute(text("CREATE TABLE ours ()"))
    await dispose_engine()
    client = AsyncClient(transport=ASGITransport(app), base_url="http://test")
    with ThreadPoolExecutor(1) as executor:
        response = executor.submit(asyncio.run, client.post("/")).result()
    emit(response.status_code)
"""


@pytest.mark.parametrize("runtime", ["server", "serverless"])
def test_the_table_has_every_setting_and_its_default(
    render: Render, run: Run, runtime: str
) -> None:
    project = render(**all_variants()[0] | {"runtime": runtime})
    shown = run(sys.executable, "-c", SETTINGS, cwd=project)
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)

    rows = dict[str, tuple[str, str]]()
    for line in (project / "app/db/README.md").read_text("utf-8").splitlines():
        if match := re.match(r"\| `([A-Z_]+)` \| (.*) \| (.*) \|$", line):
            rows[match[1]] = (match[2], match[3])

    assert rows.keys() == found["development"].keys()
    for name, (default, text) in rows.items():
        named = set(re.findall(r"[A-Z_]{2,}", text)) | {name}
        assert set(found["aliases"][name]) <= named, name
        expected = [found[key][name] for key in ("development", "production")]
        stated = re.fullmatch(r"`([^`]+)`(?:, in production `([^`]+)`)?", default)
        if name not in {"DB_URL", "ENVIRONMENT"} and expected[0] is not None:
            assert stated, default
            assert [stated[1], stated[2] or stated[1]] == list(map(plain, expected))


def plain(value: object) -> str:
    """Write a default as the table does."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_table_of_errors_is_that_of_the_code(render: Render, run: Run) -> None:
    project = render(**all_variants()[0])
    shown = run(sys.executable, "-c", ERRORS, cwd=project)
    assert shown.returncode == 0, shown.stderr
    expected = []
    for reason, status, is_transient, hint, codes in json.loads(shown.stdout):
        again = "yes" if is_transient else "no"
        expected.append([f"`{reason}`", ", ".join(codes), str(status), again, hint])

    for page in (project / "app/db/README.md", ROOT / "docs/errors.md"):
        rows = page.read_text("utf-8").partition(f"\n{HEADER}\n")[2].split("\n\n")[0]
        cells = [line[2:-2].split(" | ") for line in rows.splitlines()[1:]]
        assert cells == expected, page


@pytest.mark.parametrize(
    ("metrics", "scenario"),
    [("prometheus", PROMETHEUS), ("opentelemetry", OPENTELEMETRY)],
    ids=["prometheus", "opentelemetry"],
)
def test_the_table_has_every_metric(
    render: Render, run: Run, metrics: str, scenario: str
) -> None:
    project = render(**all_variants()[0] | {"metrics": metrics})
    found = run_scenario(run, project, scenario, DB_URL="postgresql://unused")

    readme = (project / "app/db/README.md").read_text("utf-8")
    rows = re.findall(
        r"^\| `((?:db|stamina)[._][a-z._]+)` \| ([a-z -]+) \| ", readme, re.MULTILINE
    )

    assert sorted(map(list, rows)) == sorted(found)


@pytest.mark.thorough
@pytest.mark.xdist_group("mypy")
@pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
def test_the_recipe_for_a_second_database_works(
    render: Render,
    run: Run,
    mypy_cache: Path,
    workshop: Path,
    server_url: str,
    answers: Answers,
) -> None:
    project = workshop / "project"
    shutil.copytree(render(**answers), project)
    db = project / "app/db"
    readme = (db / "README.md").read_text("utf-8")
    recipe = readme.split("\n## A second database\n")[1]
    (setting,) = re.findall(r"`settings.py`: `(.*)`", recipe)
    engine, *dependency = re.findall(r"```python\n(.*?)```", recipe, re.DOTALL)
    insert_before(db / "settings.py", "    DB_REPLICA_URL: ", f"    {setting}")
    append(db / "connection.py", dedent(engine))
    imported = "from .connection import get_reports_engine"
    insert_before(db / "session.py", "from .errors import", imported)
    append(db / "session.py", "\n\n".join(map(dedent, dependency)))

    with make_database(server_url) as ours, make_database(server_url) as reports:
        urls = {"DB_URL": ours, "REPORTS_URL": reports}
        assert run_scenario(run, project, SCENARIO, **urls) == 200
        tables = [tables_of(url) for url in (ours, reports)]
        # What it does not need is not set.
        command = (sys.executable, "-m", "pytest", "tests/db/test_settings.py")
        suite = run(*command, cwd=project, DB_URL=ours)
    cache = f"--cache-dir={mypy_cache}"
    mypy = run(sys.executable, "-m", "mypy", cache, ".", cwd=project)

    assert tables == [["ours"], ["reports"]]
    assert suite.returncode == 0, suite.stdout
    assert mypy.returncode == 0, mypy.stdout


def insert_before(path: Path, start: str, line: str) -> None:
    """Insert a line before the one that starts so."""
    text = path.read_text("utf-8")
    assert text.count(f"\n{start}") == 1
    path.write_text(text.replace(f"\n{start}", f"\n{line}\n{start}"), "utf-8")


def append(path: Path, code: str) -> None:
    """Put code at the end of a module."""
    path.write_text(f"{path.read_text('utf-8')}\n\n{code}", "utf-8")


def tables_of(url: str) -> list[str]:
    """Return the names of the tables in a database."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return [name for (name,) in rows]
