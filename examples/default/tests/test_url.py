"""What people paste, and what the driver is given."""

import certifi
import pytest

from app.db.url import (
    Endpoint,
    build_endpoint,
    is_pooled,
    is_remote,
    parse_url,
    to_direct,
)

NEON = "ep-cool-rain-a1b2c3.eu-central-1.aws.neon.tech"
POOLED = NEON.replace(".eu", "-pooler.eu")
QUERY = "sslmode=require&channel_binding=require"
COPIED = f"postgresql://me:p%40ss@{POOLED}/neondb?{QUERY}"


def build(text: str, *, pooled: bool = False, root_cert: str | None = None) -> Endpoint:
    return build_endpoint(
        parse_url(text, setting="DB_URL"),
        pooled=pooled,
        application_name="tests",
        connect_timeout=7,
        server_settings={"statement_timeout": "1000"},
        root_cert=root_cert,
    )


@pytest.mark.parametrize(
    "scheme",
    ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"],
)
@pytest.mark.parametrize("wrapping", ["{}", " {}\n", '"{}"', "'{}'"])
def test_any_spelling_reaches_this_driver(scheme: str, wrapping: str) -> None:
    text = wrapping.format(COPIED.replace("postgresql", scheme, 1))

    url = parse_url(text, setting="DB_URL")

    assert url.drivername == "postgresql+psycopg"
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
    ],
)
def test_a_bad_url_gets_one_sentence_without_the_password(text: str) -> None:
    with pytest.raises(ValueError, match=r"^DB_URL [^\n]+$") as refused:
        parse_url(text, setting="DB_URL")

    assert "cret" not in str(refused.value)
    assert refused.value.__context__ is None


def test_neons_pooled_host_is_known_by_its_name() -> None:
    pooled = parse_url(COPIED, setting="DB_URL")

    direct = to_direct(pooled)

    assert is_pooled(pooled)
    assert not is_pooled(direct)
    assert direct.host == NEON
    assert to_direct(direct) == direct


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        (None, False),
        ("/run/postgresql", False),
        ("localhost", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("10.0.0.1", True),
        (NEON, True),
    ],
)
def test_loopback_and_sockets_are_not_remote(host: str | None, remote: bool) -> None:
    assert is_remote(host) is remote


def test_neons_copied_url_verifies_the_server() -> None:
    endpoint = build(COPIED)

    assert endpoint.connect_args["sslmode"] == "verify-full"
    assert endpoint.connect_args["sslrootcert"] == certifi.where()
    assert endpoint.url.query["channel_binding"] == "require"


def test_a_ca_file_of_ones_own_is_used() -> None:
    configured = build(COPIED, root_cert="/ca.pem")
    in_url = build(f"{COPIED}&sslrootcert=/url.pem", root_cert="/ca.pem")
    in_system = build(f"{COPIED}&sslrootcert=system")

    assert configured.connect_args["sslrootcert"] == "/ca.pem"
    assert in_url.connect_args["sslrootcert"] == "/url.pem"
    assert in_system.connect_args["sslrootcert"] == certifi.where()


def test_a_local_server_need_not_prove_itself() -> None:
    endpoint = build("postgresql://localhost/database?sslmode=require")

    assert "sslmode" not in endpoint.connect_args
    assert endpoint.url.query["sslmode"] == "require"


def test_limits_travel_with_the_start_of_a_direct_connection() -> None:
    endpoint = build("postgresql://localhost/database?options=-c%20jit%3Doff")

    assert endpoint.connect_args == {
        "application_name": "tests",
        "connect_timeout": 7,
        "options": "-c jit=off -c statement_timeout=1000",
    }
    assert endpoint.transaction_settings == {}


def test_a_pooler_sees_neither_options_nor_named_statements() -> None:
    endpoint = build("postgresql://localhost/database", pooled=True)

    assert "options" not in endpoint.connect_args
    assert endpoint.connect_args["prepare_threshold"] is None
    assert endpoint.transaction_settings == {"statement_timeout": "1000"}


def test_no_secret_shows() -> None:
    assert "p@ss" not in repr(build(COPIED))
