"""Ask the network alone, because only that tells where a connection fails."""

import socket
import ssl
import struct
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

from ..engine.connect_args import ConnectArgs
from ..engine.tls import Tls
from ..errors import DatabaseUnavailable, diagnose
from .report import Finding

# "I would like to use TLS", as every client of PostgreSQL says it:
# https://www.postgresql.org/docs/current/protocol-message-formats.html
_TLS_REQUEST = struct.pack("!II", 8, 80877103)
_SECONDS_OF_A_DAY = 86_400
_WARN_DAYS = 14


class Address(NamedTuple):
    """An address of a server, with the name that its certificate must have."""

    host: str
    family: int
    target: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.target[0]}:{self.target[1]}"


def resolve(connect_args: ConnectArgs) -> list[Address]:
    """Return the addresses of all hosts. A socket's directory has none.

    Raises:
        DatabaseUnavailable: No host resolves.
    """
    # libpq connects to these, and uses the host's name only to verify the server.
    given = connect_args.arguments.get("hostaddr", "").split(",")
    hosts = [pair for pair in connect_args.addresses if not pair[0].startswith("/")]
    found: list[Address] = []
    for number, (host, port) in enumerate(hosts):
        name = given[number] if number < len(given) and given[number] else host
        try:
            answers = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failure = error
            continue
        found += [Address(host, family, target) for family, *_, target in answers]
    if hosts and not found:
        if isinstance(failure, UnicodeError):
            raise DatabaseUnavailable("host_not_found") from failure
        raise DatabaseUnavailable(diagnose(failure)) from failure
    return found


def connect(addresses: list[Address], timeout: float) -> Address:
    """Return the first address that accepts connections.

    Raises:
        DatabaseUnavailable: None does.
    """
    for address in addresses:
        try:
            _open(address, timeout).close()
        except OSError as error:
            failure = error
        else:
            return address
    raise DatabaseUnavailable(diagnose(failure)) from failure


def describe_tls(
    address: Address,
    connect_args: ConnectArgs,
    *,
    timeout: float,
) -> Finding:
    """Say how the connection is encrypted, and for how long the certificate is valid.

    The driver decides whether it connects; this is for what libpq does not tell.

    Raises:
        OSError: The server does not answer, or cannot be verified.
    """
    tls, is_remote = connect_args.tls, connect_args.is_remote
    if tls.mode in {"disable", "allow"}:
        return Finding(f"not asked for, because of sslmode={tls.mode}", is_remote)
    with closing(_open(address, timeout)) as plain:
        plain.sendall(_TLS_REQUEST)
        answer = plain.recv(1)
        if answer == b"N" and not tls.is_required:
            return Finding("the server has no TLS", is_remote)
        if answer != b"S":
            raise OSError("the server does not begin TLS")
        context = _build_context(tls)
        with context.wrap_socket(plain, server_hostname=address.host) as encrypted:
            certificate: Mapping[str, Any] = encrypted.getpeercert() or {}
            version = encrypted.version()
    if not tls.is_verified:
        message = f"{version}, the server is not verified: use sslmode=verify-full"
        return Finding(message, is_remote)
    issuer = dict(pair for names in certificate["issuer"] for pair in names)
    signer = issuer.get("organizationName") or issuer.get("commonName", "unknown")
    expires = ssl.cert_time_to_seconds(certificate["notAfter"])
    days = int((expires - time.time()) / _SECONDS_OF_A_DAY)
    what = "certificate and host name" if context.check_hostname else "certificate"
    message = f"{version}, {what} verified, signed by {signer}, valid for {days} days"
    return Finding(message, days < _WARN_DAYS)


def _open(address: Address, timeout: float) -> socket.socket:
    peer = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        peer.settimeout(timeout)
        peer.connect(address.target)
    except OSError:
        peer.close()
        raise
    return peer


def _build_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if tls.is_verified else ssl.CERT_NONE
    if tls.is_verified:
        context.load_verify_locations(tls.ca_file)
    return context
