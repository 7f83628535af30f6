"""What a client is told when its request fails."""

from typing import NamedTuple


class Answer(NamedTuple):
    """What a client is told.

    Attributes:
        status: The HTTP status.
        is_transient: Whether the same work may succeed when it is tried again.
        detail: A sentence that names no part of the database.
    """

    status: int
    is_transient: bool
    detail: str


TRY_AGAIN = Answer(503, True, "The database cannot answer now. Try again later.")
UNAVAILABLE = Answer(503, False, "The database cannot answer.")
CONFLICT = Answer(409, False, "The request conflicts with what is stored.")
INVALID = Answer(422, False, "The request has a value that cannot be stored.")
TOO_SLOW = Answer(504, False, "The database did not answer in time.")
UNKNOWN = Answer(504, False, "It is unknown whether this took effect. Check first.")
