"""What Prometheus reads is what the pool does."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, values
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.db import (
    DatabaseUnavailable,
    check_connection,
    dispose_engine,
    gauges,
    get_engine,
    get_read_engine,
)
from app.db.gauges import POOL, STATE
from app.db.health import note_result

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


def read(name: str, pool: str = "primary", **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {POOL: pool, **labels})


def count(state: str, pool: str = "primary") -> float | None:
    return read("db_client_connection_count", pool, **{STATE: state})


def count_events() -> dict[str, float | None]:
    """Return how often each of the things has happened that are counted."""
    return {
        "created": read("db_client_connection_create_time_seconds_count"),
        "used": read("db_client_connection_use_time_seconds_count"),
        "statements": read("db_client_operation_duration_seconds_count"),
        "timeouts": read("db_client_connection_timeouts_total"),
        "slow": read("db_slow_queries_total"),
        "refused": read("db_connect_failures_total", reason="refused"),
        "lost": read("db_disconnects_total", reason="disconnected"),
    }


def since(before: dict[str, float | None]) -> dict[str, float]:
    """Return what has been counted since then, and not what has not changed."""
    now = {name: (value or 0) for name, value in count_events().items()}
    return {name: n for name in now if (n := now[name] - (before[name] or 0))}


async def test_the_connections_of_the_pool_are_counted(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=2)

    async with get_engine().connect():
        used, leaked = count("used"), read("db_leaked_connections")

    assert (used, leaked) == (1, 0)
    assert (count("used"), count("idle")) == (0, 1)
    assert read("db_client_connection_max") == 2
    assert read("db_client_connection_pending_requests") == 0


async def test_after_dispose_there_is_a_new_pool(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=3)
    async with get_engine().connect():
        pass
    await dispose_engine()

    disposed = count("idle")
    async with get_engine().connect():
        used = count("used")

    assert disposed is None
    assert used == 1
    assert read("db_client_connection_max") == 3


async def test_without_a_pool_the_connections_in_use_are_counted(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=0)

    async with get_engine().connect():
        used = count("used")

    assert used == 1
    assert (count("used"), read("db_client_connection_max")) == (0, 0)


async def test_the_replica_has_a_name_of_its_own(
    configure: Callable[..., None],
) -> None:
    configure(DB_REPLICA_URL=os.environ["DB_URL"])

    async with get_engine().connect(), get_read_engine().connect():
        used = count("used", "replica")

    assert used == 1


async def test_a_statement_that_is_cancelled_is_no_lost_connection() -> None:
    before = count_events()

    async with get_engine().connect() as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.execute(text("SELECT pg_sleep(30)"))

    assert "lost" not in since(before)


async def test_connections_and_statements_are_timed(
    configure: Callable[..., None],
) -> None:
    configure(DB_SLOW_QUERY_THRESHOLD=0.001)
    before = count_events()

    async with get_engine().connect() as connection:
        await connection.execute(text("SELECT pg_sleep(0.001)"))

    assert since(before) == {"created": 1, "used": 1, "statements": 1, "slow": 1}


async def test_waiting_in_vain_is_counted_also_after_the_pool_was_emptied(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=1, DB_POOL_TIMEOUT=0.001)
    await get_engine().dispose()
    before = count_events()

    async with get_engine().connect():
        engine = get_engine()
        with pytest.raises(PoolTimeoutError):
            await engine.connect().start()

    assert since(before) == {"created": 1, "used": 1, "timeouts": 1}


async def test_why_connections_fail_and_are_lost_is_counted(
    configure: Callable[..., None],
    terminate: Callable[[int], Awaitable[None]],
) -> None:
    engine = get_engine()
    before = count_events()

    async with engine.connect() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
        await terminate(pid)
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT 1"))
    lost = since(before)
    await dispose_engine()
    configure(DB_URL="postgresql://127.0.0.1:1/database")
    with pytest.raises(DatabaseUnavailable):
        await get_engine().connect().start()

    assert lost == {"created": 1, "used": 1, "statements": 1, "lost": 1}
    assert since(before) == lost | {"refused": 1}


async def test_the_latest_check_is_published() -> None:
    note_result("refused")

    assert REGISTRY.get_sample_value("db_ready") == 0


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The gauges of a worker that shares a folder with others.

    The environment decides that when the modules are imported.
    """
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    # It has no types.
    untyped: Any = values
    monkeypatch.setattr(values, "ValueClass", untyped.MultiProcessValue())
    spec = spec_from_file_location(gauges.__name__, gauges.__file__)
    assert spec is not None
    assert spec.loader is not None
    worker: Any = module_from_spec(spec)
    spec.loader.exec_module(worker)
    yield worker
    for gauge in worker._children.values():
        gauge._value._file.close()


def add_workers(folder: Path) -> None:
    """Add what a worker that lives has written, one that does not, and one that starts.

    Their gauges are those of this process.
    """
    for file in folder.glob("gauge_*.db"):
        kind = file.stem.rpartition("_")[0]
        shutil.copy(file, folder / f"{kind}_{os.getppid()}.db")
        shutil.copy(file, folder / f"{kind}_{2**31 - 1}.db")
    (folder / f"counter_{os.getppid()}.db").touch()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_the_workers_that_live_answer_for_each_other(
    configure: Callable[..., None],
    worker: Any,
    tmp_path: Path,
) -> None:
    configure(DB_POOL_SIZE=2)
    note_result(await check_connection())
    async with get_engine().connect():
        worker._write_gauges()
        add_workers(tmp_path)
    await dispose_engine()
    worker._write_gauges()

    registry = CollectorRegistry()
    registry.register(worker._WorkersCollector(str(tmp_path)))

    labels = {POOL: "primary", STATE: "used"}
    assert registry.get_sample_value("db_client_connection_count", labels) == 1
    maximum = {POOL: "primary"}
    assert registry.get_sample_value("db_client_connection_max", maximum) == 2
    assert registry.get_sample_value("db_ready") == 1
    limit = registry.get_sample_value("db_server_connection_max")
    assert limit == REGISTRY.get_sample_value("db_server_connection_max")
