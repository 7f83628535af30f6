"""`python -m app.db wait` goes on while it can help, and says what it waits for."""

import io
from collections.abc import Callable

import pytest

from app.db import wait
from app.db.check import ConnectionReport, check_connection
from app.db.engine.reasons import Reason
from app.db.errors import DatabaseUnavailable
from app.db.wait import wait_for_database

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the next attempts fail for these reasons."""

    def refuse(*reasons: Reason) -> None:
        left = list(reasons)

        async def check() -> ConnectionReport:
            if left:
                raise DatabaseUnavailable(left.pop(0))
            return await check_connection()

        monkeypatch.setattr(wait, "check_connection", check)
        monkeypatch.setattr(wait, "_SHORTEST_PAUSE", 0)

    return refuse


async def test_it_ends_when_the_database_answers(
    refuse: Callable[..., None],
) -> None:
    refuse("not_ready", "not_ready")
    out = io.StringIO()

    report = await wait_for_database(60, out)

    assert report.database.startswith("test_")
    # Each reason once.
    assert out.getvalue().count("waiting: not_ready: ") == 1


async def test_a_terminal_shows_one_line_and_keeps_none(
    refuse: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse("not_ready")
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)

    await wait_for_database(60, out)

    assert "waiting, 0 s: not_ready" in out.getvalue()
    assert "\n" not in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[K")


async def test_it_waits_for_a_name_that_may_appear(
    refuse: Callable[..., None],
) -> None:
    refuse("host_not_found")

    report = await wait_for_database(60, io.StringIO())

    assert report.database.startswith("test_")


async def test_it_does_not_wait_for_what_waiting_does_not_cure(
    refuse: Callable[..., None],
) -> None:
    refuse("authentication")

    with pytest.raises(DatabaseUnavailable, match="authentication"):
        await wait_for_database(60, io.StringIO())


async def test_it_gives_up_in_time(
    refuse: Callable[..., None],
) -> None:
    refuse("refused")

    with pytest.raises(DatabaseUnavailable, match="refused"):
        await wait_for_database(0, io.StringIO())
