"""Migrations run on the direct endpoint, and those of this project fit its models."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import make_url

from app.db.testing import temporary_database

ROOT = Path(__file__).parents[2]

ENV = """
from sqlalchemy import Column, Integer, MetaData, Table
from app.db.migrations import run_migrations

metadata = MetaData()
Table("item", metadata, Column("id", Integer, primary_key=True))
run_migrations(metadata)
"""
REVISION = """
from alembic import op
from sqlalchemy import Column, Integer

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("item", Column("id", Integer, primary_key=True))


def downgrade():
    op.drop_table("item")
"""


@pytest.fixture(autouse=True)
def database() -> Iterator[str]:
    """A database for each test, because Alembic has one history in each."""
    with temporary_database() as url:
        yield url


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Another project, with one model and one revision."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "versions" / "0001.py").write_text(REVISION)
    (tmp_path / "script.py.mako").write_text(
        (ROOT / "alembic" / "script.py.mako").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("path_separator", "os")
    return config


def test_the_migrations_of_this_project_create_what_its_models_say() -> None:
    config = Config(ROOT / "alembic.ini")

    command.upgrade(config, "head")

    command.check(config)


def test_migrations_go_up_and_down(config: Config) -> None:
    command.upgrade(config, "head")
    command.check(config)

    command.downgrade(config, "base")

    with pytest.raises(CommandError, match="not up to date"):
        command.check(config)


def test_a_model_without_a_migration_is_noticed(config: Config) -> None:
    command.stamp(config, "head")

    with pytest.raises(CommandError, match="New upgrade operations detected"):
        command.check(config)


def test_the_sql_can_be_read_without_a_database(
    config: Config,
    configure: Callable[..., None],
) -> None:
    configure(DB_URL="postgresql://someone@127.0.0.1:1/nowhere")
    config.output_buffer = io.StringIO()

    command.upgrade(config, "head", sql=True)

    assert "CREATE TABLE item" in config.output_buffer.getvalue()


def test_a_percent_sign_in_the_password_is_harmless(
    config: Config,
    configure: Callable[..., None],
) -> None:
    url = make_url(os.environ["DB_URL"]).set(username="postgres", password="50%/%s")
    configure(DB_URL=url.render_as_string(hide_password=False))

    command.upgrade(config, "head")

    command.check(config)


def test_a_generated_revision_can_be_imported(config: Config, tmp_path: Path) -> None:
    command.stamp(config, "head")

    command.revision(config, "add item", autogenerate=True)

    (revision,) = (tmp_path / "versions").glob("*_add_item.py")
    compile(revision.read_text(), revision, "exec")
    assert 'op.create_table("item"' in revision.read_text().replace("'", '"')
