"""Messages of PostgreSQL's protocol, as a server that is no PostgreSQL sends them."""

import hashlib
import hmac
import struct
from asyncio import StreamReader, StreamWriter
from base64 import b64decode, b64encode


class Refused(Exception):
    """Ends a connection with an error: the proxy's own are all of this code."""

    def __init__(self, message: str, severity: str = "ERROR", code: str = "XX000"):
        fields = (f"S{severity}", f"V{severity}", f"C{code}", f"M{message}", "", "")
        self.packet = pack(b"E", "\0".join(fields).encode())


async def read(reader: StreamReader) -> tuple[bytes, bytes]:
    """Return the kind and the body of the next message."""
    kind, size = struct.unpack("!cI", await reader.readexactly(5))
    return kind, await reader.readexactly(size - 4)


def pack(kind: bytes, body: bytes) -> bytes:
    """Return a message."""
    return kind + struct.pack("!I", len(body) + 4) + body


async def check_password(
    reader: StreamReader, writer: StreamWriter, user: str, password: str, binding: bytes
) -> None:
    """Speak SCRAM-SHA-256, bound to the channel where the client can do that."""

    def ask(kind: int, data: bytes) -> None:
        writer.write(pack(b"R", struct.pack("!I", kind) + data))

    ask(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
    mechanism, _, data = (await read(reader))[1].partition(b"\0")
    flag, identity, bare = data[4:].split(b",", 2)
    nonce = bare.partition(b",r=")[2] + b"stand-in"
    challenge = b"r=%b,s=%b,i=4096" % (nonce, b64encode(b"salt"))
    ask(11, challenge)
    final, _, proof = (await read(reader))[1].partition(b",p=")
    said = b",".join((bare, challenge, final))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 4096)
    key = hmac.digest(salted, b"Client Key", "sha256")
    mask = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
    expected = bytes(a ^ b for a, b in zip(key, mask, strict=True))
    binding = binding if mechanism.endswith(b"-PLUS") else b""
    bound = b64encode(b"%b,%b,%b" % (flag, identity, binding))
    if (final, b64decode(proof)) != (b"c=%b,r=%b" % (bound, nonce), expected):
        raise Refused(f"password authentication failed for user '{user}'")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    ask(12, b"v=" + b64encode(hmac.digest(server_key, said, "sha256")))


def end(writer: StreamWriter) -> None:
    """Close without waiting for a client, which may be frozen, to close too.

    Not with `writer.close()` also: after a second one, CPython 3.11 cannot write to a
    TLS transport any more, and writing to what was aborted is allowed.
    """
    writer.transport.abort()
