"""Parse the connection string that people paste: pooled or direct, local or remote."""

import re
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from .driver import DRIVERNAME
from .providers import Provider, find_provider, get_direct, is_pooler

# What stands before a URL in a dashboard, a shell or an .env file.
_PREFIX = re.compile(r"^(?:psql\s+|(?:export\s+)?\w+\s*=\s*)(?=[\"'\s]*postgres)")
# Several hosts, or the directory of a socket: forms of libpq that `make_url` refuses.
_LIBPQ_HOSTS = re.compile(
    # Possessive: a comma or slash in a user name or password is not tried again.
    r"(?P<head>[^:/]+://(?:[^:/@]*(?::[^@]*)?@)?+)"
    r"(?P<hosts>[^@/?]*,[^@/?]*|%2[Ff][^@/?]*)(?P<tail>[/?].*)?",
)
# One of several addresses: a directory, an IPv6 address in brackets, a name or an IPv4
# address, each with or without a port.
_ADDRESS = re.compile(r"(/[^:]*|\[[\w.:]+\]|[\w.-]+)(?::([0-9]{1,5}))?")
# What SQLAlchemy parses as user and password.
_AUTHORITY = re.compile(r"^[^:/]+://(?:[^:/]*(?::[^@]*)?@)?")
# After `host:port`, an @ in a parameter makes what is before it the URL's password.
_PARAMETER = re.compile(r"[^:/]+://[^:/@]*:\d*/[^@]*\?[^@]*\w=[^@]*@")


def parse_url(text: str) -> URL:
    """Parse a pasted connection string as a URL of this project's driver.

    Args:
        text: `postgres://` or `postgresql://`, with any driver; quotes, a leading
            `psql` and a leading `NAME=` are removed.

    Raises:
        ValueError: It is not a PostgreSQL URL. The message is a predicate, to follow
            the name of a setting, and contains no part of the URL.
    """
    text = _PREFIX.sub("", text.strip()).strip(" \t\r\n'\"")
    if not text.startswith(("postgres://", "postgresql://", "postgresql+")):
        raise ValueError("must start with postgresql://")
    if not text.isprintable():
        raise ValueError("contains a line break or another invisible character")
    hosts: list[str] = []
    if match := _LIBPQ_HOSTS.fullmatch(text):
        hosts = [unquote(host) for host in match["hosts"].split(",")]
        text = match["head"] + (match["tail"] or "")
    try:
        url = make_url(text).set(drivername=DRIVERNAME)
    except (ArgumentError, ValueError):
        # Raised below, because the context of an error may quote the password.
        url = None
    if url is None:
        raise ValueError("must have the form postgresql://user:password@host/name")
    if "@" in _AUTHORITY.sub("", text) or _PARAMETER.match(text):
        raise ValueError("contains an @ that is not percent-encoded: write it as %40")
    url = _apply_libpq_parameters(url, hosts)
    if fault := _find_fault(url):
        raise ValueError(fault)
    return url


def get_provider(url: URL) -> Provider | None:
    """Return the provider whose only server the URL names, if it is known."""
    return find_provider(_get_endpoint(url))


def is_known_pooler(url: URL) -> bool:
    """Whether the URL names a pooler of a provider that is known."""
    return is_pooler(_get_endpoint(url))


def to_direct(url: URL) -> URL:
    """Return the URL of the same database past the provider's pooler.

    Raises:
        ValueError: The direct endpoint of the pooler is not known.
    """
    endpoint = _get_endpoint(url)
    direct = get_direct(endpoint)
    if direct is None:
        raise ValueError("leads to a pooler: set DB_DIRECT_URL to what is behind it")
    if direct == endpoint:
        return url
    host, _, port = direct.rpartition(":")
    return url.set(host=host, port=int(port) if url.port else None)


def get_addresses(url: URL) -> list[tuple[str, int | None]]:
    """Return each host with its port; a path is the directory of a socket.

    As in libpq, the parameter `host` overrides the host of the URL.
    """
    given = url.query.get("host", ())
    if not given and url.host:
        return [(url.host, url.port)]
    addresses = []
    for match in filter(None, map(_ADDRESS.fullmatch, _split(given))):
        port = int(match[2]) if match[2] else url.port
        addresses.append((match[1].strip("[]"), port))
    return addresses


def is_remote(url: URL) -> bool:
    """Whether the URL leads to another machine: no socket, no loopback address."""
    hosts = [host for host, _ in get_addresses(url)]
    hosts += _split(url.query.get("hostaddr", ()))
    return not all(map(_is_local, hosts))


def _get_endpoint(url: URL) -> str:
    """Return `host:port` of the only server that the URL names, or ""."""
    addresses = get_addresses(url)
    return f"{addresses[0][0]}:{addresses[0][1] or 5432}" if len(addresses) == 1 else ""


def _split(values: str | tuple[str, ...]) -> list[str]:
    texts = [values] if isinstance(values, str) else values
    return [part for text in texts for part in text.split(",")]


def _apply_libpq_parameters(url: URL, hosts: list[str]) -> URL:
    """Move the parameters that libpq has for parts of a URL into these parts."""

    def get(name: str) -> str | None:
        values = url.query.get(name)
        return values[-1] if isinstance(values, tuple) else values

    ports = _split(url.query.get("port", ()))
    hosts = hosts or _split(url.query.get("host", ()))
    if ports and not hosts and url.host:
        hosts = [f"[{url.host}]" if ":" in url.host else url.host]
    if len(ports) == 1:
        ports *= len(hosts) or 1
    if hosts and ports and len(ports) != len(hosts):
        raise ValueError("has not as many ports as hosts")
    if ports:
        hosts = [f"{h}:{p}" for h, p in zip(hosts, ports, strict=False)]
    moved = url.set(
        username=get("user"),
        password=get("password"),
        database=get("dbname"),
    )
    names = ("user", "password", "dbname", "host", "port")
    moved = moved.difference_update_query(names)
    match = _ADDRESS.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match and not match[1].startswith("/"):
        port = int(match[2]) if match[2] else url.port
        return moved.set(host=match[1].strip("[]"), port=port)
    if not hosts and ports:
        return moved.set(port=int(ports[0]) if ports[0].isdecimal() else 0)
    return moved.update_query_pairs([("host", host) for host in hosts])


def _find_fault(url: URL) -> str | None:
    """Say what cannot be right, without repeating any part of the URL."""
    addresses = get_addresses(url)
    texts = (url.username, url.password, url.database, *(host for host, _ in addresses))
    if any("\0" in text for text in texts if text):
        return "contains a NUL character"
    given = _split(url.query.get("host", ()))
    if any(not _ADDRESS.fullmatch(address) for address in given) or (
        not given and url.host and not re.fullmatch(r"[\w.:-]+", url.host)
    ):
        return "has no valid host: are user and password percent-encoded?"
    ports = [url.port, *(port for _, port in addresses)]
    if any(port is not None and not 0 < port < 65_536 for port in ports):
        return "has a port that is not between 1 and 65535"
    if url.password == "***":
        return "has *** where the password should be"
    return None


def _is_local(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host.startswith("/") or host == "localhost"
