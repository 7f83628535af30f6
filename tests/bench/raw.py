"""The drivers without SQLAlchemy: what a request costs at least."""

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
RAW = {
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
