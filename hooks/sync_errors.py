"""Write the tables of errors into the pages that have them, from the rendered code."""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LAYER = Path("template", "{{ folder }}", "db")
ANSWERS, ADVICE = LAYER / "answers.py", LAYER / "advice.py"
PAGES = (LAYER / "README.md.jinja", Path("docs", "errors.md"))
HEADER = "| reason | SQLSTATE | status | try again | what to look at |"
ON_CALL = Path("docs", "on-call.md")
ON_CALL_HEADER = "| reason | ask | what to look at |"
# Which command of that page tells more. What a request caused is no reason to be called.
ASK = {
    "authentication": "doctor",
    "database_not_found": "doctor",
    "deadlock_detected": "sessions",
    "disconnected": "doctor",
    "disk_full": "size",
    "host_not_found": "doctor",
    "idle_in_transaction": "sessions",
    "lock_timeout": "sessions",
    "no_answer": "doctor",
    "not_ready": "doctor",
    "out_of_memory": "sessions",
    "outcome_unknown": "sessions",
    "permission_denied": "doctor",
    "pool_exhausted": "health",
    "pooler": "doctor",
    "quota_exceeded": "doctor",
    "read_only": "doctor",
    "refused": "doctor",
    "schema_mismatch": "doctor",
    "serialization_failure": "sessions",
    "statement_timeout": "sessions",
    "timeout": "doctor",
    "tls": "doctor",
    "too_many_connections": "doctor",
    "unavailable": "doctor",
    "unreachable": "doctor",
}


SERVER_ERROR = 500


class Row(NamedTuple):
    """What the code says of a failure."""

    reason: str
    sqlstates: tuple[str, ...]
    status: int
    is_transient: bool
    hint: str


def read_rows(code: str) -> list[Row]:
    """Return the rows of `ADVICE`, in its order.

    Args:
        code: The sources of `answers.py` and `advice.py`, one after the other.
    """
    answers: dict[str, Any] = {}
    rows = []
    # Read, not imported: a check needs neither the driver nor FastAPI.
    for node in ast.parse(code).body:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(args=values)):
                answers[name] = [ast.literal_eval(value) for value in values]
            case ast.AnnAssign(value=ast.Dict(reasons, calls)):
                for reason, call in zip(reasons, calls, strict=True):
                    assert isinstance(reason, ast.Constant)
                    assert isinstance(call, ast.Call)
                    answer, *values = call.args
                    status, is_transient, _ = answers[ast.unparse(answer)]
                    hint, *rest = map(ast.literal_eval, values)
                    codes: tuple[str, ...] = rest[0] if rest else ()
                    rows.append(
                        Row(str(reason.value), codes, status, is_transient, hint)
                    )
    return rows


def error_table(code: str) -> str:
    """Describe the rows of `ADVICE` as a Markdown table."""
    lines = [HEADER, "| --- | --- | --- | --- | --- |"]
    for row in read_rows(code):
        codes = ", ".join(row.sqlstates)
        again = "yes" if row.is_transient else "no"
        cells = [f"`{row.reason}`", codes, str(row.status), again, row.hint]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def on_call_table(code: str) -> str:
    """Describe the rows of `ADVICE` that a request cannot have caused."""
    lines = [ON_CALL_HEADER, "| --- | --- | --- |"]
    for row in read_rows(code):
        if row.status >= SERVER_ERROR:
            if row.reason not in ASK:
                raise ValueError(f"needs a command for {row.reason}: add it to ASK")
            lines.append(f"| `{row.reason}` | {ASK[row.reason]} | {row.hint} |")
    return "\n".join(lines) + "\n"


def replace_table(page: str, table: str) -> str:
    """Put the table in the place of the one with the same header.

    Raises:
        ValueError: There is no such table.
    """
    header = table.partition("\n")[0]
    before, found, rest = page.partition(f"\n{header}\n")
    if not found:
        raise ValueError(f"needs a table with the header {header}")
    lines = rest.splitlines(keepends=True)
    while lines and lines[0].startswith("|"):
        del lines[0]
    return f"{before}\n{table}{''.join(lines)}"


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument(
        "--root",
        type=Path,
        default=ROOT,
        metavar="DIR",
        help="the folder of template/ and docs/ (default: this repository)",
    )
    options = parser.parse_args()

    files = [options.root / name for name in (ANSWERS, ADVICE)]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    for name in (*PAGES, ON_CALL):
        page: Path = options.root / name
        old = page.read_text(encoding="utf-8")
        describe = on_call_table if name == ON_CALL else error_table
        try:
            new = replace_table(old, describe(code))
        except ValueError as error:
            raise SystemExit(f"{name.as_posix()} {error}.") from None
        if new == old:
            continue
        if options.check:
            raise SystemExit(
                f"{name.as_posix()}: its errors are not those of advice.py;"
                " run `python hooks/sync_errors.py`."
            )
        page.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
