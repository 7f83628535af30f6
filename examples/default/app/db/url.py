"""From the connection string that people paste to a URL: pooled or direct, local or not."""

import re
from ipaddress import ip_address
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVERNAME = "postgresql+psycopg"

# What comes before a URL in a dashboard, a shell or an .env file.
_PREFIX = re.compile(r"(?:psql\s+|(?:export\s+)?\w+\s*=\s*)(?=[\"'\s]*postgres)")
# Several hosts, or a socket's folder: libpq's forms, which SQLAlchemy wants in the query.
_LIBPQ_HOSTS = re.compile(
    # Possessive: no comma or slash of a user or password is looked at again.
    r"(?P<head>[^:/]+://(?:[^:/@]*(?::[^@]*)?@)?+)"
    r"(?P<hosts>[^@/?]*,[^@/?]*|%2[Ff][^@/?]*)(?P<tail>[/?].*)?",
)
# One of several hosts: a folder, an IPv6 address in brackets, a name or an IPv4 address.
_PLACE = re.compile(r"(/[^:]*|\[[\w.:]+\]|[\w.-]+)(?::([0-9]{1,5}))?")
# What SQLAlchemy takes for user and password.
_AUTHORITY = re.compile(r"^[^:/]+://(?:[^:/]*(?::[^@]*)?@)?")
_HOST = re.compile(r"[\w.:-]+")


def parse_url(text: str, *, setting: str) -> URL:
    """Return a pasted connection string as a URL of this project's driver.

    Args:
        text: `postgres://` or `postgresql://`, with any driver, perhaps in quotes, or
            behind `psql` or the name of a variable.
        setting: The name of the setting it comes from, for the error message.

    Raises:
        ValueError: It is no PostgreSQL URL. The message never shows a part of it.
    """
    text = text.strip()
    text = text[match.end() :] if (match := _PREFIX.match(text)) else text
    text = text.strip(" \t\r\n'\"")
    if not text.startswith(("postgres://", "postgresql://", "postgresql+")):
        raise ValueError(f"{setting} must start with postgresql://")
    if not text.isprintable():
        raise ValueError(f"{setting} has a line break or another invisible character")
    hosts: list[str] = []
    if match := _LIBPQ_HOSTS.fullmatch(text):
        hosts = [unquote(host) for host in match["hosts"].split(",")]
        text = match["head"] + (match["tail"] or "")
    try:
        url = make_url(text).set(drivername=DRIVERNAME)
    except (ArgumentError, ValueError):
        # Raised below: the error must not drag along one that quotes the password.
        url = None
    if url is None:
        raise ValueError(f"{setting} must read postgresql://user:password@host/name")
    if "@" in _AUTHORITY.sub("", text):
        raise ValueError(f"{setting} has an @ in the password: write it as %40")
    url = _use_libpq_names(url, hosts)
    if complaint := _find_fault(url):
        raise ValueError(f"{setting} {complaint}")
    return url


def is_pooler(url: URL) -> bool:
    """Whether the host is one of Neon's pooled endpoints, `ep-…-pooler.….neon.tech`."""
    return (url.host or "").partition(".")[0].endswith("-pooler")


def to_direct(url: URL) -> URL:
    """Return the URL of the same database without Neon's pooler."""
    if not is_pooler(url):
        return url
    endpoint, dot, domain = (url.host or "").partition(".")
    return url.set(host=endpoint.removesuffix("-pooler") + dot + domain)


def get_places(url: URL) -> list[tuple[str, int | None]]:
    """Return hosts and ports; a path is the folder of a socket.

    As libpq has it, what is behind the question mark counts.
    """
    given = url.query.get("host", ())
    if not given and url.host:
        return [(url.host, url.port)]
    places = []
    for place in filter(None, map(_PLACE.fullmatch, _listed(given))):
        port = int(place[2]) if place[2] else url.port
        places.append((place[1].strip("[]"), port))
    return places


def get_hosts(url: URL) -> list[str]:
    """Return the hosts of a URL, without ports."""
    return [host for host, _ in get_places(url)]


def is_remote(url: URL) -> bool:
    """Whether the URL leads to another machine: no socket, no loopback address."""
    addresses = _listed(url.query.get("hostaddr", ()))
    return any(not _is_local(host) for host in [*get_hosts(url), *addresses])


def _listed(values: str | tuple[str, ...]) -> list[str]:
    texts = [values] if isinstance(values, str) else values
    return [part for text in texts for part in text.split(",")]


def _use_libpq_names(url: URL, hosts: list[str]) -> URL:
    """Move what libpq lets one write behind the question mark to its place."""

    def get(name: str) -> str | None:
        values = url.query.get(name)
        return values[-1] if isinstance(values, tuple) else values

    hosts = hosts or _listed(url.query.get("host", ()))
    ports = _listed(url.query.get("port", ()))
    if len(ports) == 1:
        ports *= len(hosts)
    if ports:
        hosts = [f"{h}:{p}" for h, p in zip(hosts, ports, strict=False)]
    moved = url.set(
        username=get("user"),
        password=get("password"),
        database=get("dbname"),
    )
    names = ("user", "password", "dbname", "host", "port")
    moved = moved.difference_update_query(names)
    if len(hosts) == 1 and (place := _PLACE.fullmatch(hosts[0])) and place[1][0] != "/":
        port = int(place[2]) if place[2] else url.port
        return moved.set(host=place[1].strip("[]"), port=port)
    return moved.update_query_pairs([("host", host) for host in hosts])


def _find_fault(url: URL) -> str | None:
    """Say what cannot be meant, without a word of what is there."""
    texts = (url.username, url.password, url.database, *get_hosts(url))
    if any("\0" in text for text in texts if text):
        return "has a NUL character"
    given = _listed(url.query.get("host", ()))
    if any(not _PLACE.fullmatch(place) for place in given) or (
        not given and url.host and not _HOST.fullmatch(url.host)
    ):
        return "has no valid host: are user and password percent-encoded?"
    if any(port is not None and not 0 < port < 65_536 for _, port in get_places(url)):
        return "has a port that is not between 1 and 65535"
    if url.password == "***":
        return "has *** where the password should be"
    return None


def _is_local(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
