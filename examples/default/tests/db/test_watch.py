"""The live view shows who does what, and no values."""

import io

import pytest

from app.db.doctor.watch import watch

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


async def test_it_shows_the_round_trip_and_the_sessions() -> None:
    out = io.StringIO()

    await watch(out, times=1)

    lines = out.getvalue().splitlines()
    assert lines[0].startswith("round trip  ")
    assert "sessions" in lines
    assert "longest statements" in lines
