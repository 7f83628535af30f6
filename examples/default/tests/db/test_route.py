"""The log names the route of a request, wherever its router is included."""

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import AsyncClient

from app.db.route import describe_route, get_scope, remember_request

pytestmark = pytest.mark.anyio


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter(prefix="/notes")

    @router.get("/{note_id}")
    async def find_route(note_id: int) -> str | None:
        return describe_route(get_scope())

    app, mounted = FastAPI(), FastAPI()
    mounted.include_router(router)
    app.include_router(router)
    app.include_router(router, prefix="/v1")
    app.mount("/mounted", mounted)
    app.add_middleware(remember_request)
    return app


@pytest.mark.parametrize("prefix", ["", "/v1", "/mounted"])
async def test_the_route_has_the_names_of_its_parameters(
    client: AsyncClient,
    prefix: str,
) -> None:
    response = await client.get(f"{prefix}/notes/7")

    assert response.json() == f"GET {prefix}/notes/{{note_id}}"


def test_outside_of_a_request_there_is_no_route() -> None:
    assert describe_route(None) is None
    assert describe_route({"type": "lifespan"}) is None
    assert describe_route({"type": "http", "path": "/missing"}) is None
