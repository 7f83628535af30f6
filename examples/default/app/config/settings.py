"""Settings from the environment and from `.env`: an attribute is named as its variable."""

from functools import cache
from typing import Literal, TypedDict

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class PoolConfig(TypedDict):
    """The arguments of `create_engine` that size its pool."""

    pool_size: int
    max_overflow: int
    pool_timeout: float


class Settings(BaseSettings):
    """What can be set, its bounds, and why each default is what it is.

    Times are seconds unless the name says otherwise, and 0 switches a limit off where
    0 is allowed. Connection strings are secrets: they never show in a repr or an error.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    ENVIRONMENT: Literal["development", "production"] = "development"
    """Where this runs. Development keeps a smaller pool and gives up sooner."""

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
    """The endpoint without a pooler. By default `DB_URL` without `-pooler`."""

    DB_REPLICA_URL: SecretStr | None = None
    """A read replica for `ReadDbSession`. By default it reads from `DB_URL`."""

    DB_POOLED: bool | None = None
    """Whether `DB_URL` leads through a transaction pooler such as PgBouncer.

    By default known from the host name: Neon's pooled hosts end in `-pooler`.
    """

    DB_POOL_SIZE: int | None = Field(default=None, ge=0, le=500)
    """Connections that each process keeps; 0 opens one for each use and keeps none.

    By default 10, in development 3: a small pool that is always busy serves more than a
    large one that the server has to switch between.
    """

    DB_MAX_OVERFLOW: int = Field(default=0, ge=0, le=500)
    """Connections beyond the pool. By default 0: each use opens one anew."""

    DB_POOL_TIMEOUT: float | None = Field(default=None, gt=0, le=300)
    """How long a request waits for a connection before it is answered with a 503.

    By default 10, in development 5: it must end before the load balancer gives up.
    """

    DB_POOL_RECYCLE: int = Field(default=240, ge=1, le=86_400)
    """Age at which a connection is replaced, for each one up to a fifth earlier.

    By default 240: below the 300 after which Neon suspends an idle compute.
    """

    DB_POOL_IDLE_TIMEOUT: float = Field(default=120, gt=0, le=86_400)
    """How long an unused connection is trusted.

    By default 120: half of the 240 after which Azure's load balancers forget it.
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
    """How long opening a connection may take, or sent data wait to be acknowledged.

    By default 10: a suspended compute needs a few hundred milliseconds to wake up, and
    more after a long sleep. libpq takes no less than 2.
    """

    DB_STATEMENT_TIMEOUT: float = Field(default=30, ge=0, le=86_400)
    """When the server cancels a statement. By default 30: nobody waits longer."""

    DB_LOCK_TIMEOUT: float = Field(default=10, ge=0, le=86_400)
    """When the server gives up waiting for a lock.

    By default 10: less than `DB_STATEMENT_TIMEOUT`, so that the error names the lock.
    """

    DB_IDLE_IN_TRANSACTION_TIMEOUT: float = Field(default=60, ge=0, le=86_400)
    """When the server ends a session that sits idle in a transaction.

    By default 60: such a session holds its locks and keeps a compute awake for ever.
    """

    DB_SSL_ROOT_CERT: str | None = None
    """The CA file that verifies the server. By default certifi's."""

    DB_SLOW_QUERY_MS: int = Field(default=500, ge=0, le=3_600_000)
    """A statement that takes at least so many milliseconds is logged; 0 logs none."""

    DB_LEAK_THRESHOLD: float = Field(default=60, ge=0, le=86_400)
    """A connection held for longer counts as leaked; 0 tracks none."""

    DB_HEALTH_TIMEOUT: float = Field(default=2, gt=0, le=60)
    """How long a health check waits. By default 2: probes commonly give up after 3."""

    DB_HEALTH_CACHE_TTL: float = Field(default=2, ge=0, le=86_400)
    """How long readiness repeats its answer; above 300, Neon can sleep under a probe."""

    DB_APPLICATION_NAME: str = Field(default="my-api", pattern=r"^[ -~]{1,63}$")
    """The name in `pg_stat_activity`: at most 63 printable ASCII characters."""

    @field_validator("DB_URL")
    @classmethod
    def _require_url(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("set DB_URL to your PostgreSQL connection string")
        return value

    @property
    def is_production(self) -> bool:
        """Whether `ENVIRONMENT` is `production`."""
        return self.ENVIRONMENT == "production"

    def get_pool_config(self) -> PoolConfig:
        """Return the pool's size and patience, with the defaults for where this runs."""
        size, timeout = (10, 10.0) if self.is_production else (3, 5.0)
        return {
            "pool_size": size if self.DB_POOL_SIZE is None else self.DB_POOL_SIZE,
            "max_overflow": self.DB_MAX_OVERFLOW,
            "pool_timeout": self.DB_POOL_TIMEOUT or timeout,
        }

    def get_server_settings(self) -> dict[str, str]:
        """Return what the server is asked to enforce, in milliseconds."""
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
        pydantic.ValidationError: A variable is missing or out of bounds.
    """
    return Settings()
