"""A database for tests: on the server of `DB_URL`, or on an embedded one."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

from pydantic import AliasChoices
from sqlalchemy import text

from .connection import build_direct_engine
from .engine.url import parse_url
from .local import run_server
from .registry import forget_engines
from .settings import Settings, get_settings


@contextmanager
def temporary_database() -> Iterator[str]:
    """Create a database, point the settings at it, and drop it at the end.

    Neither `.env` nor another setting of the environment has an effect meanwhile.

    Yields:
        The URL of the new database.

    Raises:
        DatabaseUnavailable: `DB_URL` is set, and its server cannot be reached.
        RuntimeError: `DB_URL` is not set, and no server is installed.
    """
    name = f"test_{uuid4().hex[:12]}"
    create, drop = f"CREATE DATABASE {name}", f"DROP DATABASE {name} WITH (FORCE)"
    with ExitStack() as stack:
        server = os.environ.get("DB_URL") or stack.enter_context(run_server())
        stack.enter_context(_without_settings())
        _set_url(server)
        asyncio.run(execute(create))
        try:
            # Not as the URL is written: its parameter `dbname` would count.
            database = parse_url(server).set(drivername="postgresql", database=name)
            url = database.render_as_string(hide_password=False)
            _set_url(url)
            yield url
        finally:
            _set_url(server)
            asyncio.run(execute(drop))


async def execute(statement: str) -> None:
    """Execute a statement outside of any transaction and of any pool."""
    engine = build_direct_engine().execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))


@contextmanager
def _without_settings() -> Iterator[None]:
    """Remove the environment's settings and `.env`, and restore them at the end."""
    kinds: list[type[Settings]] = [Settings, *Settings.__subclasses__()]
    names = set[str]()
    for name, field in (item for kind in kinds for item in kind.model_fields.items()):
        names.add(name)
        if isinstance(field.validation_alias, AliasChoices):
            names |= {str(choice) for choice in field.validation_alias.choices}
    removed = {name: os.environ.pop(name) for name in names & os.environ.keys()}
    env_files = {kind: kind.model_config.get("env_file") for kind in kinds}
    for kind in kinds:
        kind.model_config["env_file"] = None
    try:
        yield
    finally:
        for kind, env_file in env_files.items():
            kind.model_config["env_file"] = env_file
        os.environ.pop("DB_URL", None)
        os.environ.update(removed)
        get_settings.cache_clear()


def _set_url(url: str) -> None:
    """Let what connects from now on connect there."""
    os.environ["DB_URL"] = url
    get_settings.cache_clear()
    forget_engines()
