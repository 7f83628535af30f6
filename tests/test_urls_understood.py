"""Connection strings: what people paste reaches the driver, and the right server."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.urls import examine
from support.variants import Answers, Render

pytestmark = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
Record = Callable[[str, object], None]

SCHEMES = "postgres postgresql postgresql+psycopg postgresql+psycopg_async "
SCHEMES += "postgresql+psycopg2 postgresql+asyncpg postgresql+pg8000"
WRAPPINGS = [
    *("{}", "  {}\n", "{}\r\n", "'{}'", '"{}"', ' "{}" ', "psql {}", "psql '{}'"),
    *('psql "{}"', "DATABASE_URL={}", "DATABASE_URL = '{}'", 'POSTGRES_URL="{}"\n'),
    *('export DB_URL="{}"', "export DB_URL='{}'", "export DB_URL={}\n"),
]
# What follows user and password, and where the driver connects.
ADDRESSES = {
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
PROBES = {"keepalives": "1", "keepalives_idle": 30, "keepalives_interval": 10}
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
        "keepalives_count": 3,
        "tcp_user_timeout": 9,
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
    addresses = zip(hosts, ports * (len(hosts) // len(ports)), strict=True)
    return login, " ".join(f"{host}:{port or 5432}" for host, port in addresses), how


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
    addresses = [f"{url}{place}" for place in ADDRESSES]
    parameters = [f"{url}one/name?{query}" for query in PARAMETERS]
    texts = [f"{url}one/name", *spellings, *addresses, *parameters]

    found = examine(run, render, answers, texts)

    outcomes = {
        text: split(given) for text, (given, _) in zip(texts, found, strict=True)
    }
    usual = outcomes[texts[0]][2]
    expected = dict.fromkeys(spellings, "one:5432")
    expected |= zip(addresses, ADDRESSES.values(), strict=True)
    expected |= dict.fromkeys(parameters, "one:5432")
    hows = dict.fromkeys(spellings, usual)
    for text, how in zip(parameters, PARAMETERS.values(), strict=True):
        hows[text] = usual | translate(answers, how)
    wrong = {
        text: outcomes[text]
        for text, address in expected.items()
        if outcomes[text][:2] != (["me", "p@ss", "name"], address)
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
