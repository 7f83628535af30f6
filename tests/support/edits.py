"""What a team does to a project that it has got from the template.

The same edits fit a render of any answers, which tells what an update has to arrive at.
"""

import re
from pathlib import Path

from support.hooks import write
from support.variants import Answers

# The example, a file of the team's, the first migration, tests of the layer, of which
# the last two go with an answer.
DELETED = [
    "app/notes.py",
    "tests/test_notes.py",
    ".env.example",
    "alembic/versions/0001_create_note.py",
    "tests/db/test_pool.py",
    "tests/db/test_metrics.py",
    "tests/db/test_cursor.py",
]

_README = """\
# Orders

Who wants what. Ask in the channel of the team before you deploy.
"""
_SETTINGS = '''\
"""Our own settings."""

from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """What the environment says."""

    GREETING: str = "hello"


settings = Settings()
'''
_ROUTE = '''

@app.get("/greeting")
def greet() -> str:
    """Greet."""
    return settings.GREETING
'''
_ROUTER = '''\
"""Orders, as a resource."""

from fastapi import APIRouter
from sqlalchemy import func, select

from app.db import DbSession, ReadDbSession
from app.models import Order

router = APIRouter(prefix="/orders")


@router.post("", status_code=201)
async def create_order(session: DbSession, item: str) -> None:
    session.add(Order(item=item))


@router.get("/count")
async def count_orders(session: ReadDbSession) -> int | None:
    return await session.scalar(select(func.count()).select_from(Order))
'''
_MODEL = {
    "sqlalchemy": '''

class Order(Base):
    """What somebody wants."""

    __tablename__ = "order"
    __table_args__ = (Index(None, "item"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    item: Mapped[str]
''',
    "sqlmodel": '''

class Order(Base, table=True):
    """What somebody wants."""

    __table_args__ = (Index(None, "item"),)

    id: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=[Identity(always=True)],
    )
    item: str
''',
}
_REVISION = '''\
"""Create our tables."""

import sqlalchemy as sa
from alembic import op

revision = "ours"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "note",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    op.create_table(
        "order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_order"),
    )
    op.create_index("ix_order_item", "order", ["item"])
'''
_TESTS = '''\
"""Our resource, over HTTP."""

import pytest
from httpx2 import AsyncClient

from app.config import settings
from app.db import dispose_engine, get_engine
from app.models import Base

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def tables():
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await dispose_engine()


async def test_an_order_is_counted(client: AsyncClient) -> None:
    created = await client.post("/orders", params={"item": "tea"})
    counted = await client.get("/orders/count")

    assert created.status_code == 201
    assert counted.json() == 1


async def test_we_greet(client: AsyncClient) -> None:
    greeting = await client.get("/greeting")

    assert greeting.json() == settings.GREETING
'''
# The same in a sync project: what the client awaits is HTTP.
_SYNC_TESTS = re.sub(
    r"async def tables.*?\n\n\n",
    """\
def tables():
    Base.metadata.create_all(get_engine())
    yield
    dispose_engine()


""",
    _TESTS,
    flags=re.DOTALL,
)


def edit(project: Path, answers: Answers) -> None:
    """Do to a project what its team does.

    Args:
        project: It may have been rendered with other answers.
        answers: Those for which the team has written its code.
    """
    write(project / "README.md", _README)
    write(project / "app/config.py", _SETTINGS)
    _replace(
        project / "app/main.py",
        {
            "from app import notes\n": "from app import orders\n",
            "from app.db import": "from app.config import settings\nfrom app.db import",
            "notes.router": "orders.router",
        },
    )
    _append(project / "app/main.py", _ROUTE)
    _replace(
        project / "pyproject.toml",
        {
            '"0.1.0"': '"0.2.0"',
            "dependencies = [\n": 'dependencies = [\n    "arq>=0.26",\n',
            '"uvicorn>=0.34",\n': '"uvicorn>=0.34",\n    "httpx>=0.28",\n',
            "    # Yours.\n]\n\n[dep": '    # Yours.\n    "boto3>=1.35",\n]\n\n[dep',
            "    # Yours.\n]\n\n[tool": '    # Yours.\n    "respx>=0.22",\n]\n\n[tool',
        },
    )
    _append(project / "pyproject.toml", "\n[tool.ours]\nstrict = true\n")
    _append(project / ".github/workflows/ci.yml", "      - run: uv run ours\n")
    if answers["migrations"]:
        write(project / "alembic/versions/ours.py", _REVISION)
    _append(project / "alembic/env.py", "# Ours.\n")
    _replace(project / "app/models.py", {"Identity, M": "Identity, Index, M"})
    write_code(project, answers)
    edit_layer(project)
    for name in DELETED:
        (project / name).unlink(missing_ok=True)


def edit_layer(project: Path) -> None:
    """Change the layer: where answers change it too, where they do not, and what is
    there with one answer only.
    """
    made = "expire_on_commit=False) as session"
    _replace(project / "app/db/session.py", {made: f"autoflush=False, {made}"})
    first = '"""Give every failure its name: exceptions, and a line for the log."""\n'
    _replace(project / "app/db/errors.py", {first: f"{first}# Ours.\n"})
    for name in ("app/db/metrics.py", "app/db/engine/cursor.py"):
        _append(project / name, "\n\n# Ours.\n")


def write_code(project: Path, answers: Answers) -> None:
    """Write what depends on the answers, as the team does when it changes one."""
    models = project / "app/models.py"
    text = models.read_text("utf-8").partition("\n\n\nclass Order")[0].rstrip("\n")
    models.write_text(f"{text}\n{_MODEL[str(answers['models'])]}", "utf-8")
    is_async = answers["mode"] == "async"
    router = _ROUTER if is_async else re.sub("async (?=def)|await ", "", _ROUTER)
    write(project / "app/orders.py", router)
    write(project / "tests/test_orders.py", _TESTS if is_async else _SYNC_TESTS)


def _replace(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, (path.name, old)
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def _append(path: Path, text: str) -> None:
    """Add lines to a file, if these answers have it."""
    if path.exists():
        path.write_text(path.read_text("utf-8") + text, "utf-8")
