"""What all settings share: where they are read from, and how a fault is told."""

from typing import Literal, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError


class EnvironmentSettings(BaseSettings):
    """Settings from the environment and from `.env`, whose faults are one sentence."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    ENVIRONMENT: Literal["development", "production"] = "development"
    """Where this runs. Production verifies remote servers and has a larger pool."""

    @classmethod
    def read(cls) -> Self:
        """Read the settings of this class now.

        Raises:
            pydantic_settings.SettingsError: A variable is missing or out of bounds, or
                `.env` cannot be read.
        """
        try:
            return cls()
        except ValidationError as error:
            faults = (
                f"{fault['loc'][0]}: {fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors()
                # Only says that another setting is wrong, on which a default depends.
                if fault["type"] != "default_factory_not_called"
            )
            raise SettingsError("; ".join(faults)) from None
        except UnicodeDecodeError:
            raise SettingsError(".env is not encoded in UTF-8") from None

    @property
    def is_production(self) -> bool:
        """Whether `ENVIRONMENT` is `production`."""
        return self.ENVIRONMENT == "production"
