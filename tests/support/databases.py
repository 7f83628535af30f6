"""Databases that live as long as a test asks for, and what they answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

# Sessions of this database, and of no other one of the server.
WAITING_FOR_A_LOCK = """
FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


@contextmanager
def make_database(server_url: str) -> Iterator[str]:
    """Make a database of its own on a server, and yield its URL."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            url = make_url(server_url).set(database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def stop_syncing(server_url: str) -> None:
    """Let a server whose data nobody will miss neither wait for the disk nor clean up."""
    with psycopg.connect(server_url, autocommit=True) as server:
        for setting in (
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "autovacuum",
        ):
            server.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        server.execute("SELECT pg_reload_conf()")


def ask_all(client: psycopg.Connection, queries: list[str]) -> list[Any]:
    """Return the one value that each of the queries gives."""
    rows = [client.execute(query.encode()).fetchone() for query in queries]
    return [row[0] for row in rows if row is not None]
