"""Clients get a problem that they can act on, the log a line that helps."""

import logging
from collections.abc import Callable

import pytest
from fastapi import FastAPI, Request, Response
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app.db import DbSession, OutcomeUnknown, get_engine
from app.db.problems import add_error_handlers

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("engines")]

UNREACHABLE = "postgresql://someone:s3cret@127.0.0.1:1/database"


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, without the requests of the tests' own client."""
    caplog.set_level("WARNING")
    return caplog


async def answer_418(_request: Request, _error: Exception) -> Response:
    return Response(status_code=418)


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    add_error_handlers(app)

    @app.post("/refused/{code}")
    async def refuse(session: DbSession, code: str) -> None:
        refuse = f"DO $$ BEGIN RAISE 'no' USING ERRCODE = '{code}'; END $$"
        await session.scalar(text(refuse))

    @app.post("/slow")
    async def sleep(session: DbSession) -> None:
        set_timeout = "SELECT set_config('statement_timeout', '1', true)"
        await session.scalar(text(set_timeout))
        await session.scalar(text("SELECT pg_sleep(60)"))

    @app.post("/plain-engine")
    async def connect() -> None:
        async with get_engine().begin() as connection:
            await connection.execute(text("SELECT 1"))

    @app.post("/unknown/{path}")
    async def lose() -> None:
        raise OutcomeUnknown

    return app


@pytest.mark.parametrize(
    ("path", "status", "reason", "retry_after"),
    [
        ("/refused/23505", 409, "unique_violation", None),
        ("/refused/23503", 409, "foreign_key_violation", None),
        ("/refused/22003", 422, "invalid_value", None),
        ("/refused/40001", 503, "serialization_failure", "5"),
        ("/refused/40P01", 503, "deadlock_detected", "5"),
        ("/refused/55P03", 503, "lock_timeout", "5"),
        ("/refused/25006", 503, "read_only", None),
        ("/slow", 504, "statement_timeout", None),
        ("/unknown/here", 504, "outcome_unknown", None),
    ],
)
async def test_what_has_a_name_is_a_problem_and_one_line_of_the_log(
    client: AsyncClient,
    log: pytest.LogCaptureFixture,
    path: str,
    status: int,
    reason: str,
    retry_after: str | None,
) -> None:
    response = await client.post(path)

    problem = response.json()
    (record,) = log.records
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers.get("Retry-After") == retry_after
    assert set(problem) == {"type", "title", "status", "detail"}
    assert (problem["type"], problem["status"]) == (f"/problems/{reason}", status)
    assert record.message.startswith(f"POST {path}: {status}, {reason}: ")
    assert record.levelname == ("WARNING" if status < 500 else "ERROR")
    assert "\n" not in log.text.rstrip("\n")


@pytest.mark.parametrize("path", ["/refused/23505", "/plain-engine"])
async def test_a_database_that_is_down_is_a_503_without_details(
    client: AsyncClient,
    configure: Callable[..., None],
    log: pytest.LogCaptureFixture,
    path: str,
) -> None:
    configure(DB_URL=UNREACHABLE)

    response = await client.post(path)

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.json()["type"] == "/problems/refused"
    for detail in ("127.0", "someone", "s3cret"):
        assert detail not in response.text
    assert "127.0" in log.text
    assert "s3cret" not in log.text
    assert "\n" not in log.text.rstrip("\n")


async def test_the_traceback_is_logged_for_those_who_debug(
    client: AsyncClient,
    log: pytest.LogCaptureFixture,
) -> None:
    log.set_level(logging.DEBUG, logger="app.db.problems")

    await client.post("/refused/40P01")

    assert "Traceback (most recent call last)" in log.text


async def test_a_mistake_in_the_code_stays_a_500(
    client: AsyncClient,
    log: pytest.LogCaptureFixture,
) -> None:
    response = await client.post("/refused/42601")

    assert response.status_code == 500
    assert not log.records


async def test_a_client_cannot_write_a_line_of_its_own(
    client: AsyncClient,
    log: pytest.LogCaptureFixture,
) -> None:
    await client.post("/unknown/%0AERROR")

    assert "/unknown/%0AERROR: 504" in log.text


@pytest.mark.parametrize("kind", [IntegrityError, SQLAlchemyError])
@pytest.mark.parametrize("is_first", [True, False])
async def test_the_applications_own_handler_stays(
    app: FastAPI,
    client: AsyncClient,
    kind: type[Exception],
    is_first: bool,
) -> None:
    if is_first:
        app.exception_handlers.clear()
    app.add_exception_handler(kind, answer_418)
    if is_first:
        add_error_handlers(app)

    assert (await client.post("/refused/23505")).status_code == 418
