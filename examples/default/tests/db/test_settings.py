"""What is set, what is refused, and what is kept secret."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.db.settings import Settings, get_settings

SECRET = "postgresql://user:s3cret@host/database"


def test_settings_are_read_once() -> None:
    assert get_settings() is get_settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        get_settings().DB_ECHO = True


def test_a_missing_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DB_URL")

    with pytest.raises(ValidationError, match="set DB_URL"):
        Settings()


@pytest.mark.parametrize("alias", ["DB_URL", "DATABASE_URL"])
def test_the_url_has_two_names(monkeypatch: pytest.MonkeyPatch, alias: str) -> None:
    monkeypatch.delenv("DB_URL")
    monkeypatch.setenv(alias, SECRET)

    assert Settings().DB_URL.get_secret_value() == SECRET


def test_db_url_overrides_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", SECRET)
    monkeypatch.setenv("DATABASE_URL", "postgresql://another")

    assert Settings().DB_URL.get_secret_value() == SECRET


@pytest.mark.parametrize(
    "alias",
    ["DB_DIRECT_URL", "DATABASE_URL_UNPOOLED", "POSTGRES_URL_NON_POOLING"],
)
def test_the_direct_url_has_three_names(
    monkeypatch: pytest.MonkeyPatch,
    alias: str,
) -> None:
    monkeypatch.setenv(alias, SECRET)

    direct = Settings().DB_DIRECT_URL

    assert direct is not None
    assert direct.get_secret_value() == SECRET


def test_no_secret_is_in_a_repr_or_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", SECRET)
    monkeypatch.setenv("DB_DIRECT_URL", SECRET)
    monkeypatch.setenv("DB_REPLICA_URL", SECRET)
    shown = repr(Settings())

    monkeypatch.setenv("DB_POOL_SIZE", "-1")
    with pytest.raises(ValidationError) as refused:
        Settings()

    assert "s3cret" not in shown
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("DB_POOL_SIZE", "-1"),
        ("DB_POOL_SIZE", "501"),
        ("DB_MAX_OVERFLOW", "-1"),
        ("DB_POOL_TIMEOUT", "0"),
        ("DB_POOL_RECYCLE", "0"),
        ("DB_POOL_IDLE_TIMEOUT", "0"),
        ("WEB_CONCURRENCY", "0"),
        ("DB_CONNECT_TIMEOUT", "1"),
        ("DB_STATEMENT_TIMEOUT", "-1"),
        ("DB_LOCK_TIMEOUT", "-1"),
        ("DB_IDLE_IN_TRANSACTION_TIMEOUT", "-1"),
        ("DB_SLOW_QUERY_THRESHOLD", "-1"),
        ("DB_LEAK_THRESHOLD", "-1"),
        ("DB_HEALTH_TIMEOUT", "0"),
        ("DB_HEALTH_CACHE_TTL", "-1"),
        ("DB_SSL_ROOT_CERT", "/no/such/ca.pem"),
        ("DB_APPLICATION_NAME", "ü"),
    ],
)
def test_a_value_out_of_bounds_is_named(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name):
        Settings()


def test_an_unknown_variable_of_dotenv_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DB_URLL=typo\nDB_POOL_SIZE=7\n")
    monkeypatch.setitem(Settings.model_config, "env_file", dotenv)

    assert Settings().DB_POOL_SIZE == 7


def test_a_dotenv_in_another_encoding_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DB_URL=postgresql://müller:s3cret@host/name\n", "latin-1")
    monkeypatch.setitem(Settings.model_config, "env_file", dotenv)

    with pytest.raises(SettingsError, match=r"^\.env is not encoded in UTF-8$"):
        Settings.read()


def test_an_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_REPLICA_URL", "")

    assert Settings().DB_REPLICA_URL is None


@pytest.mark.parametrize(
    ("environment", "size", "timeout"),
    [("development", 3, 5), ("production", 10, 10)],
)
def test_the_pool_fits_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    size: int,
    timeout: int,
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)

    settings = Settings()

    assert settings.is_production == (environment == "production")
    assert size == settings.DB_POOL_SIZE
    assert timeout == settings.DB_POOL_TIMEOUT
