"""The FastAPI application."""

import logging

from fastapi import FastAPI

from app import notes
from app.db import add_database

logging.basicConfig(level=logging.INFO)

app = FastAPI(title="My API")
add_database(app)
app.include_router(notes.router)
