"""A small service that was there before the layer."""

from support.hosts import Files

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
