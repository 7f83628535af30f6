"""Connection strings: what people paste is understood or refused, and never shown."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from support.pairs import PAIRS, pair_id, run_scenario
from support.processes import Run
from support.tls_server import Servers, administer
from support.variants import Answers, Render

pytestmark = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
# Its servers are those of test_tls.
one_worker = pytest.mark.xdist_group("tls")
Record = Callable[[str, object], None]

SCHEMES = "postgres postgresql postgresql+psycopg postgresql+psycopg_async "
SCHEMES += "postgresql+psycopg2 postgresql+asyncpg postgresql+pg8000"
WRAPPINGS = [
    *("{}", "  {}\n", "{}\r\n", "'{}'", '"{}"', ' "{}" ', "psql {}", "psql '{}'"),
    *('psql "{}"', "DATABASE_URL={}", "DATABASE_URL = '{}'", 'POSTGRES_URL="{}"\n'),
    *('export DB_URL="{}"', "export DB_URL='{}'", "export DB_URL={}\n"),
]
# What follows user and password, and where the driver looks.
PLACES = {
    "one/name": "one:5432",
    "one:5433/name": "one:5433",
    "one?dbname=name": "one:5432",
    "one/n%61me": "one:5432",
    "[::1]/name": "::1:5432",
    "[2001:db8::1]:5433/name": "2001:db8::1:5433",
    "one:5433,two:5434/name": "one:5433 two:5434",
    "one,two/name": "one:5432 two:5432",
    "one:5433,two/name": "one:5433 two:5432",
    "one,[::1]:5434/name": "one:5432 ::1:5434",
    "/name?host=one:5433&host=two:5434": "one:5433 two:5434",
    "/name?host=one&port=5433": "one:5433",
    "/name?host=/run/pg": "/run/pg:5432",
    "/name?host=%2Frun%2Fpg": "/run/pg:5432",
    "%2Frun%2Fpg/name": "/run/pg:5432",
    "%2frun%2fpg:5433/name": "/run/pg:5433",
}
FULL = {"sslmode": "verify-full", "sslrootcert": "CERTIFI"}
PROBES = {"keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "10"}
# What follows the question mark for a remote host, and what libpq is given.
PARAMETERS: dict[str, dict[str, Any]] = {
    "": {},
    "sslmode=require": FULL,
    "sslmode=verify-full": FULL,
    "sslmode=verify-ca": FULL | {"sslmode": "verify-ca"},
    "sslmode=prefer": {"sslmode": "prefer"},
    "sslmode=disable": {"sslmode": "disable"},
    "ssl=true": FULL,
    "sslrootcert=system": FULL,
    "sslmode=require&channel_binding=require": FULL | {"channel_binding": "require"},
    "sslnegotiation=direct": FULL | {"sslnegotiation": "direct"},
    "connect_timeout=3": {"connect_timeout": 3, "tcp_user_timeout": 3000},
    "application_name=its": {"application_name": "its"},
    "options=-c%20jit%3Doff": {"options": "-c jit=off"},
    "options=endpoint%3Dep-a": {"options": "endpoint=ep-a"},
    "target_session_attrs=any": {"target_session_attrs": "any"},
    "keepalives=1&keepalives_idle=30&keepalives_interval=10": PROBES,
    "keepalives_count=3&tcp_user_timeout=9": {
        "keepalives_count": "3",
        "tcp_user_timeout": "9",
    },
    "gssencmode=disable": {"gssencmode": "disable"},
    "pgbouncer=true&pool_timeout=9&connection_limit=1&schema=public": {},
}
# Each of these can lead to another machine.
ELSEWHERE = [
    "postgresql://localhost/name?host=one&sslmode=require",
    "postgresql://localhost,one/name?sslmode=require",
    "postgresql:///name?host=localhost&host=one&sslmode=require",
    "postgresql://localhost/name?hostaddr=192.0.2.1&sslmode=require",
]

SECRET = "Zq7Xk9Vw3Jt5Hg"
BASE = f"postgresql://me:{SECRET}@one/name"
AT_SIGNS = "@ @@ ,@ @, /@ @/ ?@ @? :@ @: #@ @# @[ @%2F @?host= @?x= &@ @& =@"
NOT_SCHEMES = "mysql http https redis sqlite postgre postgresq jdbc:postgresql x"
NOT_PORTS = ["0", "65536", "-1", "99999999999", "http", "54 32", SECRET, "1:2"]
NOT_HOSTS = ["<host>", "${HOST}", "{host}", "ho st", "h$t", "[::1", "::1", "!", "a%20"]
INVISIBLE = "\n\r\t\0\x1b\x7f\x85\xa0\u200b\u2028\ufeff"
NOT_PARAMETERS = ["{}=1", "x={}", "sslmode={}", "ssl={}", "connect_timeout={}"]
NOT_URLS = [
    *("", " ", "''", "psql", "psql -h one -U me", "DATABASE_URL=", "name", "one/name"),
    *(SECRET, f"me:{SECRET}@one/name", f"//me:{SECRET}@one/name", f"psql -d {BASE}"),
    *(f"host=one password={SECRET}", f"psql 'host=one password={SECRET}'"),
    *(f"Host=one;Password={SECRET}", f'{{"url": "{BASE}"}}', f"DB_URL: {BASE}"),
    *(f"<{BASE}>", f"- {BASE}", f"({BASE})", f"\\{BASE}", f"{BASE}%00"),
    *(f"postgresql:me:{SECRET}@one", f"postgresql:/me:{SECRET}@one"),
    *(f"postgresql ://me:{SECRET}@one", f"postgresql//me:{SECRET}@one"),
    *(f"postgresql://me:{SECRET}", f"postgresql://me:{SECRET}/name"),
    *(f"postgresql://me:{SECRET},two/name", "postgresql://me:***@one/name"),
    *(f"postgresql://me%00:{SECRET}@one/name", f"postgresql://me:{SECRET}%00@one"),
    *(f"{BASE}?host=%00", f"{BASE}?host=ho%20st", f"{BASE}?user=%00"),
]
EXAMINE = """
import ssl, traceback
import certifi
from app.db.endpoint import build_endpoint
from app.db.url import parse_url

