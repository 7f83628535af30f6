"""Migrations go up and down, agree with the models, and need no database to be read."""

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import inspect, make_url

from app.db import build_direct_engine

ROOT = Path(__file__).parents[1]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    monkeypatch.chdir(ROOT)
    config = Config(ROOT / "alembic.ini")
    yield config
    if has_note():
        command.downgrade(config, "base")


def has_note() -> bool:
    """Whether the table of the first revision is there."""

    async def ask() -> bool:
        async with build_direct_engine().connect() as connection:
            return await connection.run_sync(lambda c: inspect(c).has_table("note"))

    return asyncio.run(ask())


def test_migrations_go_up_and_down(config: Config) -> None:
    command.upgrade(config, "head")
    up = has_note()
    command.downgrade(config, "base")

    assert up
    assert not has_note()


def test_the_migrations_make_what_the_models_say(config: Config) -> None:
    command.upgrade(config, "head")

    command.check(config)


def test_a_model_without_a_migration_is_noticed(config: Config) -> None:
    command.stamp(config, "head")

    with pytest.raises(CommandError, match="New upgrade operations detected"):
        command.check(config)

    command.stamp(config, "base")


def test_the_sql_can_be_read_without_a_database(
    config: Config,
    configure: Callable[..., None],
) -> None:
    configure(DB_URL="postgresql://nobody@127.0.0.1:1/nowhere")
    config.output_buffer = io.StringIO()

    command.upgrade(config, "head", sql=True)

    assert "CREATE TABLE note" in config.output_buffer.getvalue()


def test_a_percent_sign_in_the_password_is_harmless(
    config: Config,
    configure: Callable[..., None],
) -> None:
    url = make_url(os.environ["DB_URL"]).set(username="postgres", password="50%/%s")
    configure(DB_URL=url.render_as_string(hide_password=False))

    command.upgrade(config, "head")

    assert has_note()


def test_a_new_revision_can_be_imported(config: Config, tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    config.set_main_option("version_locations", str(versions))

    command.revision(config, "add everything", autogenerate=True)

    (revision,) = versions.glob("*.py")
    compile(revision.read_text(), revision, "exec")
