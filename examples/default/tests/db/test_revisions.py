"""The revisions of this project create what its models say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from app.db.testing import temporary_database

ROOT = Path(__file__).parents[2]


@pytest.fixture
def new_database() -> Iterator[str]:
    """A database for one test, which may do with it what it likes."""
    with temporary_database() as url:
        yield url


@pytest.mark.usefixtures("new_database")
def test_a_new_database_has_what_the_models_say() -> None:
    config = Config(ROOT / "alembic.ini")

    command.upgrade(config, "head")

    command.check(config)
