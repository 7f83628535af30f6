"""Try a whole unit of work again when that can help."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, overload

import stamina

from .advice import ADVICE
from .errors import find_reason

P = ParamSpec("P")
T = TypeVar("T")


def is_transient(error: Exception) -> bool:
    """Whether the whole unit of work may succeed when it is tried again."""
    reason = find_reason(error)
    return reason is not None and ADVICE[reason].answer.is_transient


@overload
def retry_transient(function: Callable[P, T]) -> Callable[P, T]: ...


@overload
def retry_transient(
    *,
    idempotent: bool = False,
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def retry_transient(
    function: Callable[P, T] | None = None,
    *,
    idempotent: bool = False,
) -> Callable[P, T] | Callable[[Callable[P, T]], Callable[P, T]]:
    """Retry a whole unit of work on transient errors: 3 attempts within 30 seconds.

    It runs again from its first line. When the answer to COMMIT is lost, the work may
    have been done, and it is not repeated unless it is declared idempotent.

    Args:
        function: What to decorate, `async` or not.
        idempotent: Whether doing the work twice is the same as doing it once, for
            example because a unique constraint refuses the second time.
    """

    def can_repeat(error: Exception) -> bool:
        is_unknown = find_reason(error) == "outcome_unknown"
        return is_transient(error) or (idempotent and is_unknown)

    decorate = stamina.retry(
        on=can_repeat,
        attempts=3,
        timeout=30,
        wait_initial=0.25,
        wait_max=2,
    )
    return decorate if function is None else decorate(function)
