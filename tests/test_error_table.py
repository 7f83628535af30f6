"""The pages list every failure that the code knows; the rest of them stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.hooks import run_hook, write
from sync_errors import (
    ADVICE,
    ANSWERS,
    HEADER,
    ON_CALL,
    ON_CALL_HEADER,
    PAGES,
    error_table,
    on_call_table,
    replace_table,
)

ANSWERS_CODE = """
AGAIN = Answer(503, True, "Later.")
NEVER = Answer(409, False, "No.")
"""
ADVICE_CODE = """
ADVICE: dict[Reason, Advice] = {
    "refused": Advice(AGAIN, "wait"),
    "taken": Advice(
        NEVER,
        "choose another one",
        ("23505", "23P01"),
    ),
}
"""
CODE = ANSWERS_CODE + ADVICE_CODE
TABLE = f"""{HEADER}
| --- | --- | --- | --- | --- |
| `refused` |  | 503 | yes | wait |
| `taken` | 23505, 23P01 | 409 | no | choose another one |
"""
ON_CALL_TABLE = f"""{ON_CALL_HEADER}
| --- | --- | --- |
| `refused` | doctor | wait |
"""
ON_CALL_PAGE = f"# Title\n\n{ON_CALL_HEADER}\n| an | older | row |\n"
PAGE = f"# Title\n\n{HEADER}\n| an | older | row |\n\nThe rest.\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of the code and of the pages that are written from it."""
    write(tmp_path / ANSWERS, ANSWERS_CODE)
    write(tmp_path / ADVICE, ADVICE_CODE)
    for page in PAGES:
        write(tmp_path / page, PAGE)
    write(tmp_path / ON_CALL, ON_CALL_PAGE)
    return tmp_path


def read_pages(repository: Path) -> set[str]:
    return {(repository / page).read_text(encoding="utf-8") for page in PAGES}


def test_the_table_shows_each_failure() -> None:
    assert error_table(CODE) == TABLE


def test_the_page_for_who_is_on_call_leaves_out_what_a_request_caused() -> None:
    assert on_call_table(CODE) == ON_CALL_TABLE


def test_each_failure_has_a_command() -> None:
    with pytest.raises(ValueError, match="needs a command for new"):
        on_call_table(CODE.replace("refused", "new"))


def test_the_table_replaces_the_one_with_its_header_and_nothing_else() -> None:
    new = replace_table(PAGE, TABLE)

    assert new == f"# Title\n\n{TABLE}\nThe rest.\n"
    assert replace_table(new, TABLE) == new


def test_sync_errors_writes_all_pages(repository: Path) -> None:
    result = run_hook("sync_errors.py", "--root", repository, cwd=repository)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert read_pages(repository) == {replace_table(PAGE, TABLE)}
    on_call = (repository / ON_CALL).read_text(encoding="utf-8")
    assert on_call == f"# Title\n\n{ON_CALL_TABLE}"


def test_sync_errors_check_refuses_an_old_page_and_writes_nothing(
    repository: Path,
) -> None:
    result = run_hook("sync_errors.py", "--check", "--root", repository, cwd=repository)

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "run `python hooks/sync_errors.py`" in result.stderr
    assert read_pages(repository) == {PAGE}


def test_a_page_without_the_table_is_refused_in_one_sentence(repository: Path) -> None:
    write(repository / PAGES[1], "# Title\n")

    result = run_hook("sync_errors.py", "--root", repository, cwd=repository)

    assert result.returncode == 1
    assert result.stderr == f"docs/errors.md needs a table with the header {HEADER}.\n"
