"""The example resource, over HTTP."""

from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient

from app.db import dispose_engine, get_engine
from app.models import Base

pytestmark = pytest.mark.anyio


@pytest.fixture
async def tables() -> AsyncIterator[None]:
    """The tables of the models, empty."""
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    async with get_engine().begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await dispose_engine()


@pytest.mark.usefixtures("tables")
async def test_a_note_is_written_and_read(client: AsyncClient) -> None:
    created = await client.post("/notes", json={"text": "hello"})
    note = created.json()
    read = await client.get(f"/notes/{note['id']}")

    assert created.status_code == 201
    assert note["text"] == "hello"
    assert (read.status_code, read.json()) == (200, note)


@pytest.mark.usefixtures("tables")
async def test_an_unknown_note_is_a_404(client: AsyncClient) -> None:
    response = await client.get("/notes/1")

    assert response.status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 501, id="too long"),
        pytest.param("NUL \0", id="NUL"),
        pytest.param(None, id="null"),
    ],
)
async def test_a_text_that_does_not_fit_is_a_422(
    client: AsyncClient,
    text: str | None,
) -> None:
    response = await client.post("/notes", json={"text": text})

    assert response.status_code == 422


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(rb'"\ud800"', id="half a surrogate pair"),
        pytest.param(b'"\xed\xa0\x80"', id="the same as bytes"),
        pytest.param(b"NaN", id="not a number"),
        pytest.param(b"1e999", id="infinity"),
        pytest.param(b"9" * 10_000, id="10,000 digits"),
        pytest.param(b'"%b"' % (b"x" * 10_000_000), id="10 MB"),
        pytest.param(b"[" * 20_000 + b"]" * 20_000, id="20,000 levels"),
    ],
)
async def test_a_hostile_body_is_refused_in_few_words(
    client: AsyncClient,
    value: bytes,
) -> None:
    response = await client.post(
        "/notes",
        content=b'{"text": %b}' % value,
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code in {400, 422}
    assert len(response.content) < 200


@pytest.mark.parametrize(
    "path",
    [
        "/notes/0",
        "/notes/one",
        f"/notes/{2**63}",
        pytest.param(f"/notes/{'9' * 10_000}", id="10,000 digits"),
        "/notes/%ED%A0%80",
        "/notes?after=%00",
        "/notes?after=1e999",
        "/notes?limit=NaN",
    ],
)
async def test_an_invalid_number_is_a_422(client: AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert response.status_code == 422
    assert len(response.content) < 200


@pytest.mark.usefixtures("tables")
async def test_notes_are_listed_newest_first_page_by_page(client: AsyncClient) -> None:
    for text in ("one", "two", "three"):
        await client.post("/notes", json={"text": text})

    first = (await client.get("/notes", params={"limit": 2})).json()
    after = first[-1]["id"]
    second = (await client.get("/notes", params={"limit": 2, "after": after})).json()

    assert [note["text"] for note in first] == ["three", "two"]
    assert [note["text"] for note in second] == ["one"]
