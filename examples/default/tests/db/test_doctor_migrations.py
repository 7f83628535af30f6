"""The doctor knows which migrations have run."""

from pathlib import Path

import pytest
from sqlalchemy import text

from app.db import get_engine
from app.db.doctor import migrations

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]


async def test_migrations_that_did_not_run_are_a_warning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = tmp_path / "scripts" / "versions"
    monkeypatch.chdir(tmp_path)
    assert not migrations.has_migrations()
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = scripts\n")
    assert migrations.has_migrations()

    async with get_engine().connect() as connection:
        without_scripts = await migrations.describe_migrations(connection)
        versions.mkdir(parents=True)
        revision = 'revision = "0001"\ndown_revision = None\n'
        (versions / "0001.py").write_text(revision)
        before = await migrations.describe_migrations(connection)
        table = "CREATE TABLE alembic_version AS SELECT '0001' AS version_num"
        await connection.execute(text(table))
        after = await migrations.describe_migrations(connection)
        (versions / "0002.py").write_text("import no_such_module")
        broken = await migrations.describe_migrations(connection)

    assert without_scripts.is_warning
    assert before.message == "at none, and the head is 0001"
    assert before.is_warning
    assert after == ("at the head, 0001", False, "")
    assert "no_such_module" in broken.message
    assert broken.is_warning
