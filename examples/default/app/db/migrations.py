"""Run Alembic's migrations on the direct endpoint: `alembic/env.py` calls this."""

import asyncio
import logging
import time
from logging.config import fileConfig
from typing import Any

from alembic import context
from alembic.util import CommandError
from pydantic import Field
from sqlalchemy import Connection, MetaData, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from .connection import build_direct_engine
from .engine import set_local
from .engine.driver import get_sqlstate
from .errors import DatabaseUnavailable, describe, translate_errors
from .settings import Settings

logger = logging.getLogger(__name__)

LOCK_KEY = int.from_bytes(b"alembic", "big")
"""The advisory lock, in each database, of the one process that may migrate it."""

_POLL_SECONDS = 0.5
_LOCK_NOT_AVAILABLE = "55P03"


class MigrationSettings(Settings):
    """The settings, with those that only migrations need."""

    DB_MIGRATION_LOCK_TIMEOUT: float = Field(default=5, ge=0, le=86_400)
    """When the server stops waiting for a lock that a migration needs.

    By default 5: all queries of a table wait behind a waiting ALTER TABLE. This is less
    than `DB_LOCK_TIMEOUT`, so that they still succeed.
    """

    DB_MIGRATION_WAIT_TIMEOUT: float = Field(default=600, gt=0, le=86_400)
    """How long `alembic` waits for a migration that runs in another process.

    By default 600: Kubernetes then calls a rollout failed.
    """


def run_migrations(metadata: MetaData, **options: Any) -> None:
    """Run what the `alembic` command asked for, in one process at a time.

    With `--sql` it prints the statements, without a database. Otherwise it connects
    past the pooler, because a migration needs one server connection from beginning to
    end. All commands but `current` wait for a migration that runs in another process.

    Args:
        metadata: What `alembic revision --autogenerate` compares the database with.
        options: Passed on to `context.configure`, for example `include_object` or
            `transaction_per_migration`.

    Raises:
        alembic.util.CommandError: A setting is invalid, no connection could be had or
            it was lost, or a wait took too long. `alembic` prints it as one sentence.
    """
    if context.config.config_file_name is not None:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    options["target_metadata"] = metadata
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True, **options)
        _run()
        return
    try:
        with translate_errors():
            asyncio.run(_connect_and_run(_build_engine(), options))
    except DatabaseUnavailable as error:
        raise CommandError(f"database unavailable: {describe(error)}") from error
    except DBAPIError as error:
        if get_sqlstate(error.orig) != _LOCK_NOT_AVAILABLE:
            raise
        seconds = MigrationSettings.read().DB_MIGRATION_LOCK_TIMEOUT
        raise CommandError(
            f"another transaction held a lock for more than {seconds:g} s: "
            "try again, or set DB_MIGRATION_LOCK_TIMEOUT higher"
        ) from error


def _build_engine() -> AsyncEngine:
    try:
        settings = MigrationSettings.read()
        # A limit that the role has would end a long CREATE INDEX.
        no_limits = {"statement_timeout": "0", "lock_timeout": "0"}
        server_settings = settings.get_server_settings() | no_limits
        return build_direct_engine(server_settings=server_settings)
    except ValueError as error:
        raise CommandError(str(error)) from error


async def _connect_and_run(engine: AsyncEngine, options: dict[str, Any]) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(_run_alone, options)


def _run_alone(connection: Connection, options: dict[str, Any]) -> None:
    """Run the command while no other process migrates the database.

    The lock belongs to the session that migrates: it survives each COMMIT, and is free
    when the session has ended, however the process did.
    """
    context.configure(connection=connection, **options)
    # `alembic current` has to answer during a migration.
    if context.get_context().opts.get("dont_mutate"):
        _run()
        return
    _wait_for_lock(connection)
    # In transactions only: outside of one, CREATE INDEX CONCURRENTLY blocks nobody
    # while it waits, and would leave an invalid index behind.
    timeout = f"{MigrationSettings.read().DB_MIGRATION_LOCK_TIMEOUT}s"
    event.listen(connection, "begin", set_local({"lock_timeout": timeout}))
    _run()
    connection.execute(select(func.pg_advisory_unlock(LOCK_KEY)))
    connection.commit()


def _wait_for_lock(connection: Connection) -> None:
    """Ask for the lock until it is free.

    A blocking `pg_advisory_lock` would deadlock with CREATE INDEX CONCURRENTLY, which
    waits for all transactions that have a snapshot, and a statement that waits has one.
    """
    timeout = MigrationSettings.read().DB_MIGRATION_WAIT_TIMEOUT
    deadline = time.monotonic() + timeout
    if _try_lock(connection):
        return
    logger.warning("another process migrates: waiting for it, at most %g s", timeout)
    while not _try_lock(connection):
        if time.monotonic() > deadline:
            raise CommandError(
                f"another process has been migrating for more than {timeout:g} s: "
                "end it, or set DB_MIGRATION_WAIT_TIMEOUT higher"
            )
        time.sleep(min(_POLL_SECONDS, timeout))


def _try_lock(connection: Connection) -> bool:
    is_locked = connection.scalar(select(func.pg_try_advisory_lock(LOCK_KEY)))
    # No transaction is open while we sleep, nor when Alembic begins its own.
    connection.commit()
    return bool(is_locked)


def _run() -> None:
    with context.begin_transaction():
        context.run_migrations()