class Said(logging.Handler):
    def emit(self, record):
        said.append(self.format(record))

said = []
logging.basicConfig(level=logging.DEBUG, handlers=[Said()])

def examine(text):
    endpoint = build_endpoint(
        parse_url(text, setting="DB_URL"), setting="DB_URL", pooled=False,
        application_name="ours", connect_timeout=7, server_settings={},
    )
    place = endpoint.url.get_dialect()().create_connect_args(endpoint.url)[1]
    return {key: name(value) for key, value in (place | endpoint.connect_args).items()}

def name(value):
    if isinstance(value, ssl.SSLContext):
        return f"{value.verify_mode.name} {value.check_hostname}"
    return "CERTIFI" if value == certifi.where() else value

def unfold(error):
    if error is None:
        return []
    return [repr(error), *unfold(error.__cause__), *unfold(error.__context__)]

async def main():
    found = []
    for text in json.loads(os.environ["TEXTS"]):
        said.clear()
        try:
            outcome = examine(text)
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
            said.extend([*traceback.format_exception(error), *unfold(error)])
        found.append([outcome, "".join(said)])
    emit(found)
"""
GENERATE = """
from urllib.parse import quote, unquote
from hypothesis import assume, given, settings, strategies as st
from app.db.url import parse_url

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
    url = parse_url(f"postgresql://{user_}:{password_}@one/{name_}", setting="DB_URL")
    assert (url.username, url.password, url.database) == (user, password, name)
    assert (url.host, url.port, dict(url.query)) == ("one", None, {})

@bounded
@given(raw)
def raw_password_is_understood_or_refused(password):
    assume(unquote(password) != "***")
    try:
        url = parse_url(f"postgresql://me:{password}@one/name", setting="DB_URL")
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
from app.config.settings import get_settings

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


def build_malformed() -> list[str]:
    """Return what nobody can mean, with a secret in it where there is room for one."""
    half = SECRET[:7], SECRET[7:]
    ends = "one/name", "one", "one/name?sslmode=require"
    queries = [form.format(SECRET) for form in NOT_PARAMETERS]
    return [
        *NOT_URLS,
        *(f"{BASE}?{query}" for query in [*queries, "connect_timeout=-1"]),
        *(BASE.replace("postgresql", scheme, 1) for scheme in NOT_SCHEMES.split()),
        *(BASE.replace("one", f"one:{port}") for port in NOT_PORTS),
        *(BASE.replace("one", f"one:{port},two") for port in NOT_PORTS),
        *(BASE.replace("one", host) for host in NOT_HOSTS),
        *(BASE.replace(SECRET, character.join(half)) for character in INVISIBLE),
        *(
            f"postgresql://me:{SECRET[:cut]}{sign}{SECRET[cut:]}@{end}"
            for sign in AT_SIGNS.split()
            for cut in (1, 4, 7, 10, 13)
            for end in ends
        ),
    ]


