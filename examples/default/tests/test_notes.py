"""The example resource, over HTTP."""

from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient

from app.db import dispose_engine, get_engine
from app.models import Base

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def tables() -> AsyncIterator[None]:
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await dispose_engine()


async def test_a_note_is_written_and_read(client: AsyncClient) -> None:
    created = await client.post("/notes", json={"text": "hello"})
    note = created.json()
    read = await client.get(f"/notes/{note['id']}")

    assert created.status_code == 201
    assert note["text"] == "hello"
    assert (read.status_code, read.json()) == (200, note)


async def test_an_unknown_note_is_a_404(client: AsyncClient) -> None:
    response = await client.get("/notes/1")

    assert response.status_code == 404


@pytest.mark.parametrize("text", ["", "x" * 501, "NUL \0", None])
async def test_a_text_that_does_not_fit_is_a_422(
    client: AsyncClient,
    text: str | None,
) -> None:
    response = await client.post("/notes", json={"text": text})

    assert response.status_code == 422


@pytest.mark.parametrize("note_id", ["0", "one", str(2**63)])
async def test_an_invalid_id_is_a_422(client: AsyncClient, note_id: str) -> None:
    response = await client.get(f"/notes/{note_id}")

    assert response.status_code == 422


async def test_notes_are_listed_newest_first_page_by_page(client: AsyncClient) -> None:
    for text in ("one", "two", "three"):
        await client.post("/notes", json={"text": text})

    first = (await client.get("/notes", params={"limit": 2})).json()
    after = first[-1]["id"]
    second = (await client.get("/notes", params={"limit": 2, "after": after})).json()

    assert [note["text"] for note in first] == ["three", "two"]
    assert [note["text"] for note in second] == ["one"]
