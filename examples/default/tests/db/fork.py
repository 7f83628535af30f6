"""Ask a forked process."""

import os
from collections.abc import Callable

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def ask_a_child(question: Callable[[], bool]) -> bool:
    """Answer a question in a forked process."""
    child = os.fork()
    if child == 0:
        # Whatever happens, the child must not go on as a second run of the tests.
        answer = False
        try:
            answer = question()
        finally:
            os._exit(0 if answer else 1)
    return os.waitpid(child, 0)[1] == 0
