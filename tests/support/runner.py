"""Runs the suites of the variants: a test module that several of them share, once."""

import fcntl
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from support.forks import fork_server, run_pytest
from support.imports import Files
from support.suites import Suite

OPTIONS = ("-q", "-Werror", "--rootdir=.", "--strict-markers")
PLUGINS = ("-p", "no:cacheprovider", "-p", "anyio.pytest_plugin")


class Outcome(NamedTuple):
    """What came out of a test module.

    Attributes:
        passed: How many of its tests passed; 0 unless all did.
        output: What pytest printed, unless all passed.
    """

    passed: int
    output: str


class Runner:
    """Runs suites, each distinct test module once in all workers.

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

    def run(self, suite: Suite) -> dict[str, Outcome]:
        """Run what has not been run before, and return the outcome of each module."""
        with ExitStack() as locks:
            own = [
                module
                for module, key in suite.keys.items()
                if self._claim(key, until=locks)
            ]
            if own:
                for module, outcome in self._run(suite.files, own).items():
                    self._place(suite.keys[module]).write_text(json.dumps(outcome))
        for key in suite.keys.values():
            # Another worker may be at it.
            with self._lock(key):
                pass
        return {
            module: Outcome(*json.loads(self._place(key).read_text()))
            for module, key in suite.keys.items()
        }

    def _place(self, key: str) -> Path:
        return self._results / f"{key}.json"

    def _claim(self, key: str, *, until: ExitStack) -> bool:
        """Keep other workers from running what has a key, unless it has been run."""
        if self._place(key).exists():
            return False
        with suppress(BlockingIOError):
            until.enter_context(self._lock(key, fcntl.LOCK_NB))
            return not self._place(key).exists()
        return False

    @contextmanager
    def _lock(self, key: str, how: int = 0) -> Iterator[None]:
        with (self._results / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | how)
            yield

    def _run(self, files: Files, modules: list[str]) -> dict[str, Outcome]:
        # Not in pytest's folder, which root's server could not enter.
        with tempfile.TemporaryDirectory(prefix="db-connection-") as workshop:
            project = Path(workshop, "project")
            for name, content in files.items():
                path = project / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            output, results = Path(workshop, "output"), Path(workshop, "results.xml")
            places = (f"--basetemp={workshop}/tmp", f"--junitxml={results}")
            arguments = [*OPTIONS, *PLUGINS, *places, *modules]
            process = self._context.Process(
                target=run_pytest,
                args=(project, arguments, self._environment, output),
            )
            process.start()
            process.join()
            printed = output.read_text("utf-8", "replace") if output.exists() else ""
            if process.exitcode == 0:
                counts = _count(results)
                return {module: Outcome(counts[module], "") for module in modules}
        failed = Outcome(0, f"{printed}\nexit code {process.exitcode}")
        return dict.fromkeys(modules, failed)


def _count(results: Path) -> Counter[str]:
    """Count the tests of each module that passed."""
    cases = ElementTree.parse(results).iter("testcase")
    return Counter(
        f"{case.attrib['classname'].replace('.', '/')}.py"
        for case in cases
        if not len(case)
    )
