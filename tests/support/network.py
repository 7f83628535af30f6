"""Two hosts on a network of their own, with a cable that can be cut."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

CLIENT = "10.99.0.1"
SERVER = "10.99.0.2"
PORT = 5432

AS_ROOT = () if os.geteuid() == 0 else ("sudo", "-n", "-E")

# Runs on the server's host: passes each connection on to a socket.
_FORWARD = f"""
import asyncio, sys

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()

async def connect(from_client, to_client):
    from_server, to_server = await asyncio.open_unix_connection(sys.argv[1])
    await asyncio.gather(copy(from_client, to_server), copy(from_server, to_client))

async def main():
    server = await asyncio.start_server(connect, "{SERVER}", {PORT})
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Network:
    """A client and a server.

    Attributes:
        on_client: What to put before a command to run it on the client's host.
        cut: The command after which nothing of what the server sends arrives.
        mend: The command that undoes it.
    """

    on_client: tuple[str, ...]
    cut: tuple[str, ...]
    mend: tuple[str, ...]


def can_connect_hosts() -> bool:
    """Whether this machine lets us make network namespaces."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if not all(shutil.which(command, path=path) for command in (*AS_ROOT[:1], "ip")):
        return False
    command = (*AS_ROOT, "ip", "netns", "list")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def connect_hosts(upstream: Path) -> Iterator[Network]:
    """Make two network namespaces, and lead the server's port to a PostgreSQL.

    Args:
        upstream: The socket of the PostgreSQL.
    """
    client, server = (f"db-{os.getpid()}-{name}" for name in ("client", "server"))
    # With addresses that nobody needs to ask for: a cut cable answers no ARP either, and
    # the client would be told at once that there is no route.
    cable = (
        *("link", "add", "eth0", "address", "02:00:00:00:00:01", "netns", client),
        *("type", "veth"),
        *("peer", "name", "eth0", "address", "02:00:00:00:00:02", "netns", server),
    )
    with ExitStack() as stack:
        for host in (client, server):
            _ip("netns", "add", host)
            stack.callback(_ip, "netns", "delete", host)
        _ip(*cable)
        for host, own, other, last in (
            (client, CLIENT, SERVER, 2),
            (server, SERVER, CLIENT, 1),
        ):
            _ip("-n", host, "address", "add", f"{own}/24", "dev", "eth0")
            _ip("-n", host, "link", "set", "eth0", "up")
            neighbour = ("lladdr", f"02:00:00:00:00:0{last}", "nud", "permanent")
            _ip("-n", host, "neighbour", "add", other, *neighbour, "dev", "eth0")
        enter = (*AS_ROOT, "ip", "netns", "exec")
        forward = subprocess.Popen(
            (*enter, server, sys.executable, "-c", _FORWARD, upstream),
            stdout=subprocess.PIPE,
        )
        stack.callback(forward.wait)
        stack.callback(forward.terminate)
        assert forward.stdout is not None
        assert forward.stdout.readline() == b"ready\n"
        route = (*AS_ROOT, "ip", "-n", server, "route")
        yield Network(
            on_client=(*enter, client),
            cut=(*route, "add", "blackhole", CLIENT),
            mend=(*route, "delete", "blackhole", CLIENT),
        )


def _ip(*arguments: str) -> None:
    subprocess.run((*AS_ROOT, "ip", *arguments), check=True)
