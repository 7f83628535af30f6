"""What the doctor prints: for people, for a log, for a program."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.db.doctor.lines import Lines
from app.db.doctor.report import Report, Result
from app.db.doctor.watch import (
    Session,
    describe_pools,
    describe_sessions,
)

RESULT = Result("TCP", "failed", "refused: is it there?", "Errno 111", "refused", 0.002)


class Terminal(io.StringIO):
    """An output that is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_the_json_is_what_is_documented() -> None:
    report = Report()
    report.results.append(RESULT)

    content = json.loads(report.to_json())

    assert content.keys() == {"version", "status", "steps"}
    assert (content["version"], content["status"]) == (1, "failed")
    assert content["steps"] == [
        {
            "step": "TCP",
            "status": "failed",
            "message": "refused: is it there?",
            "details": "Errno 111",
            "reason": "refused",
            "seconds": 0.002,
        }
    ]


def test_each_result_is_a_line_where_nobody_looks() -> None:
    out = io.StringIO()
    lines = Lines(out)

    lines.begin("TCP")
    lines.end(RESULT)

    first, second = out.getvalue().splitlines()
    assert first.split() == ["failed", "TCP", "2.0", "ms", *RESULT.message.split()]
    assert second.strip() == "Errno 111"


def test_a_terminal_shows_what_runs_and_folds_long_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    lines = Lines(out)

    lines.begin("TCP")
    running = out.getvalue()
    lines.end(replace(RESULT, seconds=2.5))

    assert "TCP ..." in running
    assert "   2.50 s" in out.getvalue()
    assert "✗" in out.getvalue()
    assert "\x1b[31m" in out.getvalue()
    assert len(out.getvalue().splitlines()) == 3


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT 'o''clock', 12.5 FROM t1", "SELECT ?, ? FROM t1"),
        ("UPDATE t SET a = $1 WHERE b = E'it\\'s'", "UPDATE t SET a = $1 WHERE b = ?"),
        ("SELECT 'C:\\' FROM t WHERE a = 's3cret'", "SELECT ? FROM t WHERE a = ?"),
        ("SELECT $x$s3cret$x$, 'cut o", "SELECT ?, ?"),
    ],
)
def test_a_statement_is_shown_without_its_values(query: str, shown: str) -> None:
    session = Session("my-api", "active", 3.0, query)

    lines = describe_sessions([session])

    assert lines[-1].strip() == f"3.0 s active: {shown}"
    assert "     1 my-api, active" in lines


def test_the_pools_are_what_the_application_says(tmp_path: Path) -> None:
    page = tmp_path / "metrics"
    page.write_text('db_client_connection_count{pool_name="primary"} 2.0\n')

    lines = describe_pools(page.as_uri())

    assert lines[-1] == '     2 count pool_name="primary"'
    assert describe_pools(f"{page.as_uri()}x")[-1].startswith("pools: URLError")
