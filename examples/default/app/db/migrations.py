"""Run Alembic's migrations on the direct endpoint: `alembic/env.py` calls this."""

import asyncio
from logging.config import fileConfig
from typing import Any

from alembic import context
from sqlalchemy import Connection, MetaData

from .connection import build_direct_engine


def run_migrations(metadata: MetaData) -> None:
    """Run what the `alembic` command asked for, in one transaction.

    With `--sql` it prints the statements, without a database. Otherwise it connects
    past the pooler, because a migration needs one server connection from beginning to
    end.

    Args:
        metadata: What `alembic revision --autogenerate` compares the database with.

    Raises:
        DatabaseUnavailable: No connection could be made.
    """
    if context.config.config_file_name is not None:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    if context.is_offline_mode():
        _run(metadata, dialect_name="postgresql", literal_binds=True)
    else:
        asyncio.run(_connect_and_run(metadata))


async def _connect_and_run(metadata: MetaData) -> None:
    def run(connection: Connection) -> None:
        _run(metadata, connection=connection)

    async with build_direct_engine().connect() as connection:
        await connection.run_sync(run)


def _run(metadata: MetaData, **options: Any) -> None:
    context.configure(target_metadata=metadata, **options)
    with context.begin_transaction():
        context.run_migrations()
