"""The FastAPI application: start and stop, errors, routes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query
from prometheus_client import make_asgi_app
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from app.api import health
from app.config.settings import get_settings
from app.db import (
    DbSession,
    ReadDbSession,
    add_error_handlers,
    check_connection,
    dispose_engine,
)
from app.models import Note

logging.basicConfig(level=logging.INFO)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Start only with a database that answers, and close the connections at the end."""
    try:
        # The driver's own timeout counts for each address of the host.
        async with asyncio.timeout(2 * get_settings().DB_CONNECT_TIMEOUT):
            await check_connection()
        yield
    finally:
        await dispose_engine()


app = FastAPI(title="My API", lifespan=lifespan)
app.include_router(health.router)
add_error_handlers(app)
app.mount("/metrics", make_asgi_app())


NoteId = Annotated[int, Field(ge=1, lt=2**63)]


class NoteIn(BaseModel):
    """What a client sends."""

    # PostgreSQL's text has no place for NUL.
    text: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")


class NoteOut(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    text: str
    created_at: datetime


@app.post("/notes", status_code=201, response_model=NoteOut)
async def create_note(session: DbSession, body: NoteIn) -> Note:
    """Write a note. It is committed when the client sees the 201."""
    note = Note(text=body.text)
    session.add(note)
    await session.flush()
    return note


@app.get("/notes/{note_id}", response_model=NoteOut)
async def read_note(session: ReadDbSession, note_id: NoteId) -> Note:
    """Read one note."""
    note = await session.get(Note, note_id)
    if note is None:
        raise HTTPException(404, "There is no such note.")
    return note


@app.get("/notes", response_model=list[NoteOut])
async def list_notes(
    session: ReadDbSession,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: NoteId | None = None,
) -> list[Note]:
    """Read the newest notes, or those that follow the note `after`."""
    query = select(Note).order_by(Note.id.desc()).limit(limit)
    if after is not None:
        query = query.where(Note.id < after)
    return list(await session.scalars(query))
