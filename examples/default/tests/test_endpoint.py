"""What the driver is given for what people paste."""

import logging

import certifi
import pytest

from app.db.endpoint import (
    Endpoint,
    build_endpoint,
)
from app.db.url import parse_url

NEON = "ep-cool-rain-a1b2c3-pooler.eu-central-1.aws.neon.tech"
QUERY = "sslmode=require&channel_binding=require"
COPIED = f"postgresql://me:p%40ss@{NEON}/neondb?{QUERY}"
LOCAL = "postgresql://localhost/database"
REMOTE = "postgresql://db.example.com/database"


def build(
    text: str,
    *,
    pooled: bool = False,
    root_cert: str | None = None,
    must_verify: bool = False,
) -> Endpoint:
    return build_endpoint(
        parse_url(text, setting="DB_URL"),
        setting="DB_URL",
        pooled=pooled,
        application_name="tests",
        connect_timeout=7,
        server_settings={"statement_timeout": "1000"},
        root_cert=root_cert,
        must_verify=must_verify,
    )


def get_sslmode(endpoint: Endpoint) -> str:
    """Say how far the server is verified."""
    return str(endpoint.connect_args.get("sslmode", ""))


def test_neons_copied_url_verifies_the_server() -> None:
    endpoint = build(COPIED)

    assert get_sslmode(endpoint) == "verify-full"
    assert not endpoint.url.query
    assert endpoint.connect_args["sslrootcert"] == certifi.where()
    assert endpoint.connect_args["channel_binding"] == "require"


@pytest.mark.parametrize(
    ("text", "sslmode"),
    [
        (LOCAL, ""),
        (f"{LOCAL}?sslmode=require", "require"),
        (f"{LOCAL}?sslmode=verify-full", "verify-full"),
        (REMOTE, ""),
        (f"{REMOTE}?ssl=true", "verify-full"),
        (f"{REMOTE}?ssl=require", "verify-full"),
        (f"{REMOTE}?sslmode=disable", "disable"),
        (f"{REMOTE}?sslmode=prefer", "prefer"),
        (f"{REMOTE}?sslmode=require", "verify-full"),
        (f"{REMOTE}?sslmode=verify-ca", "verify-ca"),
        (f"{REMOTE}?sslmode=prefer&sslrootcert=system", "verify-full"),
        (f"{REMOTE}?sslnegotiation=direct", "verify-full"),
    ],
)
def test_a_remote_host_is_verified_as_soon_as_tls_is_asked_for(
    text: str,
    sslmode: str,
) -> None:
    assert get_sslmode(build(text)) == sslmode


def test_production_verifies_without_being_asked() -> None:
    assert get_sslmode(build(REMOTE, must_verify=True)) == "verify-full"
    assert get_sslmode(build(LOCAL, must_verify=True)) == ""


@pytest.mark.parametrize("sslmode", ["disable", "allow", "prefer"])
def test_production_refuses_a_remote_host_that_is_not_verified(sslmode: str) -> None:
    with pytest.raises(ValueError, match="ENVIRONMENT=production, take verify-full"):
        build(f"{REMOTE}?sslmode={sslmode}", must_verify=True)


@pytest.mark.parametrize(
    ("parameter", "root_cert", "used"),
    [
        ("", None, certifi.where()),
        ("", "/ca.pem", "/ca.pem"),
        ("&sslrootcert=/url.pem", "/ca.pem", "/url.pem"),
        ("&sslrootcert=system", None, certifi.where()),
    ],
)
def test_the_ca_file_exists(parameter: str, root_cert: str | None, used: str) -> None:
    endpoint = build(COPIED + parameter, root_cert=root_cert)

    assert endpoint.connect_args["sslrootcert"] == used


def get_startup(endpoint: Endpoint) -> tuple[str, str]:
    """Return the application name and the options of the start-up packet."""
    startup = endpoint.connect_args
    return startup["application_name"], startup.get("options", "")


def test_limits_travel_with_the_start_of_a_direct_connection() -> None:
    endpoint = build(f"{LOCAL}?options=-c%20jit%3Doff")

    flags = "-c statement_timeout=1000 -c jit=off"
    assert get_startup(endpoint) == ("tests", flags)
    assert endpoint.transaction_settings == {}


def test_a_pooler_sees_neither_settings_nor_named_statements() -> None:
    endpoint = build(f"{REMOTE}?options=endpoint%3Dep-a%20-c%20jit%3Doff", pooled=True)

    limits = {"statement_timeout": "1000", "jit": "off"}
    assert get_startup(endpoint) == ("tests", "endpoint=ep-a")
    assert endpoint.transaction_settings == limits
    assert endpoint.connect_args["prepare_threshold"] is None


def test_a_local_server_is_not_told_of_neons_endpoints() -> None:
    endpoint = build(f"{LOCAL}?options=endpoint%3Dep-a")

    assert get_startup(endpoint) == ("tests", "-c statement_timeout=1000")


def test_the_url_wins() -> None:
    options = "options=-c%20statement_timeout%3D5"
    endpoint = build(f"{LOCAL}?application_name=mine&connect_timeout=3&{options}")

    assert get_startup(endpoint) == ("mine", "-c statement_timeout=5")
    assert endpoint.connect_args["connect_timeout"] == 3


def test_a_peer_that_vanished_is_noticed_in_time() -> None:
    url = f"{LOCAL}?connect_timeout=3&keepalives_idle=7"
    default, given = build(LOCAL).connect_args, build(url).connect_args

    assert default["keepalives_idle"] + default["keepalives_interval"] == 30
    assert default["tcp_user_timeout"] == 7000
    assert int(given["keepalives_idle"]) == 7
    assert given["tcp_user_timeout"] == 3000


def test_parameters_of_other_tools_are_dropped_aloud(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    endpoint = build(f"{LOCAL}?pgbouncer=true&connection_limit=1")

    assert "connection_limit, pgbouncer" in caplog.text
    assert not {"pgbouncer", "connection_limit"} & endpoint.connect_args.keys()


def test_several_hosts_reach_the_driver() -> None:
    endpoint = build("postgresql://one,two/database?target_session_attrs=read-write")

    assert endpoint.connect_args["host"] == "one,two"
    assert endpoint.connect_args["port"] == "5432,5432"
    assert endpoint.connect_args["target_session_attrs"] == "read-write"


@pytest.mark.parametrize(
    "query",
    [
        "s3cret=1",
        "sslmode=s3cret",
        "connect_timeout=s3cret",
        "ssl=s3cret",
    ],
)
def test_a_bad_parameter_gets_one_sentence(query: str) -> None:
    with pytest.raises(ValueError, match=r"^DB_URL [^\n]+$") as refused:
        build(f"{LOCAL}?{query}")

    assert "s3cret" not in str(refused.value)


def test_no_secret_shows() -> None:
    assert "p@ss" not in repr(build(COPIED))
