"""A service like those of FastAPI's full-stack template."""

from support.hosts import Files

# The shape of the backend in FastAPI's full-stack template.
FULL_STACK: Files = {
    "app/__init__.py": "",
    "app/core/__init__.py": "",
    "app/core/config.py": """\
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    DATABASE_URL: str

    @property
    def SQLALCHEMY_DATABASE_URI(self) -> str:
        return self.DATABASE_URL.replace("postgresql:", "postgresql+psycopg:", 1)


settings = Settings()
""",
    "app/core/db.py": """\
from sqlmodel import create_engine

from app.core.config import settings

engine = create_engine(settings.SQLALCHEMY_DATABASE_URI)
""",
    "app/models.py": """\
from sqlmodel import Field, SQLModel


class ItemIn(SQLModel):
    title: str


class Item(ItemIn, table=True):
    id: int | None = Field(default=None, primary_key=True)
""",
    "app/crud.py": """\
from sqlmodel import Session

from app.models import Item, ItemIn


def create_item(*, session: Session, item_in: ItemIn) -> Item:
    item = Item.model_validate(item_in)
    session.add(item)
    session.commit()
    session.refresh(item)
    return item
""",
    "app/api/__init__.py": "",
    "app/api/deps.py": """\
from collections.abc import Generator
from typing import Annotated

from fastapi import Depends, HTTPException
from sqlmodel import Session

from app.core.db import engine
from app.models import Item


def get_db() -> Generator[Session, None, None]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_db)]


def get_item(session: SessionDep, id: int) -> Item:
    if item := session.get(Item, id):
        return item
    raise HTTPException(404)


CurrentItem = Annotated[Item, Depends(get_item)]
""",
    "app/api/items.py": """\
from fastapi import APIRouter, HTTPException
from sqlmodel import select

from app import crud
from app.api.deps import CurrentItem, SessionDep
from app.models import Item, ItemIn

router = APIRouter(prefix="/items")


@router.get("/")
def read_items(session: SessionDep, title: str) -> list[Item]:
    return session.exec(select(Item).where(Item.title == title)).all()


@router.post("/")
def create_item(session: SessionDep, item_in: ItemIn) -> Item:
    return crud.create_item(session=session, item_in=item_in)


@router.put("/{id}")
def update_item(session: SessionDep, item: CurrentItem, item_in: ItemIn) -> Item:
    item.sqlmodel_update(item_in.model_dump(exclude_unset=True))
    session.add(item)
    session.commit()
    session.refresh(item)
    return item


@router.delete("/{id}")
def delete_item(session: SessionDep, item: CurrentItem, fail: bool = False) -> str:
    session.delete(item)
    session.flush()
    if fail:
        raise HTTPException(409)
    session.commit()
    return "deleted"
""",
    "app/main.py": """\
from fastapi import FastAPI

from app.api import items

app = FastAPI()
app.include_router(items.router)
""",
    "tests/__init__.py": "",
    "tests/test_items.py": """\
import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, SQLModel

from app import crud
from app.core.db import engine
from app.main import app
from app.models import Item, ItemIn

client = TestClient(app)


@pytest.fixture
def item() -> Item:
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        return crud.create_item(session=session, item_in=ItemIn(title="one"))


def test_an_item_is_created_and_listed(item: Item) -> None:
    created = client.post("/items/", json={"title": "two"}).json()
    assert client.get("/items/", params={"title": "two"}).json() == [created]


def test_an_item_is_updated(item: Item) -> None:
    updated = client.put(f"/items/{item.id}", json={"title": "three"})
    assert updated.json() == {"title": "three", "id": item.id}
    assert updated.json() in client.get("/items/?title=three").json()


def test_an_item_is_deleted(item: Item) -> None:
    assert client.delete(f"/items/{item.id}").json() == "deleted"
    assert client.delete(f"/items/{item.id}").status_code == 404


def test_an_error_undoes_what_was_flushed(item: Item) -> None:
    assert client.delete(f"/items/{item.id}?fail=true").status_code == 409
    assert client.delete(f"/items/{item.id}").json() == "deleted"
""",
}
