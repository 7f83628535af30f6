"""A stand-in for Neon: its proxy, and a compute that sleeps, before a real PostgreSQL.

As the proxy's published source has it, except that a pooled connection has a server
connection of its own: PgBouncer itself is tested elsewhere.
"""

import asyncio
import hashlib
import hmac
import re
import ssl
import struct
from asyncio import StreamReader, StreamWriter
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass, field

import trustme
from psycopg.conninfo import conninfo_to_dict

ENDPOINT = "ep-cool-rain-a1b2c3"
DOMAIN = "eu-central-1.aws.neon.tech"
PASSWORD = "npg_r41n"
STEP_SECONDS = 10

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_STARTUP = 196608
_FORWARDED = {"user", "database", "application_name", "replication"}
# What PgBouncer takes in `options`.
_POOLABLE = {"application_name", "client_encoding", "datestyle", "timezone"}
_NO_ENDPOINT = (
    "Endpoint ID is not specified. Either please upgrade the postgres client \
library (libpq) for SNI support or pass the endpoint ID (first part of the domain name) \
as a parameter: '?options=endpoint%3D<endpoint-id>'. See more at https://neon.tech/sni"
)
_WRONG_ENDPOINT = "The requested endpoint could not be found, or you don't have access \
to it. Please check the provided ID and try again."
_INSECURE = "connection is insecure (try using `sslmode=require`)"
_TOO_MANY = "Too many connections to this endpoint. Please try again later."


class Refused(Exception):
    """Ends a connection with an error: the proxy's own are all of this code."""

    def __init__(self, message: str, severity: str = "ERROR", code: str = "XX000"):
        fields = (f"S{severity}", f"V{severity}", f"C{code}", f"M{message}", "", "")
        self.packet = _pack(b"E", "\0".join(fields).encode())


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
            _end(client.writer)
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
                _end(writer)

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
        endpoint = _find_endpoint(name, options)
        await self._check_password(reader, writer, parameters["user"])
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
        writer.write(_pack(b"", body))

        async def pass_answers() -> None:
            with suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    kind, body = await _read(reader)
                    client.writer.write(_pack(kind, body))
                    if kind == b"Z":
                        client.is_idle = body == b"I"
                        self._restart_timer()
            _end(client.writer)

        answering = asyncio.create_task(pass_answers())
        try:
            while True:
                kind, body = await _read(client.reader)
                self.messages += 1
                client.is_idle = False
                writer.write(_pack(kind, body))
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

    async def _check_password(
        self, reader: StreamReader, writer: StreamWriter, user: str
    ) -> None:
        """Speak SCRAM-SHA-256, bound to the channel where the client can do that."""

        def ask(kind: int, data: bytes) -> None:
            writer.write(_pack(b"R", struct.pack("!I", kind) + data))

        ask(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
        mechanism, _, data = (await _read(reader))[1].partition(b"\0")
        flag, identity, bare = data[4:].split(b",", 2)
        nonce = bare.partition(b",r=")[2] + b"stand-in"
        challenge = b"r=%b,s=%b,i=4096" % (nonce, b64encode(b"salt"))
        ask(11, challenge)
        final, _, proof = (await _read(reader))[1].partition(b",p=")
        said = b",".join((bare, challenge, final))
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 4096)
        key = hmac.digest(salted, b"Client Key", "sha256")
        mask = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
        expected = bytes(a ^ b for a, b in zip(key, mask, strict=True))
        binding = self._binding if mechanism.endswith(b"-PLUS") else b""
        bound = b64encode(b"%b,%b,%b" % (flag, identity, binding))
        if (final, b64decode(proof)) != (b"c=%b,r=%b" % (bound, nonce), expected):
            raise Refused(f"password authentication failed for user '{user}'")
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        ask(12, b"v=" + b64encode(hmac.digest(server_key, said, "sha256")))


def _find_endpoint(name: str | None, options: list[str]) -> str:
    """Return the endpoint that a host name or an option means, `-pooler` included."""
    label, _, domain = (name or "").partition(".")
    found = [label] if domain == DOMAIN else []
    found += [o.removeprefix("endpoint=") for o in options if o.startswith("endpoint=")]
    if not found:
        raise Refused(_NO_ENDPOINT)
    if found[0].removesuffix("-pooler") != ENDPOINT:
        raise Refused(_WRONG_ENDPOINT)
    return found[0]


def _end(writer: StreamWriter) -> None:
    """Close without waiting for a client, which may be frozen, to close too.

    Not with `writer.close()` also: after a second one, CPython 3.11 cannot write to a
    TLS transport any more, and writing to what was aborted is allowed.
    """
    writer.transport.abort()


async def _read(reader: StreamReader) -> tuple[bytes, bytes]:
    kind, size = struct.unpack("!cI", await reader.readexactly(5))
    return kind, await reader.readexactly(size - 4)


def _pack(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body
