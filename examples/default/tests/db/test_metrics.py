"""What Prometheus reads is what the pool does."""

import os
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from app.db import get_engine, get_read_engine

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


def read(name: str, pool_name: str = "primary", **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"pool_name": pool_name, **labels})


async def test_the_connections_of_the_pool_are_counted(
    configure: Callable[..., None],
) -> None:
    configure(DB_POOL_SIZE=2)

    async with get_engine().connect():
        used = read("db_client_connection_count", state="used")

    assert used == 1
    assert read("db_client_connection_count", state="idle") == 1
    assert read("db_client_connection_max") == 2


async def test_statements_are_timed() -> None:
    name = "db_client_operation_duration_seconds_count"
    before = read(name) or 0

    async with get_engine().connect() as connection:
        await connection.execute(text("SELECT 1"))

    assert read(name) == before + 1


async def test_the_replica_has_a_name_of_its_own(
    configure: Callable[..., None],
) -> None:
    configure(DB_REPLICA_URL=os.environ["DB_URL"])

    async with get_engine().connect(), get_read_engine().connect():
        used = read("db_client_connection_count", "replica", state="used")

    assert used == 1
