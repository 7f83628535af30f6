"""What is measured: the same read and the same write, in four ways, on each driver."""

from support.variants import Answers

WAYS = ("raw driver", "this layer", "Session(engine)", "pool_pre_ping")
WORK = ("read", "write")

# Of the kind that `run_scenario` takes: a sync project runs it without its awaits.
_COMMON = """
import socket
from app.db.engine.pool import FairQueuePool
from app.db.session import get_read_db
from app.models import Note

URL = os.environ["BENCH_URL"]
CONNECTIONS = 10
CLIENTS = 50
SELECT = "SELECT id, text, created_at FROM note WHERE id = {place}"
ONE = text("SELECT 1")
INSERT = "INSERT INTO note (text) VALUES ({place}) RETURNING id"
{prelude}

def build(pool_size=CONNECTIONS, **options):
    url = URL.replace("postgresql:", "postgresql+{driver}:")
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
    async for session in get_read_db():
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

async def count_turns(function):
    # How often each of the clients was served in a second.
    end = time.perf_counter() + 1

    async def work():
        done = 0
        while time.perf_counter() < end:
            await function()
            done += 1
        return done

    return await together(work, CLIENTS)

async def measure(function):
    started = time.perf_counter()
    done = sum(await count_turns(function))
    return done / (time.perf_counter() - started)

async def main():
    for _ in range(CONNECTIONS):
        idle.put_nowait(await connect())
    await write_with_this_layer()
    found = {{"round trips": {{}}, "per second": {{}}}}
    for work, ways in WORK.items():
        for function in ways.values():
            # Each connection has then done it before.
            for _ in range(2 * CONNECTIONS):
                await function()
        if os.environ["COUNTER_PORT"]:
            found["round trips"][work] = {{
                way: await count_round_trips(function)
                for way, function in ways.items()
            }}
        rounds = {{way: [] for way in ways}}
        for _ in range(int(os.environ["ROUNDS"])):
            for way, function in ways.items():
                rounds[way].append(await measure(function))
        found["per second"][work] = rounds
    found["turns"] = {{name: [] for name in crowded}}
    for _ in range(int(os.environ["ROUNDS"])):
        for name, engine in crowded.items():
            found["turns"][name] += [await count_turns(lambda: use(engine))]
    emit(found)
"""

_PRELUDES = {
    "async": """
from asyncio import Queue
from sqlalchemy.ext.asyncio import AsyncSession as Session
from sqlalchemy.ext.asyncio import create_async_engine as create_engine
""",
    "sync": """
from queue import Queue
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
""",
}

_PSYCOPG = """
async def connect():
    return await psycopg.{connection}.connect(URL, autocommit=True)

async def read_raw(connection):
    cursor = await connection.execute(SELECT, [1])
    assert await cursor.fetchone()

async def write_raw(connection):
    async with connection.transaction():
        await connection.execute(INSERT, ["bench"])
"""
_RAW = {
    "async-psycopg": "import psycopg\n" + _PSYCOPG.format(connection="AsyncConnection"),
    "sync-psycopg": "import psycopg\n" + _PSYCOPG.format(connection="Connection"),
    "async-asyncpg": """
import asyncpg

async def connect():
    return await asyncpg.connect(URL)

async def read_raw(connection):
    assert await connection.fetchrow(SELECT, 1)

async def write_raw(connection):
    async with connection.transaction():
        await connection.fetchrow(INSERT, "bench")
""",
    "sync-psycopg2": """
import psycopg2

def connect():
    connection = psycopg2.connect(URL)
    connection.autocommit = True
    return connection

def read_raw(connection):
    with connection.cursor() as cursor:
        cursor.execute(SELECT, [1])
        assert cursor.fetchone()

def write_raw(connection):
    connection.autocommit = False
    with connection, connection.cursor() as cursor:
        cursor.execute(INSERT, ["bench"])
    connection.autocommit = True
""",
}


def get_scenario(answers: Answers) -> str:
    """Return the load for a pair.

    It emits the round trips of a request, the requests per second, and how often each of
    fifty clients had one of five connections.
    """
    mode, driver = str(answers["mode"]), str(answers["driver"])
    return _COMMON.format(
        driver=f"{driver}_async" if (mode, driver) == ("async", "psycopg") else driver,
        place="$1" if driver == "asyncpg" else "%s",
        prelude=_PRELUDES[mode],
        raw=_RAW[f"{mode}-{driver}"],
    )
