"""Ask the server which migrations have run."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from .report import Finding


def has_migrations() -> bool:
    """Whether there are migrations in this folder."""
    return Path("alembic.ini").exists()


async def describe_migrations(connection: AsyncConnection) -> Finding:
    """Say whether the database is at the head of the migrations.

    Reads the table `alembic_version`, whatever `version_table` the environment names.
    """
    try:
        heads = ScriptDirectory.from_config(Config("alembic.ini")).get_heads()
    except Exception as error:  # noqa: BLE001
        # A revision is the user's code, which may fail in any way.
        return Finding(f"{type(error).__name__}: {error}", True)
    try:
        revisions = await connection.run_sync(_get_revisions)
    except CommandError as error:
        return Finding(str(error), True)
    there, wanted = (", ".join(sorted(each)) or "none" for each in (revisions, heads))
    if there == wanted:
        return Finding(f"at the head, {wanted}")
    message = f"at {there}, and the head is {wanted}"
    return Finding(message, True, "Run alembic upgrade head.")


def _get_revisions(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()
