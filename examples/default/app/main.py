"""The FastAPI application."""

import json
import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from app import notes
from app.db import add_database

logging.basicConfig(level=logging.INFO)

app = FastAPI(title="My API")
add_database(app)
app.include_router(notes.router)


@app.exception_handler(RequestValidationError)
async def refuse(_request: Request, error: RequestValidationError) -> Response:
    """Answer 422 with what is invalid and where, but without the input.

    FastAPI's own handler repeats it: 10 MB where 10 MB were sent, and a 500 where JSON
    has no form of it (NaN, infinity, half of a surrogate pair).
    """
    told = ("type", "loc", "msg")
    detail = [{key: fault[key] for key in told} for fault in error.errors()[:10]]
    # In ASCII, because a client may choose the names in `loc`.
    body = json.dumps({"detail": detail})
    return Response(body, status_code=422, media_type="application/json")
