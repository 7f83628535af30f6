"""Connection strings: any name and any password reaches the server unchanged."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from support.pairs import PAIRS, pair_id, run_scenario
from support.postgres import administer
from support.processes import Run
from support.tls_server import Servers
from support.variants import Answers, Render

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.parametrize("answers", PAIRS, ids=pair_id),
]
# Its servers are those of test_tls.
one_worker = pytest.mark.xdist_group("tls")
Record = Callable[[str, object], None]

GENERATE = """
from urllib.parse import quote, unquote
from hypothesis import assume, given, settings, strategies as st
from app.db.engine.url import parse_url

bounded = settings(max_examples=200, deadline=None, derandomize=True, database=None)
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\\0")
names = st.text(characters, min_size=1)
raw = st.text("@,/?#:%&=[]'*+ \\"aZ9ü", min_size=1)

@bounded
@given(names, names, names)
def parts_come_back(user, password, name):
    # A dashboard that hides the password shows this.
    assume(password != "***")
    user_, password_, name_ = (quote(part, safe="") for part in (user, password, name))
    url = parse_url(f"postgresql://{user_}:{password_}@one/{name_}")
    assert (url.username, url.password, url.database) == (user, password, name)
    assert (url.host, url.port, dict(url.query)) == ("one", None, {})

@bounded
@given(raw)
def raw_password_is_understood_or_refused(password):
    assume(unquote(password) != "***")
    try:
        url = parse_url(f"postgresql://me:{password}@one/name")
    except ValueError:
        assert "@" in password
    else:
        assert (url.username, url.password) == ("me", unquote(password))
        assert (url.host, url.database, dict(url.query)) == ("one", "name", {})

async def main():
    parts_come_back()
    raw_password_is_understood_or_refused()
    emit("held")
"""
CONNECT = """
async def main():
    found = []
    for url in json.loads(os.environ["URLS"]):
        os.environ["DB_URL"] = url
        get_settings.cache_clear()
        report = await check_connection()
        found.append([report.database, report.user])
        await dispose_engine()
    emit(found)
"""
WEIRD = ["two words", "it's", 'a"b', "100%41", "a@b", "/a/b", "a?b=c&d", "a#b:c,d\\"]
WEIRD += ["größe", "数据库🐘"]


def test_parts_of_any_text_come_back_as_they_were(
    run: Run, render: Render, answers: Answers, tmp_path: Path, record_property: Record
) -> None:
    variables = {"HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}

    outcome = run_scenario(run, render(**answers), GENERATE, **variables)

    record_property("table", f"urls: {pair_id(answers)}: any text: {outcome}")
    assert outcome == "held"


@pytest.fixture(scope="module")
def named(server_url: str) -> Iterator[dict[str, str]]:
    """Databases on the server, each with a role of the same name: name to URL."""
    start, question, query = server_url.partition("?")
    place = start.rpartition("@")[2].partition("/")[0]
    prefix = uuid4().hex[:8]
    names = [f"{prefix}{name}" for name in WEIRD]
    admin = make_url(server_url).set(drivername="postgresql")
    with psycopg.connect(
        admin.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        urls = {}
        for name in names:
            for create in (
                "CREATE ROLE {} LOGIN PASSWORD 'secret'",
                "CREATE DATABASE {} TEMPLATE template0",
            ):
                connection.execute(SQL(create).format(Identifier(name)))
            part = quote(name, safe="")
            urls[name] = f"postgresql://{part}:secret@{place}/{part}{question}{query}"
        yield urls
        for name in names:
            for drop in ("DROP DATABASE {} (FORCE)", "DROP ROLE {}"):
                connection.execute(SQL(drop).format(Identifier(name)))


@one_worker
def test_a_database_and_a_user_of_any_name_are_reached(
    run: Run,
    render: Render,
    named: dict[str, str],
    answers: Answers,
    record_property: Record,
) -> None:
    urls = json.dumps(list(named.values()))

    found = run_scenario(run, render(**answers), CONNECT, URLS=urls)

    outcome = f"{len(found)} reached"
    record_property("table", f"urls: {pair_id(answers)}: weird names: {outcome}")
    assert found == [[name, name] for name in named]


@pytest.fixture(scope="module")
def secured(servers: Servers) -> list[str]:
    """URLs of one server with SCRAM and TLS, each with another password."""
    place = f"127.0.0.1:{servers.valid}/postgres?sslmode=require"
    urls = []
    with administer(servers.folder, servers.valid) as connection:
        for number, password in enumerate(WEIRD):
            create = f"CREATE ROLE user{number} LOGIN PASSWORD {{}}"
            connection.execute(SQL(create).format(password))
            login = f"user{number}:{quote(password, safe='')}"
            urls.append(f"postgresql://{login}@{place}")
    return urls


@one_worker
def test_any_password_logs_in(
    run: Run,
    render: Render,
    secured: list[str],
    answers: Answers,
    record_property: Record,
) -> None:
    found = run_scenario(run, render(**answers), CONNECT, URLS=json.dumps(secured))

    outcome = f"{len(found)} logged in"
    record_property("table", f"urls: {pair_id(answers)}: weird passwords: {outcome}")
    assert found == [["postgres", f"user{number}"] for number in range(len(WEIRD))]
