"""An example resource, to copy from and to delete."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from app.db import DbSession, ReadDbSession
from app.models import Note

router = APIRouter(prefix="/notes", tags=["notes"])

NoteId = Annotated[int, Field(ge=1, lt=2**63)]


class NoteIn(BaseModel):
    """What a client sends."""

    # PostgreSQL's text type does not allow NUL.
    text: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")


class NoteOut(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    text: str
    created_at: datetime


@router.post("", status_code=201, response_model=NoteOut)
async def create_note(session: DbSession, body: NoteIn) -> Note:
    """Write a note. It is committed before the 201 is sent."""
    note = Note(text=body.text)
    session.add(note)
    await session.flush()
    return note


@router.get("/{note_id}", response_model=NoteOut)
async def read_note(session: ReadDbSession, note_id: NoteId) -> Note:
    """Read one note."""
    note = await session.get(Note, note_id)
    if note is None:
        raise HTTPException(404, "There is no such note.")
    return note


@router.get("", response_model=list[NoteOut])
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
