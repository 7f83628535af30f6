"""The doctor warns of what does not fit the server."""

from collections.abc import Callable

import pytest

from app.db import check_connection, get_engine
from app.db.doctor import server
from app.db.endpoints import get_primary_connect_args

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


async def test_a_pooler_that_nobody_declared_is_a_warning() -> None:
    finding = server.describe_endpoint(get_primary_connect_args(), shares=True)

    assert finding.is_warning
    assert "set DB_POOLED=true" in finding.message


async def test_more_connections_than_the_server_has_are_a_warning(
    configure: Callable[..., None],
) -> None:
    configure(WEB_CONCURRENCY=500)
    report = await check_connection()

    async with get_engine().connect() as connection:
        finding = await server.describe_budget(connection, report)

    assert finding.is_warning
    assert finding.message.startswith("500 (processes) x ")


async def test_a_replica_that_is_none_is_a_warning() -> None:
    async with get_engine().connect() as connection:
        finding = await server.describe_replica(connection)

    assert finding.is_warning
    assert finding.message.startswith("not a standby")
