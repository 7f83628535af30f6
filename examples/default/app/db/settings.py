"""Settings from the environment and from `.env`."""

from functools import cache
from typing import Any

from pydantic import AliasChoices, Field, FilePath, SecretStr, field_validator

from .environment import EnvironmentSettings


def _is_production(data: dict[str, Any]) -> bool:
    return data.get("ENVIRONMENT") == "production"


class Settings(EnvironmentSettings):
    """What can be set, its bounds, and the reason for each default.

    Each attribute is named after its environment variable. Durations are in seconds;
    where 0 is allowed, it switches a limit off. Connection strings are secrets: they
    appear in no repr and no error.
    """

    # The default is invalid, so that a missing variable is reported like an empty one.
    DB_URL: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        validation_alias=AliasChoices("DB_URL", "DATABASE_URL"),
    )
    """The connection string, as the provider's dashboard shows it. Required."""

    DB_DIRECT_URL: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "DB_DIRECT_URL",
            "DATABASE_URL_UNPOOLED",
            "POSTGRES_URL_NON_POOLING",
        ),
    )
    """The endpoint without a pooler. By default what is known to be behind `DB_URL`."""

    DB_REPLICA_URL: SecretStr | None = None
    """A read replica for `ReadDbSession`. By default it reads from `DB_URL`."""

    DB_POOLED: bool | None = None
    """Whether a pooler is behind `DB_URL`, and behind `DB_REPLICA_URL`.

    By default, if the host and the port are those of a known provider's pooler.
    """

    DB_POOL_SIZE: int = Field(
        default_factory=lambda data: 10 if _is_production(data) else 3,
        ge=0,
        le=500,
    )
    """Connections that each process keeps; 0 opens one for each use and keeps none.

    By default 10, in development 3: a small pool that is always busy has a higher
    throughput than a large one that the server has to switch between.
    """

    DB_MAX_OVERFLOW: int = Field(default=0, ge=0, le=500)
    """Connections beyond the pool. By default 0, because each use opens a new one."""

    DB_POOL_TIMEOUT: float = Field(
        default_factory=lambda data: 10 if _is_production(data) else 5,
        gt=0,
        le=300,
    )
    """How long a request waits for a connection before it is answered with a 503.

    By default 10, in development 5: it must end before the load balancer's own timeout.
    """

    DB_POOL_RECYCLE: int = Field(default=240, ge=1, le=86_400)
    """Maximum age of a connection; each one gets 80 to 100 % of it.

    By default 240: below the 300 after which Neon suspends an idle compute.
    """

    DB_POOL_IDLE_TIMEOUT: float = Field(default=120, gt=0, le=86_400)
    """Maximum time without use after which a connection is replaced.

    By default 120: half of the 240 after which Azure's load balancers drop it.
    """

    WEB_CONCURRENCY: int = Field(
        default=1,
        ge=1,
        le=1_000,
        validation_alias=AliasChoices("WEB_CONCURRENCY", "UVICORN_WORKERS"),
    )
    """How many processes there are, each with a pool; uvicorn and gunicorn read it."""

    DB_ECHO: bool = False
    """Log every statement, without the values of its parameters."""

    DB_CONNECT_TIMEOUT: int = Field(default=10, ge=2, le=120)
    """How long opening a connection may take, and how long sent data may stay
    unacknowledged.

    By default 10: a suspended compute needs a few hundred milliseconds to wake up, and
    more after a long sleep. libpq accepts no less than 2.
    """

    DB_STATEMENT_TIMEOUT: float = Field(default=30, ge=0, le=86_400)
    """When the server cancels a statement. Two seconds later the client gives up.

    By default 30: by then clients and load balancers have given up.
    """

    DB_LOCK_TIMEOUT: float = Field(default=10, ge=0, le=86_400)
    """When the server stops waiting for a lock.

    By default 10: less than `DB_STATEMENT_TIMEOUT`, so that the error names the lock.
    """

    DB_IDLE_IN_TRANSACTION_TIMEOUT: float = Field(default=60, ge=0, le=86_400)
    """When the server ends a session that is idle in a transaction.

    By default 60: such a session holds its locks and keeps a compute awake.
    """

    DB_SSL_ROOT_CERT: FilePath | None = None
    """The CA file that verifies the server. By default certifi's."""

    DB_SLOW_QUERY_THRESHOLD: float = Field(default=0.5, ge=0, le=3_600)
    """A statement that takes at least this long is logged; 0 logs none."""

    DB_LEAK_THRESHOLD: float = Field(default=60, ge=0, le=86_400)
    """A connection that is held for longer counts as leaked; 0 records nothing."""

    DB_HEALTH_TIMEOUT: float = Field(default=2, gt=0, le=60)
    """How long a health check waits. By default 2: probes commonly give up after 3."""

    DB_HEALTH_CACHE_TTL: float = Field(default=2, ge=0, le=86_400)
    """How long readiness repeats that the database answers, without asking again.

    By default 2. Above 300, Neon can suspend an idle compute in spite of a probe.
    """

    DB_APPLICATION_NAME: str = Field(
        default="my-api",
        pattern=r"^[ -~]{1,63}$",
    )
    """The name in `pg_stat_activity`: at most 63 printable ASCII characters."""

    @field_validator("DB_URL")
    @classmethod
    def _require_url(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("set DB_URL to your PostgreSQL connection string")
        return value

    def get_server_settings(self) -> dict[str, str]:
        """Return the limits that the server enforces, in milliseconds."""
        limits = {
            "statement_timeout": self.DB_STATEMENT_TIMEOUT,
            "lock_timeout": self.DB_LOCK_TIMEOUT,
            "idle_in_transaction_session_timeout": self.DB_IDLE_IN_TRANSACTION_TIMEOUT,
        }
        return {name: str(round(seconds * 1000)) for name, seconds in limits.items()}


@cache
def get_settings() -> Settings:
    """Return the settings, read once.

    Raises:
        pydantic_settings.SettingsError: A variable is missing or out of bounds.
    """
    return Settings.read()
