"""libpq gets what the URL asks for, and connections tell what they know."""

from typing import Any

import certifi

from app.db.engine.connect_args import build_connect_args
from app.db.engine.url import parse_url

NEON = "ep-cool-rain-a1b2c3-pooler.eu-central-1.aws.neon.tech"
COPIED = f"postgresql://me@{NEON}/neondb?sslmode=require&channel_binding=require"


def build(text: str, *, pooled: bool = False) -> dict[str, Any]:
    """Return the arguments for a URL."""
    return build_connect_args(
        parse_url(text),
        pooled=pooled,
        application_name="tests",
        connect_timeout=7,
        server_settings={"statement_timeout": "1000"},
    ).arguments


def test_neons_url_is_verified_with_channel_binding() -> None:
    arguments = build(COPIED)

    assert arguments["sslmode"] == "verify-full"
    assert arguments["sslrootcert"] == certifi.where()
    assert arguments["channel_binding"] == "require"


def test_a_weaker_mode_is_passed_on() -> None:
    arguments = build("postgresql://localhost/name?sslmode=prefer")

    assert arguments["sslmode"] == "prefer"
    assert "sslrootcert" not in arguments


def test_direct_tls_is_passed_on() -> None:
    arguments = build(f"{COPIED}&sslnegotiation=direct")

    assert arguments["sslnegotiation"] == "direct"


def test_start_up_carries_the_name_and_the_limits() -> None:
    arguments = build("postgresql://localhost/name")

    assert arguments["application_name"] == "tests"
    assert arguments["connect_timeout"] == 7
    assert arguments["options"] == "-c statement_timeout=1000"
    assert arguments["keepalives_idle"] == 20


def test_several_hosts_are_passed_on() -> None:
    arguments = build("postgresql://one,two/name?target_session_attrs=read-write")

    assert arguments["host"] == "one,two"
    assert arguments["port"] == "5432,5432"
    assert arguments["target_session_attrs"] == "read-write"


def test_a_pooler_sees_no_named_statements() -> None:
    assert build(COPIED, pooled=True)["prepare_threshold"] is None
