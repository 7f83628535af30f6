"""The processor time of one unit of work, in process, without HTTP."""

from pathlib import Path

from sqlalchemy import make_url

from bench.measured import Rounds
from bench.plain import get_dependencies, get_drivername
from support.pairs import run_scenario
from support.processes import Run
from support.variants import Answers

# Two processes that run the same code can differ by 15 %, by the places of its objects.
PROCESSES_PER_ROUND = 3
TURNS = 40

# Of the kind that `run_scenario` takes.
_SCENARIO = """
from app.models import Note

UNITS = 20
WARM_UP = 100

async def read(open_session):
    async with open_session() as session:
        assert await session.get(Note, 1)

async def write(open_session):
    async with open_session() as session:
        session.add(Note(text="bench"))
        await session.flush()

WORK = {
    "write": {"this layer": get_session, "Session(engine)": manager(get_plain_db)},
    "read": {
        "this layer": get_read_session, "Session(engine)": manager(get_plain_read_db)
    },
}

async def measure(function, open_session, units):
    started = time.process_time()
    for _ in range(units):
        await function(open_session)
    return (time.process_time() - started) / units

async def main():
    found = {}
    for function in (write, read):
        ways = WORK[function.__name__]
        for open_session in ways.values():
            await measure(function, open_session, WARM_UP)
        seconds = {way: [] for way in ways}
        turns = list(ways.items())
        for _ in range(int(os.environ["TURNS"])):
            for way, open_session in turns:
                seconds[way].append(await measure(function, open_session, UNITS))
            # Neither is always the first.
            turns.reverse()
        # What else the machine does can only make a turn slower.
        found[function.__name__] = {way: min(each) for way, each in seconds.items()}
    emit(found)
    await engine.dispose()
    await dispose_engine()
"""


def measure_processor(
    run: Run, answers: Answers, project: Path, url: str, rounds: int
) -> Rounds:
    """Return the seconds of the processor for a unit of work, process by process.

    Of each process the fastest turn counts, as the documentation of `timeit` has it:
    https://docs.python.org/3/library/timeit.html#timeit.Timer.repeat

    Args:
        run: What runs a command.
        answers: The pair.
        project: Its project.
        url: A migrated database, on a Unix socket.
        rounds: Each is several processes.
    """
    found: dict[str, dict[str, list[float]]] = {}
    plain_url = make_url(url).set(drivername=get_drivername(answers))
    for _ in range(PROCESSES_PER_ROUND * rounds):
        measured = run_scenario(
            run,
            project,
            get_dependencies(answers) + _SCENARIO,
            BENCH_URL=plain_url.render_as_string(hide_password=False),
            DB_URL=url,
            DB_POOL_SIZE="10",
            ENVIRONMENT="production",
            TURNS=str(TURNS),
        )
        for work, ways in measured.items():
            for way, seconds in ways.items():
                found.setdefault(work, {}).setdefault(way, []).append(seconds)
    return found
