"""The live view shows who does what, and no values."""

import io

import pytest

from app.db.doctor import watch as watch_module
from app.db.doctor.watch import hide_literals, watch

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

NAMED = 'SELECT "it\'s --" FROM n1 WHERE n = {}'


async def test_it_shows_again_and_again_what_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "INTERVAL_SECONDS", 0)
    out = io.StringIO()

    await watch(out, metrics_url="no address", times=2)

    lines = out.getvalue().splitlines()
    assert lines[0].startswith("round trip  ")
    assert lines.count("sessions") == 2
    assert lines.count("longest statements") == 2
    assert lines[-1] == "pools: ValueError from the metrics"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT 1 WHERE name = 'it''s me'", "SELECT ? WHERE name = ?"),
        ("SELECT E'it\\'s me', $1, $$a'b$$, $x$y$$z$x$", "SELECT ?, $1, ?, ?"),
        ("-- don't\nSELECT 'me' -- it's", "?\nSELECT ? ?"),
        ("/* don't */ SELECT 'a */ b', 'me' /* isn't */", "? SELECT ?, ? ?"),
        ("SELECT 1 /* /* nested */ isn't */ , 'me'", "SELECT ? ?"),
        ("SELECT 0x1F, 4_111, 1.5e10, 1E-3, .5, t1.c2", "SELECT ?, ?, ?, ?, ?, t1.c2"),
        ("SELECT E'a'\n 'it\\'s me'", "SELECT ?"),
        ("SELECT E'it\\'s cut\\", "SELECT ?"),
        (NAMED.format("'me'"), NAMED.format("?")),
        ("SELECT 'cut off", "SELECT ?"),
        ("SELECT 1 /* it's cut", "SELECT ? ?"),
    ],
)
async def test_a_statement_is_shown_without_its_values(query: str, shown: str) -> None:
    assert hide_literals(query) == shown
