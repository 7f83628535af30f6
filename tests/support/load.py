"""The load behind PgBouncer: processes that run at once, and the gates they wait at."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from support.pairs import run_scenario
from support.processes import Run
from support.services import wait_until

if TYPE_CHECKING:
    from support.pgbouncer import PgBouncer

# What the fixture `report` is: it takes what a test found out.
Report = Callable[[object], None]
# What the fixture `start` is: it takes functions, a PgBouncer, a count and variables.
Start = Callable[..., AbstractContextManager["Processes"]]

# Each process asks for rows of its own, so that those of another one are noticed.
LOAD = """
FIRST = 1000 * int(os.environ["PROCESS"])
WORKERS = 4
openers = [get_session, get_read_session]

async def ask(session, kind, value):
    width = 1 + kind % 5
    columns = ", ".join(f"CAST(:value AS integer) + {n}" for n in range(width))
    query = text(f"SELECT {kind}, {columns}")
    rows = (await session.execute(query, {"value": value})).all()
    wanted = [(kind, *range(value, value + width))]
    assert [tuple(row) for row in rows] == wanted, f"asked {wanted}, got {rows}"

async def visit(kinds=(0,), value=0):
    faults = []
    for opener in openers:
        try:
            async with opener() as session:
                for kind in kinds:
                    await ask(session, FIRST + kind, value)
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}")
    return faults

async def work():
    faults = []
    for number in range(7):
        # The first five come back more often than psycopg wants to prepare them.
        faults += await visit([0, 1, 2, 3, 4, 5 + number, 12 + number], number)
    return faults

async def wait_at(gate):
    engine = build_direct_engine()
    async with engine.connect() as connection:
        await connection.execute(text(f"SELECT pg_advisory_lock_shared({gate})"))
    await engine.dispose()
"""


class Processes:
    """Processes that run at the same time, and the gates that they wait at.

    A gate is an advisory lock that the keeper has, past PgBouncer.
    """

    def __init__(self, keeper: psycopg.Connection, runs: list[Future[Any]]) -> None:
        self._keeper = keeper
        self._runs = runs

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so; raise what ends a process before."""

        def is_so() -> bool:
            assert not [run.result() for run in self._runs if run.done()]
            return condition()

        wait_until(is_so)

    def wait_at(self, gate: int) -> None:
        """Wait until every process has arrived at a gate."""
        arrived = """
            SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE locktype = 'advisory' AND objid = %s AND NOT granted
              AND datname = current_database()
        """
        wanted = (len(self._runs),)
        self.wait_for(
            lambda: self._keeper.execute(arrived, [gate]).fetchone() == wanted
        )

    def open(self, gate: int) -> None:
        """Let everyone pass."""
        self._keeper.execute("SELECT pg_advisory_unlock(%s)", [gate])

    def join(self) -> list[Any]:
        """Return what the workers of all of them have emitted."""
        return list(chain.from_iterable(run.result() for run in self._runs))


@contextmanager
def start_processes(
    run: Run,
    project: Path,
    functions: str,
    pgbouncer: "PgBouncer",
    count: int,
    **variables: str,
) -> Iterator[Processes]:
    """Run functions behind `LOAD` in several processes, with both gates closed.

    Args:
        run: The fixture of that name.
        project: A rendered project, which is only read.
        functions: The source, as `run_scenario` takes it.
        pgbouncer: What the processes go through.
        count: How many there are.
        variables: Their environment, beside that of PgBouncer.
    """
    variables = {"DB_POOL_SIZE": "4"} | pgbouncer.environment | variables
    scenario = partial(run_scenario, run, project, LOAD + functions, **variables)
    with (
        ThreadPoolExecutor(count) as executor,
        # Left first, which opens the gates.
        psycopg.connect(variables["DB_DIRECT_URL"], autocommit=True) as keeper,
    ):
        keeper.execute("SELECT pg_advisory_lock(1), pg_advisory_lock(2)")
        numbers = [str(number) for number in range(count)]
        runs = [executor.submit(scenario, PROCESS=number) for number in numbers]
        yield Processes(keeper, runs)
