"""The doctor: what keeps the application from its database, step by step."""

from contextlib import AsyncExitStack, suppress

from sqlalchemy.ext.asyncio import AsyncEngine

from ..check import ask_server
from ..connection import build_single_engine, dispose_engine, get_read_engine
from ..endpoints import get_primary_connect_args
from ..engine.connect_args import ConnectArgs
from ..settings import get_settings
from .migrations import describe_migrations, has_migrations
from .network import Address, connect, describe_tls, resolve
from .promises import try_errors, try_health, try_sessions
from .report import Display, Finding, Report
from .server import (
    describe_budget,
    describe_endpoint,
    describe_replica,
    describe_server,
    describe_statements,
    measure_round_trips,
    shares_servers,
)
from .timeouts import examine_timeouts


async def examine(
    display: Display | None = None,
    *,
    fix_timeouts: bool = False,
) -> Report:
    """Examine what `DB_URL` leads to, until a step fails.

    Connections are made as `get_engine()` makes them, and none is kept.

    Args:
        display: What shows the progress.
        fix_timeouts: Alter the role where a timeout of the settings is not in effect.
    """
    report = Report(display)
    with suppress(Report.Stopped):
        with report.step("settings") as found:
            connect_args = get_primary_connect_args()
            found(_describe_settings(connect_args))
        engine = build_single_engine(connect_args)
        await _examine_network(report, engine, connect_args)
        await _examine_server(report, engine, connect_args, fix_timeouts)
        await _examine_replica(report)
    return report


async def _examine_network(
    report: Report,
    engine: AsyncEngine,
    connect_args: ConnectArgs,
) -> None:
    """Look at what comes before the login. A socket of this machine has none of it."""
    if not any(_is_on_network(host) for host, _ in connect_args.addresses):
        return
    timeout = get_settings().DB_CONNECT_TIMEOUT
    with report.step("name resolution") as found:
        addresses = resolve(connect_args)
        found(Finding(_list(addresses)))
    with report.step("TCP") as found:
        address = connect(addresses, timeout)
        found(Finding(f"{address} accepts connections"))
    with report.step("TLS") as found:
        try:
            found(describe_tls(address, connect_args, timeout=timeout))
        except (OSError, ValueError):
            # Whether this is a failure, and which, the driver tells.
            async with engine.connect():
                found(Finding("the driver connects"))


async def _examine_server(
    report: Report,
    engine: AsyncEngine,
    connect_args: ConnectArgs,
    fix_timeouts: bool,
) -> None:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with AsyncExitStack() as stack:
        with report.step("authentication") as found:
            opening = autocommit.connect()
            connection = await stack.enter_async_context(opening)
            found(Finding("accepted"))
        with report.step("server") as found:
            server = await ask_server(connection)
            found(await describe_server(connection, server))
        with report.step("pooler") as found:
            async with autocommit.connect() as other:
                shares = await shares_servers(connection, other)
            found(describe_endpoint(connect_args, shares=shares))
        with report.step("timeouts") as found:
            arguments = (engine, connection, connect_args)
            found(await examine_timeouts(*arguments, fix=fix_timeouts))
        with report.step("prepared statements") as found:
            found(describe_statements(connect_args, shares=shares))
        with report.step("round trip") as found:
            found(await measure_round_trips(connection))
        with report.step("connections") as found:
            found(await describe_budget(connection, server))
        if not server.is_read_only:
            with report.step("sessions") as found:
                found(await try_sessions(engine, connection))
        with report.step("errors") as found:
            found(await try_errors(engine))
        with report.step("health") as found:
            found(await try_health(autocommit))
        if has_migrations():
            with report.step("migrations") as found:
                found(await describe_migrations(connection))


async def _examine_replica(report: Report) -> None:
    if get_settings().DB_REPLICA_URL is None:
        return
    with report.step("replica") as found:
        replica = get_read_engine().execution_options(isolation_level="AUTOCOMMIT")
        try:
            async with replica.connect() as connection:
                found(await describe_replica(connection))
        finally:
            await dispose_engine()


def _describe_settings(connect_args: ConnectArgs) -> Finding:
    url = connect_args.url
    hosts = [_describe_host(*address) for address in connect_args.addresses]
    name = url.database or "the default database"
    where = ", ".join(hosts) or "the default socket"
    return Finding(f"DB_URL leads to {name} at {where}")


def _describe_host(host: str, port: int) -> str:
    return host if host.startswith("/") else f"{host}:{port}"


def _list(addresses: list[Address]) -> str:
    return ", ".join(dict.fromkeys(str(address.target[0]) for address in addresses))


def _is_on_network(host: str) -> bool:
    """Whether it is a name or an address, and not the directory of a socket."""
    return not host.startswith("/")
