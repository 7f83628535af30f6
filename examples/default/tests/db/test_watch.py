"""The live view shows who does what, and no values."""

import io

import pytest

from app.db.doctor import watch as watch_module
from app.db.doctor.watch import watch

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


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
