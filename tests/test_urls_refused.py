"""Connection strings: malformed ones are refused, and no part of them is shown."""

import re
from collections.abc import Callable

import pytest

from support.pairs import PAIRS, pair_id
from support.processes import Run
from support.urls import examine
from support.variants import Answers, Render

pytestmark = pytest.mark.parametrize("answers", PAIRS, ids=pair_id)
Record = Callable[[str, object], None]

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


def build_malformed() -> list[str]:
    """Return malformed URLs, each with a secret in it if it has room for one."""
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


def test_a_malformed_url_is_refused_without_a_part_of_it(
    run: Run, render: Render, answers: Answers, record_property: Record
) -> None:
    malformed = build_malformed()
    parts = {SECRET[start : start + 4] for start in range(len(SECRET) - 3)}

    found = examine(run, render, answers, malformed)

    wrong = {
        text: outcome
        for text, (outcome, said) in zip(malformed, found, strict=True)
        if not re.fullmatch(r"ValueError: [a-z][^\n]+", str(outcome))
        or any(part in said for part in parts)
    }
    refused = f"{len(malformed) - len(wrong)} of {len(malformed)}"
    record_property("table", f"urls: {pair_id(answers)}: refused: {refused}")
    assert len(malformed) >= 80
    assert not wrong
