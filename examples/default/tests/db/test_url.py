"""Any pasted connection string becomes a URL of this driver, or one clear sentence."""

import pytest

from app.db.engine.driver import DRIVERNAME
from app.db.engine.url import (
    get_addresses,
    get_provider,
    is_known_pooler,
    is_remote,
    parse_url,
    to_direct,
)

NEON = "ep-cool-rain-a1b2c3.eu-central-1.aws.neon.tech"
POOLED = NEON.replace(".eu", "-pooler.eu")
QUERY = "sslmode=require&channel_binding=require"
COPIED = f"postgresql://me:p%40ss@{POOLED}/neondb?{QUERY}"


@pytest.mark.parametrize(
    "scheme",
    ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"],
)
@pytest.mark.parametrize(
    "wrapping",
    ["{}", " {}\n", '"{}"', "psql '{}'", "DATABASE_URL={}", 'export DB_URL="{}"'],
)
def test_any_spelling_reaches_this_driver(scheme: str, wrapping: str) -> None:
    text = wrapping.format(COPIED.replace("postgresql", scheme, 1))

    url = parse_url(text)

    assert url.drivername == DRIVERNAME
    assert (url.username, url.password) == ("me", "p@ss")
    assert (url.host, url.database) == (POOLED, "neondb")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host/database",
        "mysql://me:s3cret@host/database",
        "postgresql://me:s3cret@host:port/database",
        "postgresql://me:s3@cret@host/database",
        "postgresql:me:s3cret@host",
        "postgresql://me:s3@cret@host?sslmode=require",
        "postgresql://host:1/database?user=me&password=s3@cret",
        "postgresql://host:1/database?password=s3cret&user=me@other",
        "postgresql:///database?password=s3cret&port=0",
        "postgresql://one,two,three/database?password=s3cret&port=1,2",
        "postgresql:///database?password=s3cret&port=x",
        "postgresql://me:s3cret@host:0/database",
        "postgresql://me:s3cret@host:65536/database",
        "postgresql://me:s3cret@ho st/database",
        "postgresql://me:s3cret@host/data\nbase",
        "postgresql://me:s3cret%00@host/database",
        "postgresql://me:***@host/database",
    ],
)
def test_a_bad_url_gets_one_sentence_without_the_password(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z][^\n]+$") as refused:
        parse_url(text)

    assert "cret" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("text", [COPIED, f"postgresql:///neondb?host={POOLED}"])
def test_neons_pooled_host_is_known_by_its_name(text: str) -> None:
    pooled = parse_url(text)

    direct = to_direct(pooled)

    assert is_known_pooler(pooled)
    assert not is_known_pooler(direct)
    assert direct.host == NEON
    assert to_direct(direct) == direct


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("/database", False),
        ("/database?host=/run/postgresql", False),
        ("%2Frun%2Fpostgresql/database", False),
        ("localhost/database", False),
        ("127.0.0.1:5433/database", False),
        ("[::1]:5433/database", False),
        ("127.0.0.1:5433,10.0.0.1/database", True),
        ("10.0.0.1/database", True),
        (f"{NEON}/database", True),
    ],
)
def test_loopback_and_sockets_are_not_remote(address: str, remote: bool) -> None:
    url = parse_url(f"postgresql://{address}")

    assert is_remote(url) is remote


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "db.example.com"])
def test_a_port_may_be_a_parameter(host: str) -> None:
    url = parse_url(f"postgresql://{host}/database?port=6599")

    assert get_addresses(url) == [(host.strip("[]"), 6599)]


def test_an_encoded_password_may_look_like_parameters() -> None:
    url = parse_url("postgresql://me:1%2Fb%3Fc%3Dd@host/database")

    assert (url.password, url.host) == ("1/b?c=d", "host")


def test_a_port_may_be_all_that_is_known_of_the_server() -> None:
    url = parse_url("postgresql:///database?port=6599")

    assert (url.host, url.port) == (None, 6599)


def test_several_hosts_are_kept_with_their_ports() -> None:
    url = parse_url("postgresql://me:pw@one:5433,two,[::1]:5434/name")

    assert get_addresses(url) == [("one", 5433), ("two", None), ("::1", 5434)]
    assert (url.username, url.password, url.database) == ("me", "pw", "name")


def test_a_socket_in_libpqs_spelling_is_a_directory() -> None:
    url = parse_url("postgresql://me@%2Frun%2Fpostgresql/name")

    assert get_addresses(url) == [("/run/postgresql", None)]


def test_one_port_behind_the_question_mark_is_that_of_all_hosts() -> None:
    url = parse_url("postgresql:///name?host=one,two&port=5433")

    assert get_addresses(url) == [("one", 5433), ("two", 5433)]


def test_libpqs_names_behind_the_question_mark_are_understood() -> None:
    text = "postgresql://host?user=me&password=pw&dbname=name"

    url = parse_url(text)

    assert (url.username, url.password, url.database) == ("me", "pw", "name")
    assert not url.query


@pytest.mark.parametrize(
    ("pooler", "direct"),
    [
        ("aws-0-eu-central-1.pooler.supabase.com:6543", 5432),
        ("db.abcdefghijkl.supabase.co:6543", 5432),
        ("my-server.postgres.database.azure.com:6432", 5432),
    ],
)
def test_a_pooler_that_is_known_by_its_port_has_a_direct_port(
    pooler: str,
    direct: int,
) -> None:
    url = parse_url(f"postgresql://me:pw@{pooler}/name")

    assert is_known_pooler(url)
    assert to_direct(url) == url.set(port=direct)
    assert not is_known_pooler(to_direct(url))


@pytest.mark.parametrize(
    "pooler",
    [
        "the-proxy.proxy-abcdefghijkl.us-east-1.rds.amazonaws.com",
        "pg-do-user-1-0.b.db.ondigitalocean.com:25061",
    ],
)
def test_a_pooler_without_a_known_direct_endpoint_asks_for_it(pooler: str) -> None:
    url = parse_url(f"postgresql://me:pw@{pooler}/name")

    assert is_known_pooler(url)
    with pytest.raises(ValueError, match="set DB_DIRECT_URL"):
        to_direct(url)


@pytest.mark.parametrize(
    "host",
    [
        "my-pooler.internal",
        "ep-cool-rain-pooler.neon.tech.example.com",
        "my-server.postgres.database.azure.com",
        "aws-0-eu-central-1.pooler.supabase.com",
        "mydb.abcdefghijkl.us-east-1.rds.amazonaws.com",
        f"{POOLED},{POOLED}",
    ],
)
def test_nothing_is_guessed_of_another_host(host: str) -> None:
    assert not is_known_pooler(parse_url(f"postgresql://me:pw@{host}/name"))


def test_a_host_that_is_not_known_has_no_provider() -> None:
    names = [
        provider and provider.name
        for provider in map(
            get_provider,
            map(parse_url, [COPIED, "postgresql://localhost/x", "postgresql:///x"]),
        )
    ]

    assert names == ["Neon", None, None]
