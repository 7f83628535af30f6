"""Ask the server, on connections like the application's."""

import statistics
import time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..advice import ADVICE
from ..check import ConnectionReport
from ..connection import get_pool_stats
from ..engine.connect_args import ConnectArgs
from ..engine.driver import NAME, keeps_statements
from ..settings import get_settings
from .report import Finding

ROUND_TRIPS = 20
_MAX_LAG_SECONDS = 30

_PID = text("SELECT pg_backend_pid()")
_ONE = text("SELECT 1")
_IS_STANDBY = text("SELECT pg_is_in_recovery()")
_IN_USE = text("SELECT CAST(sum(numbackends) AS integer) FROM pg_stat_database")
# 0 while nothing is left to replay: then the last transaction may be an old one.
_LAG = text(
    """
    SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
           ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END
    """
)


async def describe_server(
    connection: AsyncConnection,
    report: ConnectionReport,
) -> Finding:
    """Say what answers, and whether it can be written to."""
    who = f"database {report.database} as {report.user}"
    # What follows the number says who has built it.
    message = f"PostgreSQL {report.server_version.split()[0]}, {who}"
    if not report.is_read_only:
        return Finding(message)
    is_standby = await connection.scalar(_IS_STANDBY)
    what = "a standby" if is_standby else "read-only"
    return Finding(f"{message}, {what}", True, ADVICE["read_only"].hint)


async def shares_servers(one: AsyncConnection, other: AsyncConnection) -> bool:
    """Whether a pooler gives transactions, and not clients, a server connection.

    A process of the server that serves two clients in turn, or a client that is served
    by two processes, is the proof. Nothing is held meanwhile, so nothing can wait.
    """
    pids: dict[AsyncConnection, set[int]] = {one: set(), other: set()}
    for _ in range(3):
        for connection in (one, other):
            pids[connection].add(await connection.scalar(_PID) or 0)
    first, second = pids.values()
    return bool(first & second) or len(first) > 1 or len(second) > 1


def describe_endpoint(connect_args: ConnectArgs, *, shares: bool) -> Finding:
    """Say whether a pooler is in between, and whether the settings know."""
    provider = connect_args.provider
    name = f"{provider.name}, " if provider is not None else ""
    if connect_args.is_pooled:
        seen = "transactions share server connections" if shares else "as declared"
        return Finding(f"{name}pooled: {seen}")
    if shares:
        message = f"{name}transactions share server connections: set DB_POOLED=true"
        return Finding(message, True, "Set DB_DIRECT_URL as well, for migrations.")
    return Finding(f"{name}direct")


def describe_statements(connect_args: ConnectArgs, *, shares: bool) -> Finding:
    """Say whether prepared statements can meet a server that has not prepared them."""
    if not keeps_statements(connect_args.arguments):
        return Finding(f"{NAME} keeps none")
    if shares:
        message = f"{NAME} keeps them, and the next transaction may not find them"
        return Finding(message, True)
    return Finding(f"{NAME} keeps them for as long as a connection lives")


async def measure_round_trips(connection: AsyncConnection) -> Finding:
    """Say how long the shortest statement takes, there and back."""
    seconds = []
    for _ in range(ROUND_TRIPS):
        started = time.perf_counter()
        await connection.execute(_ONE)
        seconds.append(time.perf_counter() - started)
    figures = (min(seconds), statistics.median(seconds), max(seconds))
    least, median, most = (f"{1000 * figure:.1f}" for figure in figures)
    message = f"{median} ms, at least {least}, at most {most} ({ROUND_TRIPS} times)"
    return Finding(message)


async def describe_budget(
    connection: AsyncConnection,
    report: ConnectionReport,
) -> Finding:
    """Say how many connections all processes may open, of how many."""
    in_use = await connection.scalar(_IN_USE)
    server = f"the server has {report.max_connections}, {in_use} in use"
    if not report.connection_budget:
        return Finding(f"each use opens one; {server}")
    processes, limit = get_settings().WEB_CONCURRENCY, get_pool_stats().limit
    ours = f"{processes} (processes) x {limit} (pool) = {report.connection_budget}"
    if report.is_pooled:
        return Finding(f"{ours}, to the pooler; {server}")
    is_too_many = report.connection_budget > report.max_connections
    advice = "Lower DB_POOL_SIZE or WEB_CONCURRENCY." if is_too_many else ""
    return Finding(f"{ours}; {server}", is_too_many, advice)


async def describe_replica(connection: AsyncConnection) -> Finding:
    """Say whether `DB_REPLICA_URL` leads to a replica, and how far it is behind."""
    if not await connection.scalar(_IS_STANDBY):
        return Finding("not a standby: does DB_REPLICA_URL lead to the primary?", True)
    lag = await connection.scalar(_LAG)
    if lag is None:
        return Finding("a standby")
    return Finding(f"a standby, {lag:.1f} s behind", lag > _MAX_LAG_SECONDS)
