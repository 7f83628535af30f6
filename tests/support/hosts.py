"""Services that were there before the layer, and what is added to them."""

from pathlib import Path
from subprocess import CompletedProcess

from support.hooks import write
from support.processes import COPIER, Run

# The text of each file, by its path.
Files = dict[str, str]

# Made by running Python and pytest.
_BYPRODUCTS = {"__pycache__", ".pytest_cache", ".git"}


def write_host(folder: Path, files: Files) -> Path:
    """Write the files of a service, and return its folder."""
    for name, text in files.items():
        write(folder / name, text)
    return folder


def read_host(folder: Path) -> dict[str, bytes]:
    """Return every file that someone wrote, by its path."""
    paths = {path.relative_to(folder): path for path in folder.rglob("*")}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in paths.items()
        if path.is_file() and not _BYPRODUCTS & set(name.parts)
    }


def add_layer(
    run: Run, host: Path, template: Path, *options: str, **answers: object
) -> "CompletedProcess[str]":
    """Run `copier copy` in a service, for the layer."""
    data = [
        f"--data={name}={answer}"
        for name, answer in ({"scaffold": "layer"} | answers).items()
    ]
    command = (COPIER, "copy", "--defaults", *options, *data, template, ".")
    return run(*command, cwd=host)


def modules_of(files: Files) -> list[str]:
    """Return the names of a service's modules, without its tests and migrations."""
    paths = [
        name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
        for name in files
        if name.endswith(".py") and not name.startswith(("tests/", "alembic/"))
    ]
    return [path.replace("/", ".") for path in paths]


def import_path(host: Path) -> str:
    """Return the PYTHONPATH of a service, with or without `src`."""
    return f"{host}:{host / 'src'}"


# A package, a lifespan of its own, and tests that need no database.
PLAIN: Files = {
    "app/__init__.py": '"""An existing service."""\n',
    "app/config.py": """\
TITLE = "Existing"
events: list[str] = []
""",
    "app/api.py": """\
from fastapi import APIRouter

from app import config

router = APIRouter()


@router.get("/")
def read_title() -> str:
    return config.TITLE
""",
    "app/health.py": """\
from fastapi import APIRouter

router = APIRouter()


@router.get("/health")
def read_health() -> str:
    return "well"
""",
    "app/main.py": """\
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import api, config, health


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    config.events.append("start")
    yield
    config.events.append("end")


app = FastAPI(title=config.TITLE, lifespan=lifespan)
app.include_router(api.router)
app.include_router(health.router)
""",
    "tests/conftest.py": """\
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.main import app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client
""",
    "tests/test_health.py": """\
from fastapi.testclient import TestClient


def test_it_is_well(client: TestClient) -> None:
    assert client.get("/health").json() == "well"
""",
}

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
