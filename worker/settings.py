"""What the environment says."""

from typing import Annotated, Literal

import pydantic
from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker import database, errors


def _require_database_url(url: SecretStr) -> SecretStr:
    database.require_url(url.get_secret_value())
    return url


def _require_http_url(url: str) -> str:
    try:
        pydantic.TypeAdapter(pydantic.HttpUrl).validate_python(url)
    except pydantic.ValidationError:
        raise ValueError("not an http(s) URL") from None  # pydantic's own message would repeat the value
    return url.rstrip("/")


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals; its description is shown by `--help`."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    database_url: Annotated[SecretStr, AfterValidator(_require_database_url)] = Field(
        description="role hourglass_worker, direct or session pooler: postgresql://hourglass_worker:…@host:5432/postgres"
    )
    supabase_url: Annotated[str, AfterValidator(_require_http_url)] = Field(
        description="the project's API: https://….supabase.co"
    )
    supabase_service_role_key: SecretStr = Field(description="service role or secret key, for the channel `worker`")
    log_format: Literal["console", "json"] = Field("console", description="console or json")
    sweep_batch_size: int = Field(100, ge=1, le=10_000, description="how much of each kind is done per transaction")
    fallback_interval_seconds: float = Field(
        15, gt=0, le=15, description="longest sleep between two sweeps, whatever Realtime says; at most 15"
    )
    webhook_allow_private_addresses: bool = Field(
        False, description="whether webhooks may lead to private and loopback addresses; for development"
    )

    supabase_anon_key: SecretStr | None = Field(
        None, description="anon or publishable key, for /usage/stream; without it there are no streams"
    )
    http_host: str = Field("127.0.0.1", description="where streams, health and metrics are served")
    http_port: int = Field(8790, ge=0, le=65_535, description="likewise; 0 serves nothing")
    http_allowed_origins: str = Field("*", description="origins whose pages may read /usage/stream, by commas")
    http_max_streams: int = Field(5_000, ge=1, description="streams at once")
    http_max_streams_per_user: int = Field(20, ge=1, description="streams of one user at once")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line may show."""
        url = self.database_url.get_secret_value()
        candidates = (url, database.password_of(url), self.supabase_service_role_key.get_secret_value())
        return tuple(secret for secret in candidates if secret)


def load(log_format: Literal["console", "json"] | None = None) -> Settings:
    """The settings; an option given goes before its variable. Raises SettingsError, which names every variable at
    fault and shows no value.
    """
    try:
        if log_format is None:
            return Settings()  # type: ignore[call-arg]  # the values come from the environment
        return Settings(log_format=log_format)  # type: ignore[call-arg]
    except pydantic.ValidationError as error:
        faults = [_describe(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors(include_input=False)]
        raise errors.SettingsError("\n  " + "\n  ".join(faults)) from None


def explain() -> str:
    """Every variable with its description, for the help page."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default}"
        lines.append(f"{name.upper()} ({default}): {field.description}")
    return "\n\n".join(lines)


def _describe(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = str(location[0])
    if kind == "missing":
        return f"{name.upper()} is missing: {Settings.model_fields[name].description}"
    return f"{name.upper()} is malformed: {message.removeprefix('Value error, ')}"
