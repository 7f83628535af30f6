"""Answer failures of the database over HTTP as problems (RFC 9457), and log a line."""

import logging
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from .advice import ADVICE
from .errors import DatabaseUnavailable, describe, find_reason

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
"""What a client is asked to wait: a suspended compute needs less to wake up."""


class ProblemResponse(JSONResponse):
    """JSON as RFC 9457 has it."""

    media_type = "application/problem+json"


def add_error_handlers(app: FastAPI) -> None:
    """Answer what the database refuses, if the fault is not in the code.

    A handler that the application has for one of these classes stays. So does one for a
    class below, such as `IntegrityError`, whether it is added before or after.
    """
    app.exception_handlers.setdefault(DatabaseUnavailable, _answer)
    app.exception_handlers.setdefault(SQLAlchemyError, _answer)


async def _answer(request: Request, error: Exception) -> ProblemResponse:
    reason = find_reason(error)
    if reason is None or request.scope["type"] != "http":
        raise error
    answer = ADVICE[reason].answer
    logger.log(
        logging.WARNING if answer.status < 500 else logging.ERROR,
        "%s %s: %d, %s",
        request.method,
        # As uvicorn logs it: a client may send control characters.
        quote(request.scope["path"]),
        answer.status,
        describe(error),
        exc_info=error if logger.isEnabledFor(logging.DEBUG) else None,
    )
    body: dict[str, Any] = {
        # A relative reference, which the RFC allows: nothing is served there.
        "type": f"/problems/{reason}",
        "title": reason.replace("_", " ").capitalize(),
        "status": answer.status,
        "detail": answer.detail,
    }
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if answer.is_transient else None
    return ProblemResponse(body, status_code=answer.status, headers=headers)
