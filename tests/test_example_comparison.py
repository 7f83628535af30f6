"""The example differs by what git carries of it; what git ignores is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from render_example import differences, replace
from support.hooks import contents, git, write


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """An example of one page in a git repository that ignores `.env`."""
    git("init", "--quiet", cwd=tmp_path)
    write(tmp_path / ".gitignore", ".env\n")
    return write(tmp_path / "example/page.md", "text\n").parent


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fresh render of that page, outside git."""
    return write(tmp_path_factory.mktemp("fresh") / "page.md", "text\n").parent


def test_equal_folders_have_no_differences(example: Path, fresh: Path) -> None:
    assert differences(example, fresh) == []


def test_a_line_ending_is_a_difference(example: Path, fresh: Path) -> None:
    write(fresh / "page.md", "text\r\n")

    assert differences(example, fresh) == ["page.md: differs"]


def test_every_file_of_an_absent_example_is_missing(
    tmp_path: Path, fresh: Path
) -> None:
    assert differences(tmp_path / "nowhere", fresh) == ["page.md: missing"]


def test_a_file_that_was_deleted_but_not_from_git_is_missing(
    example: Path, fresh: Path
) -> None:
    git("add", ".", cwd=example)
    (example / "page.md").unlink()

    assert differences(example, fresh) == ["page.md: missing"]


def test_an_extra_file_counts_before_and_after_it_is_added_to_git(
    example: Path, fresh: Path
) -> None:
    write(example / "new.md")
    before = differences(example, fresh)
    git("add", ".", cwd=example)

    after = differences(example, fresh)

    assert before == after == ["new.md: no longer rendered"]


def test_an_extra_file_that_git_both_tracks_and_ignores_counts(
    example: Path, fresh: Path
) -> None:
    write(example / ".env")
    git("add", "--force", ".env", cwd=example)

    assert differences(example, fresh) == [".env: no longer rendered"]


def test_what_git_ignores_is_not_a_part_of_the_example(
    example: Path, fresh: Path
) -> None:
    write(example / ".env")

    assert differences(example, fresh) == []


def test_replacing_the_example_keeps_what_git_ignores(
    example: Path, fresh: Path
) -> None:
    write(example / ".env", "SECRET=1\n")
    write(fresh / "page.md", "changed\n")

    replace(example, fresh)

    assert contents(example) == {".env": b"SECRET=1\n", "page.md": b"changed\n"}


def test_a_folder_that_became_a_file_is_replaced(example: Path, fresh: Path) -> None:
    (example / "page.md").rename(write(example / "guide/page.md"))
    write(fresh / "guide", "text\n")

    replace(example, fresh)

    assert contents(example) == {"guide": b"text\n", "page.md": b"text\n"}
