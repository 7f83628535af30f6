"""What a team writes in its project: texts of files, and parts of some."""

import re

README = """\
# Orders

Who wants what. Ask in the channel of the team before you deploy.
"""
SETTINGS = '''\
"""Our own settings."""

from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """What the environment says."""

    GREETING: str = "hello"


settings = Settings()
'''
ROUTE = '''

@app.get("/greeting")
def greet() -> str:
    """Greet."""
    return settings.GREETING
'''
ROUTER = '''\
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
MODEL = {
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
REVISION = '''\
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
TESTS = '''\
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
SYNC_TESTS = re.sub(
    r"async def tables.*?\n\n\n",
    """\
def tables():
    Base.metadata.create_all(get_engine())
    yield
    dispose_engine()


""",
    TESTS,
    flags=re.DOTALL,
)
