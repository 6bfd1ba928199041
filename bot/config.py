"""Settings: read once from the environment or a ``.env`` file, validated, secrets masked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import CommandError
from knowledge.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings; every one has a default that lets ``make run`` work."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)

    database_url: str = Field(default=f"sqlite:///{ROOT / 'var' / 'khcn.db'}", description="SQLAlchemy URL")
    host: str = Field(default="127.0.0.1", description="where HTTP listens")
    port: int = Field(default=8080, ge=0, le=65535, description="where HTTP listens")
    public_url: str | None = Field(default=None, description="the address the outside world uses")
    province: str = Field(default="toan-quoc", description="the province served when a person has not chosen")
    secret_key: SecretStr | None = Field(default=None, description="signs sessions; made under var/ with SQLite")
    var_dir: Path = Field(default=ROOT / "var", description="database, secret key and spool of this installation")
    files_dir: Path = Field(default=ROOT / "var" / "files", description="people's files, shared by all processes")
    department_file: Path = Field(default=ROOT / "department.yaml", description="the department's profile")

    telegram_token: SecretStr | None = Field(default=None, description="turns the public Telegram channel on")
    telegram_mode: Literal["polling", "webhook"] = Field(default="polling", description="how updates arrive")
    telegram_webhook_secret: SecretStr | None = Field(default=None, description="required in webhook mode")
    telegram_api_url: str = Field(default="https://api.telegram.org", description="any Bot API server")
    telegram_proxy: str | None = Field(default=None, description="for hosts that do not reach Telegram directly")
    telegram_rate: float = Field(default=30.0, gt=0, description="messages a second over all chats")
    telegram_chat_rate: float = Field(default=1.0, gt=0, description="messages a second in one chat")

    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="addresses whose forwarded client address is believed"
    )
    widget_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="sites that may embed the chat"
    )
    metrics_token: SecretStr | None = Field(default=None, description="lets others than loopback read /metrics")
    eval_dir: Path | None = Field(default=None, description="a further evaluation folder for make eval")

    retention_days: int = Field(default=30, ge=1, description="days until conversation text is erased")
    burst_wait_s: float = Field(default=1.5, ge=0, description="wait for the next message after a mere greeting")
    web_rate_per_minute: int = Field(default=30, ge=1, description="messages a minute from one web session")
    web_address_rate_per_minute: int = Field(default=300, ge=1, description="messages a minute from one address")
    lease_s: float = Field(default=10.0, gt=0, description="how long a silent process keeps a lease")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="what is logged")
    log_format: Literal["json", "console"] = Field(default="console", description="how log lines look")

    @field_validator("province")
    @classmethod
    def _known_province(cls, value: str) -> str:
        province = load_taxonomy().province_id(value)
        if province is None:
            raise ValueError(f"unknown province «{value}»")
        return province

    @field_validator("trusted_proxies", "widget_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("public_url", "telegram_api_url")
    @classmethod
    def _no_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else value

    @model_validator(mode="after")
    def _fail_closed(self) -> Settings:
        if self.telegram_token and self.telegram_mode == "webhook" and not self.telegram_webhook_secret:
            raise ValueError("TELEGRAM_MODE=webhook needs TELEGRAM_WEBHOOK_SECRET")
        if not self.is_sqlite and not self.secret_key:
            raise ValueError("SECRET_KEY is required with PostgreSQL")
        return self

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded database is used."""
        return self.database_url.startswith("sqlite")


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        CommandError: A setting has no usable value; names it and says what is wrong, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        issues = "; ".join(
            f"{'.'.join(str(part) for part in issue['loc']).upper() or 'settings'}: "
            f"{issue['msg'].removeprefix('Value error, ')}"
            for issue in error.errors(include_input=False)
        )
        raise CommandError(f"the configuration cannot be used: {issues}") from None
