"""The call stack of a checkout: cheap to take, and formatted only when it is shown."""

import sys
from pathlib import Path
from types import CodeType, FrameType

import greenlet
import sqlalchemy

# Functions, and the offset of the instruction that each of them is at.
CallStack = list[tuple[CodeType, int]]

# The innermost calls: further out are those of the server and of the event loop.
_DEPTH, _PARENT_DEPTH = 50, 25
# Its modules, and the methods that it writes itself.
_SQLALCHEMY = (str(Path(sqlalchemy.__file__).parent), "<sqlalchemy generated")


def get_call_stack() -> CallStack:
    """Return the calls that lead to the caller's caller, innermost call first."""
    calls = _walk(sys._getframe(2), _DEPTH)
    # SQLAlchemy runs the pool in a greenlet: the code that awaits it is in the parent.
    if (parent := greenlet.getcurrent().parent) is not None:
        calls += _walk(parent.gr_frame, _PARENT_DEPTH)
    return calls


def _walk(frame: FrameType | None, depth: int) -> CallStack:
    calls: CallStack = []
    for _ in range(depth):
        if frame is None:
            break
        calls.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return calls


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
