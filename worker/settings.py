"""What the environment says."""

import re
from typing import Annotated, Literal

import pydantic
from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker import database, errors, tokens


def _require_database_url(url: SecretStr) -> SecretStr:
    database.require_url(url.get_secret_value())
    return url


def _require_http_url(url: str) -> str:
    try:
        pydantic.TypeAdapter(pydantic.HttpUrl).validate_python(url)
    except pydantic.ValidationError:
        raise ValueError("not an http(s) URL") from None  # pydantic's own message would repeat the value
    return url.rstrip("/")


def _require_archive_url(url: str | None) -> str | None:
    if url is not None and not re.fullmatch(r"(file://)?/.*|s3://[^/]+(/.*)?", url):
        raise ValueError("not an absolute path, a file:///… or an s3://bucket/prefix")
    return url


def _require_public_key(key: SecretStr | None) -> SecretStr | None:
    if key is not None and tokens.is_secret(key.get_secret_value()):
        raise ValueError("this is a secret key, and everybody is shown it; the anon or publishable one is wanted")
    return key


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

    supabase_anon_key: Annotated[SecretStr | None, AfterValidator(_require_public_key)] = Field(
        None, description="anon or publishable key, for /usage/stream and the console; without it there are none"
    )
    http_host: str = Field("127.0.0.1", description="where streams, health and metrics are served")
    http_port: int = Field(8790, ge=0, le=65_535, description="likewise; 0 serves nothing")
    http_allowed_origins: str = Field("*", description="origins whose pages may read /usage/stream, by commas")
    http_max_streams: int = Field(5_000, ge=1, description="streams at once")
    http_max_streams_per_user: int = Field(20, ge=1, description="streams of one user at once")

    archive_url: Annotated[str | None, AfterValidator(_require_archive_url)] = Field(
        None, description="where partitions past their retention are archived: a folder, or s3://bucket/prefix"
    )
    aws_endpoint_url: str | None = Field(None, description="of an archive in S3 that is not Amazon's")
    aws_region: str = Field("us-east-1", description="of an archive in S3")
    aws_access_key_id: str | None = Field(None, description="of an archive in S3; else what the machine's role has")
    aws_secret_access_key: SecretStr | None = Field(None, description="of an archive in S3")

    @property
    def s3_config(self) -> dict[str, str]:
        """By the names that the client has for them."""
        secret = self.aws_secret_access_key
        config = {
            "endpoint_url": self.aws_endpoint_url,
            "region": self.aws_region,
            "access_key_id": self.aws_access_key_id,
            "secret_access_key": secret.get_secret_value() if secret else None,
        }
        return {name: value for name, value in config.items() if value is not None}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line may show."""
        url = self.database_url.get_secret_value()
        candidates = (
            url,
            database.password_of(url),
            self.supabase_service_role_key.get_secret_value(),
            self.s3_config.get("secret_access_key"),
        )
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
