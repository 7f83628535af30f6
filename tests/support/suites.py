"""The suites of the variants: what is identical in several of them runs once."""

import fcntl
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from support.suite_process import fork_server, run_pytest

# The only test of the layer that reads files of the user's.
MIGRATIONS_OF_THE_PROJECT = (
    "tests/db/test_migrations.py"
    "::test_the_migrations_of_this_project_create_what_its_models_say"
)
OPTIONS = ("-q", "-Werror", "--rootdir=.", "--strict-markers")
PLUGINS = ("-p", "no:cacheprovider", "-p", "anyio.pytest_plugin")

Files = dict[str, bytes]


class Suite(NamedTuple):
    """A folder with nothing but these files, and the tests to run in it.

    Attributes:
        files: By their path: all that is there to be imported or read.
        tests: What to tell pytest.
    """

    files: Files
    tests: list[str]

    @property
    def key(self) -> str:
        """What is the same in two suites that cannot differ in their outcome."""
        digest = sha256(repr(self.tests).encode())
        for name, content in sorted(self.files.items()):
            digest.update(f"\n{name} {len(content)}\n".encode() + content)
        return digest.hexdigest()


class Outcome(NamedTuple):
    """What came out of a suite.

    Attributes:
        passed: How many tests passed; 0 unless all did.
        output: What pytest printed.
    """

    passed: int
    output: str


def suite_of_the_layer(project: Path) -> Suite:
    """Return the tests of the layer, with nothing of the user's."""
    names = ["app/__init__.py", "app/db/**/*.py", "tests/db/*.py"]
    files = read_files(project, *names, "alembic/script.py.mako")
    return Suite(files, ["tests/db", f"--deselect={MIGRATIONS_OF_THE_PROJECT}"])


def suite_of_the_project(project: Path) -> Suite:
    """Return all other tests, with every file of the project."""
    files = read_files(project, "**/*")
    tests = sorted(name for name in files if re.match(r"tests/test_\w+\.py$", name))
    if "alembic.ini" in files:
        tests.append(MIGRATIONS_OF_THE_PROJECT)
    return Suite(files, tests)


def read_files(project: Path, *patterns: str) -> Files:
    """Return the files of a project, without what Python and git leave there."""
    paths = {path for pattern in patterns for path in project.glob(pattern)}
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file()
        and not {"__pycache__", ".git"} & set(path.relative_to(project).parts)
    }


class Runner:
    """Runs suites, each distinct one once in all workers.

    Args:
        results: A folder that the workers share.
        environment: The variables of the processes, `DB_URL` among them.
    """

    def __init__(self, results: Path, environment: dict[str, str]) -> None:
        self._results = results
        self._environment = environment | {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": ".",
        }
        self._context = fork_server()

    def run(self, suite: Suite) -> Outcome:
        """Run a suite, or return what came out of it before."""
        with self._locked(suite.key) as result:
            if not result.exists():
                outcome = self._run(suite)
                result.write_text(json.dumps(outcome), "utf-8")
            return Outcome(*json.loads(result.read_text("utf-8")))

    @contextmanager
    def _locked(self, key: str) -> Iterator[Path]:
        """Yield the file for a result that no other worker is about to write."""
        with (self._results / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._results / f"{key}.json"

    def _run(self, suite: Suite) -> Outcome:
        # Not in pytest's folder, which root's server could not enter.
        with tempfile.TemporaryDirectory(prefix="db-connection-") as workshop:
            project = Path(workshop, "project")
            for name, content in suite.files.items():
                path = project / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            output = Path(workshop, "output")
            basetemp = f"--basetemp={workshop}/tmp"
            arguments = [*OPTIONS, *PLUGINS, basetemp, *suite.tests]
            process = self._context.Process(
                target=run_pytest,
                args=(project, arguments, self._environment, output),
            )
            process.start()
            process.join()
            printed = output.read_text("utf-8", "replace") if output.exists() else ""
        passed = re.search(
            r"^(\d+) passed(?:, \d+ deselected)? in ", printed, re.MULTILINE
        )
        if process.exitcode != 0 or passed is None:
            return Outcome(0, f"{printed}\nexit code {process.exitcode}")
        return Outcome(int(passed[1]), printed)
