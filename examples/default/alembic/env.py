"""Runs the migrations on the direct endpoint: a pooler would mix up their sessions."""

import asyncio
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection

from app.db import build_direct_engine
from app.models import Base

target_metadata = Base.metadata

if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)


def run_offline() -> None:
    """Print the SQL, without a database."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=target_metadata,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_on(connection: Connection) -> None:
    """Migrate in one transaction."""
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()


async def run_online() -> None:
    """Connect and migrate."""
    engine = build_direct_engine()
    async with engine.connect() as connection:
        await connection.run_sync(run_on)


if context.is_offline_mode():
    run_offline()
else:
    asyncio.run(run_online())
