"""One service, its load, and one fault after another."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.chaos.faults import FAULTS, NEEDS_PLAIN_TEXT, Stage
from support.chaos.load import Load, Verdict, judge
from support.chaos.proxy import Proxy
from support.chaos.server import Server
from support.postgres import PASSWORD, USER, make_template
from support.processes import Run
from support.services import migrate, serve

URL = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{{}}/postgres"
POOL_SIZE = 3
SETTINGS = {
    "DB_POOL_SIZE": str(POOL_SIZE),
    "DB_POOL_TIMEOUT": "2",
    "DB_CONNECT_TIMEOUT": "2",
    "DB_STATEMENT_TIMEOUT": "1",
}
# A request waits to be admitted and for a connection, connects, and again after a
# connection that was closed; INSERT and COMMIT have two seconds more than the server
# allows; closing takes two. The rest is for a busy machine.
LONGEST_SECONDS = (2 + 2) + (2 + 2) + 2 * (1 + 2) + 2 + 4


@dataclass(frozen=True)
class Finding:
    """What came of one fault.

    Attributes:
        verdict: The answers, compared with the database.
        recovery: Seconds from the fault's end to the first write that succeeds.
    """

    verdict: Verdict
    recovery: float


@dataclass(frozen=True)
class Outcome:
    """What came of an experiment.

    Attributes:
        findings: By fault.
        sessions: The service's sessions in the end, by state.
    """

    findings: dict[str, Finding]
    sessions: dict[str, int]


def experiment(
    run: Run,
    environment: dict[str, str],
    project: Path,
    folder: Path,
    *,
    tls: bool,
    seed: int,
    seconds: float,
    faults: Iterable[str] = tuple(FAULTS),
) -> Outcome:
    """Serve a project under load, and let its database fail in each way.

    Args:
        run: Runs a command as a user would.
        environment: The variables of the service.
        project: A rendered project.
        folder: An empty folder that is not pytest's own.
        tls: Whether the service's connections are encrypted.
        seed: Of everything that is random.
        seconds: How long a fault lasts.
        faults: The names of those to try.
    """
    load = Load(folder / "http", seed)
    recoveries = {}
    with _run_database() as (server, proxy):
        migrate(run, project, URL.format(server.port))
        mode = "require" if tls else "disable"
        url = f"{URL.format(proxy.port)}?sslmode={mode}"
        stage = Stage(server, proxy, random.Random(seed), seconds)
        with serve(project, folder, environment | SETTINGS | {"DB_URL": url}):
            with load.run():
                load.wait_for_a_write()
                for name in faults:
                    if tls and name in NEEDS_PLAIN_TEXT:
                        continue
                    load.begin(name)
                    FAULTS[name](stage)
                    recoveries[name] = load.wait_for_a_write()
                load.begin("nothing")
            sessions = server.count_sessions("my-api")
        rows = server.count_notes()
    findings = {
        name: Finding(
            judge([a for a in load.answers if a.fault == name], rows), recovery
        )
        for name, recovery in recoveries.items()
    }
    return Outcome(findings, sessions)


@contextmanager
def _run_database() -> Iterator[tuple[Server, Proxy]]:
    with make_template() as data:
        server = Server(data)
        server.start()
        proxy = Proxy(server.port)
        try:
            with server.connect() as connection:
                connection.execute(f"GRANT ALL ON SCHEMA public TO {USER}".encode())
            yield server, proxy
        finally:
            proxy.close()
            server.stop()