def examine(run: Run, render: Render, answers: Answers, texts: list[str]) -> list[Any]:
    """Return of each text what the driver is given, or the error, and all that shows."""
    found: list[Any] = run_scenario(
        run, render(**answers), EXAMINE, TEXTS=json.dumps(texts)
    )
    return found


def split(given: Any) -> Any:
    """Tell who logs in, where, and how, in the same words for every driver."""
    if isinstance(given, str):
        return given
    how = {**given, **given.get("server_settings", {})}
    how.pop("server_settings", None)
    login = [how.pop("user"), how.pop("password")]
    login.append(how.pop("dbname", None) or how.pop("database", None))
    hosts, ports = (
        value if isinstance(value, list) else str(value or "").split(",")
        for value in (how.pop("host", ""), how.pop("port", ""))
    )
    places = zip(hosts, ports * (len(hosts) // len(ports)), strict=True)
    return login, " ".join(f"{host}:{port or 5432}" for host, port in places), how


def translate(answers: Answers, how: dict[str, Any]) -> dict[str, Any]:
    """Translate what libpq is given for the driver."""
    if answers["driver"] != "asyncpg":
        return how
    names = {"connect_timeout": "timeout", "sslmode": "ssl"}
    names |= {"application_name": "application_name", "options": "options"}
    names |= {"target_session_attrs": "target_session_attrs"}
    given = {names[name]: how[name] for name in names.keys() & how.keys()}
    verified = {"verify-full": "CERT_REQUIRED True", "verify-ca": "CERT_REQUIRED False"}
    if "ssl" in given:
        given["ssl"] = verified.get(given["ssl"], given["ssl"])
    return given | ({"direct_tls": True} if "sslnegotiation" in how else {})


def test_the_driver_is_given_what_people_paste(
    run: Run, render: Render, answers: Answers, record_property: Record
) -> None:
    url = "postgresql://me:p%40ss@"
    spellings = [
        wrapping.format(f"{url.replace('postgresql', scheme)}one/name")
        for scheme in SCHEMES.split()
        for wrapping in WRAPPINGS
    ]
    places = [f"{url}{place}" for place in PLACES]
    parameters = [f"{url}one/name?{query}" for query in PARAMETERS]
    texts = [f"{url}one/name", *spellings, *places, *parameters]

    found = examine(run, render, answers, texts)

    outcomes = {
        text: split(given) for text, (given, _) in zip(texts, found, strict=True)
    }
    usual = outcomes[texts[0]][2]
    expected = dict.fromkeys(spellings, "one:5432")
    expected |= zip(places, PLACES.values(), strict=True)
    expected |= dict.fromkeys(parameters, "one:5432")
    hows = dict.fromkeys(spellings, usual)
    for text, how in zip(parameters, PARAMETERS.values(), strict=True):
        hows[text] = usual | translate(answers, how)
    wrong = {
        text: outcomes[text]
        for text, place in expected.items()
        if outcomes[text][:2] != (["me", "p@ss", "name"], place)
        or (text in hows and outcomes[text][2] != hows[text])
    }
    understood = f"{len(expected) - len(wrong)} of {len(expected)}"
    record_property("table", f"urls: {pair_id(answers)}: understood: {understood}")
    assert not wrong, wrong


def test_another_machine_is_verified_wherever_it_is_named(
    run: Run, render: Render, answers: Answers, record_property: Record
) -> None:
    found = examine(run, render, answers, ELSEWHERE)

    trusted = {
        text: outcome
        for text, (outcome, _) in zip(ELSEWHERE, found, strict=True)
        if not re.search(
            r"^ValueError|'verify-full'|'CERT_REQUIRED True'", str(outcome)
        )
    }
    verified = f"{len(ELSEWHERE) - len(trusted)} of {len(ELSEWHERE)}"
    record_property("table", f"urls: {pair_id(answers)}: verified: {verified}")
    assert not trusted


def test_what_nobody_can_mean_is_refused_without_a_part_of_it(
    run: Run, render: Render, answers: Answers, record_property: Record
) -> None:
    malformed = build_malformed()
    parts = {SECRET[start : start + 4] for start in range(len(SECRET) - 3)}

    found = examine(run, render, answers, malformed)

    wrong = {
        text: outcome
        for text, (outcome, said) in zip(malformed, found, strict=True)
        if not re.fullmatch(r"ValueError: DB_URL [^\n]+", str(outcome))
        or any(part in said for part in parts)
    }
    refused = f"{len(malformed) - len(wrong)} of {len(malformed)}"
    record_property("table", f"urls: {pair_id(answers)}: refused: {refused}")
    assert len(malformed) >= 80
    assert not wrong


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
