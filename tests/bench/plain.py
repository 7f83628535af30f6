"""SQLAlchemy as it comes: what the layer is compared with."""

from support.variants import Answers, computed

_IMPORTS = {
    "async": """
from contextlib import asynccontextmanager as manager
from sqlalchemy.ext.asyncio import AsyncSession as Session
from sqlalchemy.ext.asyncio import create_async_engine as create_engine
""",
    "sync": """
from contextlib import contextmanager as manager
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
""",
}
_DEPENDENCIES = """
import os

PRE_PING = bool(os.environ.get("BENCH_PRE_PING"))
SIZE = int(os.environ["DB_POOL_SIZE"])
engine = create_engine(
    os.environ["BENCH_URL"], pool_size=SIZE, max_overflow=0, pool_pre_ping=PRE_PING
)

{async_}def get_plain_db():
    {async_}with Session(engine, expire_on_commit=False) as session:
        yield session
        {await_}session.commit()

{async_}def get_plain_read_db():
    {async_}with Session(engine, expire_on_commit=False) as session:
        yield session
"""


def get_imports(answers: Answers) -> str:
    """Return the lines that import `create_engine` and `Session` in a mode."""
    return _IMPORTS[str(answers["mode"])]


def get_dependencies(answers: Answers) -> str:
    """Return a module with the dependencies that FastAPI's documentation shows.

    It connects to `BENCH_URL`, with `DB_POOL_SIZE` connections.
    """
    values = computed(answers)
    words = {name: values[name] for name in ("async_", "await_")}
    return get_imports(answers) + _DEPENDENCIES.format(**words)


def get_drivername(answers: Answers) -> str:
    """Return what SQLAlchemy calls a driver in a URL."""
    is_async_psycopg = (answers["mode"], answers["driver"]) == ("async", "psycopg")
    name = "psycopg_async" if is_async_psycopg else str(answers["driver"])
    return f"postgresql+{name}"
