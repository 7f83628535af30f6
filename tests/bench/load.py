"""What is measured: the same read and the same write, in four ways, on each driver."""

from bench.plain import get_drivername, get_imports
from bench.raw import RAW
from support.variants import Answers

# Of the kind that `run_scenario` takes: a sync project runs it without its awaits.
_COMMON = """
import socket
from {queues} import Queue
from app.db.engine.pool import FairQueuePool
from app.models import Note

URL = os.environ["BENCH_URL"]
CONNECTIONS = 10
CLIENTS = 50
WARM_UP_SECONDS = 0.5
SELECT = "SELECT id, text, created_at FROM note WHERE id = {place}"
ONE = text("SELECT 1")
INSERT = "INSERT INTO note (text) VALUES ({place}) RETURNING id"
{imports}

def build(pool_size=CONNECTIONS, **options):
    url = URL.replace("postgresql:", "{drivername}:")
    return create_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=60, **options
    )

plain = build()
careful = build(pool_pre_ping=True)
crowded = {{
    "stock": build(pool_size=5),
    "fair": build(pool_size=5, poolclass=FairQueuePool, pool_use_lifo=True),
}}
idle = Queue()

async def read_with_this_layer():
    async with get_read_session() as session:
        assert await session.get(Note, 1)

async def write_with_this_layer():
    async with get_session() as session:
        session.add(Note(text="bench"))

async def read_with(engine):
    async with Session(engine) as session:
        assert await session.get(Note, 1)

async def write_with(engine):
    async with Session(engine) as session:
        session.add(Note(text="bench"))
        await session.commit()

async def take(function):
    connection = await idle.get()
    try:
        await function(connection)
    finally:
        idle.put_nowait(connection)
{raw}
WORK = {{
    "read": {{
        "raw driver": lambda: take(read_raw),
        "this layer": read_with_this_layer,
        "Session(engine)": lambda: read_with(plain),
        "pool_pre_ping": lambda: read_with(careful),
    }},
    "write": {{
        "raw driver": lambda: take(write_raw),
        "this layer": write_with_this_layer,
        "Session(engine)": lambda: write_with(plain),
        "pool_pre_ping": lambda: write_with(careful),
    }},
}}

def count():
    port = int(os.environ["COUNTER_PORT"])
    with socket.create_connection(("127.0.0.1", port)) as counter:
        return int(counter.recv(16))

async def count_round_trips(function):
    # The fewest: now and then a driver prepares a statement.
    counts = []
    for _ in range(4):
        before = count()
        await function()
        await sleep(0.1)
        counts.append(count() - before)
    return min(counts)

async def use(engine):
    async with engine.connect() as connection:
        await connection.execute(ONE)

async def count_turns(function, seconds):
    # How often each of the clients was served.
    end = time.perf_counter() + seconds

    async def work():
        done = 0
        while time.perf_counter() < end:
            await function()
            done += 1
        return done

    return await together(work, CLIENTS)

async def measure(function, seconds):
    started = time.perf_counter()
    done = sum(await count_turns(function, seconds))
    return done / (time.perf_counter() - started)

async def main():
    rounds = range(int(os.environ["ROUNDS"]))
    seconds = float(os.environ["SECONDS"])
    for _ in range(CONNECTIONS):
        idle.put_nowait(await connect())
    await write_with_this_layer()
    found = {{"per second": {{}}, "round trips": {{}}, "turns": {{}}}}
    for work, ways in WORK.items():
        for function in ways.values():
            # Each connection has then done it before.
            await measure(function, WARM_UP_SECONDS)
        rates = {{way: [] for way in ways}}
        for _ in rounds:
            for way, function in ways.items():
                rates[way].append(await measure(function, seconds))
        found["per second"][work] = rates
    if os.environ["COUNTER_PORT"]:
        for work, ways in WORK.items():
            found["round trips"][work] = {{
                way: await count_round_trips(function) for way, function in ways.items()
            }}
        found["turns"] = {{name: [] for name in crowded}}
        for _ in rounds:
            for name, engine in crowded.items():
                turns = await count_turns(lambda: use(engine), 1)
                found["turns"][name].append(turns)
    emit(found)
"""


def get_scenario(answers: Answers) -> str:
    """Return the load for a pair, with `ROUNDS` turns of `SECONDS` for each way.

    It emits the requests per second and, if `COUNTER_PORT` is set, the round trips of a
    request and how often each of fifty clients had one of five connections.
    """
    mode, driver = str(answers["mode"]), str(answers["driver"])
    return _COMMON.format(
        drivername=get_drivername(answers),
        imports=get_imports(answers),
        place="$1" if driver == "asyncpg" else "%s",
        queues="asyncio" if mode == "async" else "queue",
        raw=RAW[f"{mode}-{driver}"],
    )
