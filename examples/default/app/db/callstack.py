"""The call stack of a checkout: cheap to take, and formatted only when it is shown."""

import sys
from pathlib import Path
from types import CodeType, FrameType

import greenlet
import sqlalchemy

# Functions, and the offset of the instruction that each of them is at.
CallStack = tuple[tuple[CodeType, int], ...]

_DEPTH = 50
# The innermost calls, which are the application's: each one costs a fifth of a microsecond.
_PARENT_DEPTH = 25
_SQLALCHEMY = str(Path(sqlalchemy.__file__).parent)


def get_call_stack() -> CallStack:
    """Return the calls that lead to the caller's caller, innermost call first."""
    calls: list[tuple[CodeType, int]] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and len(calls) < _DEPTH:
        calls.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    # SQLAlchemy runs the pool in a greenlet: the code that awaits it is in the parent.
    parent = greenlet.getcurrent().parent
    frame = parent.gr_frame if parent is not None else None
    depth = len(calls) + _PARENT_DEPTH
    while frame is not None and len(calls) < depth:
        calls.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(calls)


def format_call_stack(stack: CallStack) -> str:
    """Show a call stack without the calls inside SQLAlchemy, one call in each line."""
    calls = (
        f"  {code.co_filename}:{_get_line(code, offset)} in {code.co_qualname}"
        for code, offset in stack
        if not code.co_filename.startswith(_SQLALCHEMY)
    )
    return "\n".join(calls)


def _get_line(code: CodeType, offset: int) -> int | None:
    """Return the line of an instruction: to decode it at checkout would be dear."""
    lines = (line for start, end, line in code.co_lines() if start <= offset < end)
    return next(lines, None)
