"""A URL becomes what the driver needs: TLS that verifies, limits, no session state."""

import logging
from typing import Any
from urllib.parse import quote

import certifi
import pytest

from app.db.engine import driver
from app.db.engine.connect_args import (
    ConnectArgs,
    build_connect_args,
)
from app.db.engine.url import parse_url

NEON = "ep-cool-rain-a1b2c3-pooler.eu-central-1.aws.neon.tech"
QUERY = "sslmode=require&channel_binding=require"
COPIED = f"postgresql://me:p%40ss@{NEON}/neondb?{QUERY}"
LOCAL = "postgresql://localhost/database"
REMOTE = "postgresql://db.example.com/database"
SUPABASE = "postgresql://db.abcdefghijkl.supabase.co/postgres"


@pytest.fixture(autouse=True)
def arguments_as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return what the driver's module is asked for, which `test_driver` tests."""

    def build_arguments(query: dict[str, str], **options: Any) -> dict[str, Any]:
        query.pop("channel_binding", None)
        return options

    monkeypatch.setattr(driver, "build_arguments", build_arguments)


def build(
    text: str,
    *,
    pooled: bool = False,
    root_cert: str | None = None,
    must_verify: bool = False,
) -> ConnectArgs:
    return build_connect_args(
        parse_url(text),
        pooled=pooled,
        application_name="tests",
        connect_timeout=7,
        server_settings={"statement_timeout": "1000"},
        root_cert=root_cert,
        must_verify=must_verify,
    )


def get_sslmode(text: str, *, must_verify: bool = False) -> str:
    return str(build(text, must_verify=must_verify).arguments["tls"].mode)


@pytest.mark.parametrize(
    ("text", "sslmode"),
    [
        (COPIED, "verify-full"),
        (LOCAL, ""),
        (f"{LOCAL}?sslmode=require", "require"),
        (f"{LOCAL}?sslmode=verify-full", "verify-full"),
        (REMOTE, ""),
        (SUPABASE, "verify-full"),
        (f"{SUPABASE}?sslmode=prefer", "prefer"),
        (f"{REMOTE}?ssl=true", "verify-full"),
        (f"{REMOTE}?ssl=require", "verify-full"),
        (f"{REMOTE}?sslmode=disable", "disable"),
        (f"{REMOTE}?sslmode=prefer", "prefer"),
        (f"{REMOTE}?sslmode=require", "verify-full"),
        (f"{REMOTE}?sslmode=verify-ca", "verify-ca"),
        (f"{REMOTE}?sslmode=prefer&sslrootcert=system", "verify-full"),
        (f"{REMOTE}?channel_binding=require", "verify-full"),
        (f"{REMOTE}?channel_binding=require&sslmode=prefer", "verify-full"),
    ],
)
def test_a_remote_server_is_verified_if_tls_is_required(
    text: str,
    sslmode: str,
) -> None:
    assert get_sslmode(text) == sslmode


def test_production_verifies_remote_servers_by_default() -> None:
    assert get_sslmode(REMOTE, must_verify=True) == "verify-full"
    assert get_sslmode(LOCAL, must_verify=True) == ""


@pytest.mark.parametrize("sslmode", ["disable", "allow", "prefer"])
def test_production_refuses_a_weaker_sslmode(sslmode: str) -> None:
    with pytest.raises(ValueError, match=f"^has sslmode={sslmode}: .* use verify-full"):
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
def test_the_ca_file_of_the_url_overrides_that_of_the_settings(
    parameter: str,
    root_cert: str | None,
    used: str,
) -> None:
    connect_args = build(COPIED + parameter, root_cert=root_cert)

    assert connect_args.arguments["tls"].ca_file == used


def test_limits_are_sent_at_the_start_of_a_direct_connection() -> None:
    connect_args = build(f"{LOCAL}?options=-c%20jit%3Doff")

    assert connect_args.arguments["options"] == "-c statement_timeout=1000 -c jit=off"
    assert connect_args.transaction_settings == {}


def test_a_pooler_gets_limits_in_each_transaction_only() -> None:
    options = "options=endpoint%3Dep-a%20-c%20jit%3Doff"

    connect_args = build(f"{REMOTE}?{options}", pooled=True)

    limits = {"statement_timeout": "1000", "jit": "off"}
    assert connect_args.arguments["pooled"]
    assert connect_args.arguments["options"] == "endpoint=ep-a"
    assert connect_args.transaction_settings == limits


def test_a_local_server_is_not_sent_the_name_of_an_endpoint() -> None:
    connect_args = build(f"{LOCAL}?options=endpoint%3Dep-a")

    assert connect_args.arguments["options"] == "-c statement_timeout=1000"


def test_the_url_overrides_the_settings() -> None:
    given = build(f"{LOCAL}?application_name=mine&connect_timeout=3").arguments

    assert given["application_name"] == "mine"
    assert given["connect_timeout"] == 3


def test_a_connection_is_never_waited_for_without_a_limit() -> None:
    assert build(f"{LOCAL}?connect_timeout=0").arguments["connect_timeout"] == 7


@pytest.mark.parametrize(
    "name",
    ["statement_timeout", "Statement_Timeout", "statement-timeout"],
)
def test_the_limit_that_the_client_follows_is_not_overridden(name: str) -> None:
    with pytest.raises(ValueError, match=r"^sets statement_timeout in options"):
        build(f"{LOCAL}?options=-c%20{name}%3D5")


@pytest.mark.parametrize("pooled", [False, True])
def test_a_server_setting_may_have_spaces(pooled: bool) -> None:
    escaped = "-c search_path=a,\\ b"

    connect_args = build(f"{LOCAL}?options={quote(escaped)}", pooled=pooled)

    assert connect_args.server_settings["search_path"] == "a, b"
    assert (escaped in connect_args.arguments["options"]) is not pooled


def test_a_peer_that_vanished_is_noticed_in_time() -> None:
    default = build(LOCAL).arguments["keepalive"]
    given = build(f"{LOCAL}?connect_timeout=3&keepalives_idle=7").arguments["keepalive"]

    assert default["keepalives_idle"] + default["keepalives_interval"] == 30
    assert default["tcp_user_timeout"] == 7000
    assert given["keepalives_idle"] == 7
    assert given["tcp_user_timeout"] == 3000


def test_parameters_of_other_tools_are_ignored_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    build(f"{LOCAL}?pgbouncer=true&connection_limit=1")

    assert "['connection_limit', 'pgbouncer']" in caplog.text


def test_each_of_several_hosts_has_a_port() -> None:
    connect_args = build("postgresql://one:5433,two/database")

    assert connect_args.arguments["addresses"] == [("one", 5433), ("two", 5432)]


@pytest.mark.parametrize(
    "query",
    [
        "s3cret=1",
        "sslmode=s3cret",
        "connect_timeout=s3cret",
        "ssl=s3cret",
        "keepalives_idle=s3cret",
    ],
)
def test_a_bad_parameter_gets_one_sentence(query: str) -> None:
    with pytest.raises(ValueError, match=r"^has an? [^\n]+$") as refused:
        build(f"{LOCAL}?{query}")

    assert "s3cret" not in str(refused.value)


def test_the_url_for_sqlalchemy_has_no_parameters() -> None:
    assert not build(COPIED).url.query


def test_no_secret_is_in_the_repr() -> None:
    assert "p@ss" not in repr(build(COPIED))
