"""Migrations run on the direct endpoint, one process at a time, with limits."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import func, make_url, select, text

from app.db import build_direct_engine, migrations
from app.db.migrations import LOCK_KEY
from app.db.testing import execute

ROOT = Path(__file__).parents[2]

ENV = """
from sqlalchemy import Column, Integer, MetaData, Table
from app.db.migrations import run_migrations

metadata = MetaData()
options = {}
Table("item", metadata, Column("id", Integer, primary_key=True))
run_migrations(metadata, **options)
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
# Fails if a limit is not what it should be.
LIMITS = """
from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"


def expect(**limits):
    for name, value in limits.items():
        assert op.get_bind().scalar(text(f"SHOW {name}")) == value


def upgrade():
    expect(statement_timeout="0", lock_timeout="7s")
    with op.get_context().autocommit_block():
        expect(statement_timeout="0", lock_timeout="0")
    expect(statement_timeout="0", lock_timeout="7s")
"""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
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
    yield config
    clean = "DROP TABLE IF EXISTS alembic_version, item"
    asyncio.run(execute(clean))


@pytest.fixture
def limits_of_the_database(database: str) -> Iterator[None]:
    """The database has limits of its own."""
    alter = f"ALTER DATABASE {make_url(database).database}"
    for limit in ("statement_timeout", "lock_timeout"):
        asyncio.run(execute(f"{alter} SET {limit} = 100000"))
    yield
    asyncio.run(execute(f"{alter} RESET ALL"))


@pytest.fixture
async def other_process(anyio_backend: str) -> AsyncIterator[None]:
    """Another process migrates."""
    async with build_direct_engine().connect() as connection:
        await connection.execute(select(func.pg_advisory_lock(LOCK_KEY)))
        yield


@pytest.fixture
async def other_transaction(anyio_backend: str) -> AsyncIterator[None]:
    """Another transaction has created the table, and goes on."""
    async with build_direct_engine().connect() as connection:
        await connection.execute(text("CREATE TABLE item (id integer)"))
        yield


def test_migrations_go_up_and_down(config: Config) -> None:
    command.upgrade(config, "head")
    command.check(config)

    command.downgrade(config, "base")

    with pytest.raises(CommandError, match="not up to date"):
        command.check(config)


def test_a_model_without_a_migration_is_noticed_unless_an_option_ignores_it(
    config: Config,
    tmp_path: Path,
) -> None:
    command.stamp(config, "head")

    with pytest.raises(CommandError, match="New upgrade operations detected"):
        command.check(config)

    ignore_all = 'options = {"include_object": lambda *_: False}'
    env = (tmp_path / "env.py").read_text()
    (tmp_path / "env.py").write_text(env.replace("options = {}", ignore_all))
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
    configure(DB_URL="postgresql://someone:50%25%2F%25s@127.0.0.1:1/nowhere")

    with pytest.raises(CommandError, match=r"^database unavailable: refused: .+\)$"):
        command.current(config)


def test_a_generated_revision_can_be_imported(config: Config, tmp_path: Path) -> None:
    (tmp_path / "versions" / "0001.py").unlink()

    command.revision(config, "add item", autogenerate=True)

    (revision,) = (tmp_path / "versions").glob("*_add_item.py")
    compile(revision.read_text(), revision, "exec")
    assert 'op.create_table("item"' in revision.read_text().replace("'", '"')


@pytest.mark.usefixtures("other_process")
def test_the_wait_for_another_process_has_an_end(
    config: Config,
    configure: Callable[..., None],
) -> None:
    configure(DB_MIGRATION_WAIT_TIMEOUT=0.01)

    with pytest.raises(CommandError, match="set DB_MIGRATION_WAIT_TIMEOUT higher"):
        command.upgrade(config, "head")


def test_another_process_is_waited_for(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    is_free = iter([False, False, True])
    monkeypatch.setattr(migrations, "_try_lock", lambda _connection: next(is_free))
    monkeypatch.setattr(migrations, "_POLL_SECONDS", 0)

    command.upgrade(config, "head")

    assert "another process migrates: waiting for it" in caplog.text


@pytest.mark.usefixtures("other_process")
def test_the_current_revision_can_be_read_while_another_process_migrates(
    config: Config,
    configure: Callable[..., None],
) -> None:
    configure(DB_MIGRATION_WAIT_TIMEOUT=0.01)

    command.current(config)


@pytest.mark.usefixtures("other_transaction")
def test_the_wait_for_another_transaction_has_an_end(
    config: Config,
    configure: Callable[..., None],
) -> None:
    configure(DB_MIGRATION_LOCK_TIMEOUT=0.01)

    with pytest.raises(CommandError, match="set DB_MIGRATION_LOCK_TIMEOUT higher"):
        command.upgrade(config, "head")


@pytest.mark.usefixtures("limits_of_the_database")
def test_only_waits_for_locks_are_limited_and_only_in_transactions(
    config: Config,
    configure: Callable[..., None],
    tmp_path: Path,
) -> None:
    (tmp_path / "versions" / "0002.py").write_text(LIMITS)
    configure(DB_MIGRATION_LOCK_TIMEOUT=7)

    command.upgrade(config, "head")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/nowhere", "database unavailable: refused"),
        ("mysql://me:s3cret@host/database", "DB_URL must start with postgresql://"),
        (" ", "DB_URL: set DB_URL to your PostgreSQL connection string$"),
    ],
)
def test_what_keeps_it_from_connecting_is_a_sentence(
    config: Config,
    configure: Callable[..., None],
    url: str,
    sentence: str,
) -> None:
    configure(DB_URL=url)

    with pytest.raises(CommandError, match=f"^{sentence}") as refused:
        command.upgrade(config, "head")

    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("DB_MIGRATION_LOCK_TIMEOUT", "-1"), ("DB_MIGRATION_WAIT_TIMEOUT", "0")],
)
def test_a_setting_out_of_bounds_is_named(
    config: Config,
    configure: Callable[..., None],
    name: str,
    value: str,
) -> None:
    configure(**{name: value})

    with pytest.raises(CommandError, match=f"^{name}: "):
        command.upgrade(config, "head")
