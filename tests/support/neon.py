"""A stand-in for Neon: its proxy, and a compute that sleeps, before a real PostgreSQL.

As the proxy's published source has it, except that a pooled connection has a server
connection of its own: PgBouncer itself is tested elsewhere.
"""

import asyncio
import hashlib
import re
import ssl
import struct
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from dataclasses import dataclass, field

import trustme
from psycopg.conninfo import conninfo_to_dict

from support.neon_endpoint import DOMAIN, find_endpoint
from support.wire import Refused, check_password, end, pack, read

PASSWORD = "npg_r41n"
STEP_SECONDS = 10

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_STARTUP = 196608
_FORWARDED = {"user", "database", "application_name", "replication"}
# What PgBouncer takes in `options`.
_POOLABLE = {"application_name", "client_encoding", "datestyle", "timezone"}
_INSECURE = "connection is insecure (try using `sslmode=require`)"
_TOO_MANY = "Too many connections to this endpoint. Please try again later."


@dataclass(eq=False)
class Client:
    """A connection that got through: what it asked for, and whether it waits now."""

    endpoint: str
    parameters: dict[str, str]
    reader: StreamReader
    writer: StreamWriter
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    is_idle: bool = False

    @property
    def is_pooled(self) -> bool:
        return self.endpoint.endswith("-pooler")


class Neon:
    """The proxy and its one endpoint: what it counts is to be read, the rest to be set."""

    def __init__(self, server_url: str) -> None:
        self.authority = trustme.CA()
        self.limit, self.idle_seconds = 100, 300.0
        self.refusal = ""
        self.clients: set[Client] = set()
        self.seen: list[Client] = []
        self.messages = self.wakes = 0
        self.asleep = asyncio.Event()
        self.asleep.set()
        self._waking = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._server = conninfo_to_dict(server_url)
        self._names: dict[object, str | None] = {}
        certificate = self.authority.issue_cert(f"*.{DOMAIN}")
        pem = certificate.cert_chain_pems[0].bytes().decode()
        self._binding = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.sni_callback = lambda tls, name, _: self._names.update({tls: name})
        self.tls.set_alpn_protocols(["postgresql"])
        certificate.configure_cert(self.tls)

    async def suspend(self) -> None:
        """Put the compute to sleep: on return, every client's socket has the news."""
        self.asleep.set()
        for client in (clients := list(self.clients)):
            if not client.is_pooled:
                message = "terminating connection due to administrator command"
                client.writer.write(Refused(message, "FATAL", "57P01").packet)
            end(client.writer)
        ended = asyncio.gather(*(client.ended.wait() for client in clients))
        await asyncio.wait_for(ended, STEP_SECONDS)

    async def welcome(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve a client: what `asyncio.start_server` is to be given."""
        with suppress(asyncio.IncompleteReadError, OSError):
            try:
                if not writer.get_extra_info("ssl_object"):
                    if await reader.readexactly(8) != _SSL_REQUEST:
                        raise Refused(_INSECURE)
                    writer.write(b"S")
                    await writer.start_tls(self.tls)
                await self._start(reader, writer)
            except Refused as error:
                writer.write(error.packet)
            finally:
                end(writer)

    async def _start(self, reader: StreamReader, writer: StreamWriter) -> None:
        size, code = struct.unpack("!II", await reader.readexactly(8))
        words = (await reader.readexactly(size - 8))[:-2].decode().split("\0")
        if code != _STARTUP:
            return
        parameters = dict(zip(words[::2], words[1::2], strict=True))
        if self.refusal:
            raise Refused(self.refusal)
        options = parameters.get("options", "").split()
        name = self._names.pop(writer.get_extra_info("ssl_object"), None)
        endpoint = find_endpoint(name, options)
        await check_password(
            reader, writer, parameters["user"], PASSWORD, self._binding
        )
        async with self._waking:
            if self.asleep.is_set():
                await asyncio.sleep(0.3)
                self.asleep.clear()
                self.wakes += 1
        if len(self.clients) >= self.limit:
            raise Refused(_TOO_MANY)
        forwarded = {k: v for k, v in parameters.items() if k in _FORWARDED}
        rest = [option for option in options if not option.startswith("endpoint=")]
        if rest:
            forwarded["options"] = " ".join(rest)
        client = Client(endpoint, parameters, reader, writer)
        for name in re.findall(r"(?:-c\s*|--)([^\s=]+)=", " ".join(rest)):
            if client.is_pooled and name.lower() not in _POOLABLE:
                message = f"unsupported startup parameter in options: {name}"
                raise Refused(message, "FATAL", "08P01")
        self.clients.add(client)
        self.seen.append(client)
        try:
            await self._forward(client, forwarded | {"client_encoding": "UTF8"})
        finally:
            self.clients.remove(client)
            client.ended.set()

    async def _forward(self, client: Client, parameters: dict[str, str]) -> None:
        """Pass messages to and fro until one side leaves, which ends the other."""
        host, port = self._server["host"], self._server.get("port", 5432)
        reader, writer = await (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if str(host).startswith("/")
            else asyncio.open_connection(str(host), port)
        )
        words = [word for item in parameters.items() for word in item]
        body = struct.pack("!I", _STARTUP) + "\0".join([*words, "", ""]).encode()
        writer.write(pack(b"", body))

        async def pass_answers() -> None:
            with suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    kind, body = await read(reader)
                    client.writer.write(pack(kind, body))
                    if kind == b"Z":
                        client.is_idle = body == b"I"
                        self._restart_timer()
            end(client.writer)

        answering = asyncio.create_task(pass_answers())
        try:
            while True:
                kind, body = await read(client.reader)
                self.messages += 1
                client.is_idle = False
                writer.write(pack(kind, body))
        finally:
            writer.close()
            await answering

    def _restart_timer(self) -> None:
        def suspend_if_idle() -> None:
            # As Neon's compute does, which an open transaction keeps awake.
            if all(client.is_idle for client in self.clients):
                self._suspending = asyncio.create_task(self.suspend())

        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.idle_seconds, suspend_if_idle)
