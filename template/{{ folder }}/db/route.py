"""Which request the running code belongs to, for the log."""

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

Scope = MutableMapping[str, Any]
_ASGI = Callable[..., Awaitable[None]]

_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)

get_scope = _scope.get
"""Return the ASGI scope of the request that the running code belongs to, if any."""


def remember_request(app: _ASGI) -> _ASGI:
    """Keep a reference to each request's scope: a middleware.

    What the request's route is, is only found out when a line of the log names it.
    """

    def run(scope: Scope, receive: _ASGI, send: _ASGI) -> Awaitable[None]:
        _scope.set(scope)
        return app(scope, receive, send)

    return run


def describe_route(scope: Scope | None) -> str | None:
    """Return the route of a request, such as `GET /notes/{note_id}`.

    None outside of a request, and for one that no route matched.
    """
    route: Any = scope.get("route") if scope is not None else None
    if scope is None or not hasattr(route, "path_regex"):
        return None
    path: str = scope["path"]
    # The prefix of `include_router` or of a mounted application is not in the route.
    starts = [start for start, letter in enumerate(path) if letter == "/"]
    start = next((n for n in starts if route.path_regex.match(path[n:])), 0)
    # As uvicorn logs it: a client may send control characters.
    prefix = quote(path[:start])
    return f"{scope.get('method', 'WEBSOCKET')} {prefix}{route.path_format}"
