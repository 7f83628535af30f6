"""The timeouts that are in effect, and the statements that put them into effect."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..engine.connect_args import ConnectArgs
from ..settings import get_settings
from .report import Finding

_TIMEOUTS = text(
    """
    SELECT name,
           CAST(extract(epoch FROM CAST(current_setting(name) AS interval)) AS float),
           CAST(extract(epoch FROM CAST(wanted AS interval)) AS float)
    FROM unnest(
        string_to_array(CAST(:names AS text), ','),
        string_to_array(CAST(:wanted AS text), ',')
    ) AS timeouts (name, wanted)
    """
)
_NAMES = text("SELECT quote_ident(session_user), quote_ident(current_database())")


class _Timeout(NamedTuple):
    """A timeout of the server, in seconds: in effect, and by the settings."""

    name: str
    now: float
    wanted: float

    def __str__(self) -> str:
        what = self.name.removesuffix("_timeout").removesuffix("_session")
        return f"{what.replace('_', ' ')} {self.now:g} s"


async def examine_timeouts(
    engine: AsyncEngine,
    connection: AsyncConnection,
    connect_args: ConnectArgs,
    *,
    fix: bool,
) -> Finding:
    """Say which timeouts are in effect, and make them hold if that is asked for.

    Args:
        engine: An engine for another connection, in transactions.
        connection: A connection in autocommit.
        connect_args: What the timeouts are to be.
        fix: Alter the role, in this database, where a timeout is not in effect.
    """
    outside = await _find(connection, connect_args)
    wrong = [timeout for timeout in outside if timeout.now != timeout.wanted]
    if not wrong:
        return Finding(", ".join(map(str, outside)))
    role, database = (await connection.execute(_NAMES)).one()
    alter = f"ALTER ROLE {role} IN DATABASE {database} SET"
    statements = [f"{alter} {each.name} = '{each.wanted:.10g}s'" for each in wrong]
    if fix:
        for statement in statements:
            await connection.execute(text(statement))
        message = "altered: what connects to the server from now on has them"
        return Finding(message, details=";\n".join(statements))
    message = ", ".join(f"{each} instead of {each.wanted:g} s" for each in wrong)
    if connect_args.is_pooled:
        async with engine.connect() as other:
            inside = await _find(other, connect_args)
        if all(each.now == each.wanted for each in inside):
            message = f"in effect in transactions only; outside of one {message}"
    return Finding(message, True, "--fix-timeouts runs:\n" + ";\n".join(statements))


async def _find(
    connection: AsyncConnection,
    connect_args: ConnectArgs,
) -> list[_Timeout]:
    names = list(get_settings().get_server_settings())
    values = [connect_args.server_settings[name] for name in names]
    # Without a unit they are milliseconds.
    wanted = [f"{value}ms" if value.isdecimal() else value for value in values]
    parameters = {"names": ",".join(names), "wanted": ",".join(wanted)}
    rows = await connection.execute(_TIMEOUTS, parameters)
    return [_Timeout(*row) for row in rows]
