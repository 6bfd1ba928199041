"""Settings: read once from the environment or a ``.env`` file, validated, secrets masked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import CommandError
from knowledge.taxonomy import load_taxonomy

ZALO_VERIFIER = re.compile(r"zalo_verifier[A-Za-z0-9_-]{1,100}\.html")
ROOT = Path(__file__).resolve().parent.parent

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?")
_BOT_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{1,128}")


class Settings(BaseSettings):
    """All settings; every one has a default that lets ``make run`` work."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

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

    telegram_form_on_web: bool = Field(default=False, description="personal data only on our own page, with PUBLIC_URL")

    zalo_app_id: str | None = Field(default=None, description="turns the Zalo Official Account channel on")
    zalo_app_secret: SecretStr | None = Field(default=None, description="the application's secret key")
    zalo_oa_id: str | None = Field(default=None, description="the Official Account's id")
    zalo_oa_secret: SecretStr | None = Field(default=None, description="the OA secret key of the webhook page")
    zalo_refresh_token: SecretStr | None = Field(default=None, description="first token pair")
    zalo_access_token: SecretStr | None = Field(default=None, description="first token pair")
    zalo_api_url: str = Field(default="https://openapi.zalo.me", description="any server that speaks the protocol")
    zalo_oauth_url: str = Field(default="https://oauth.zaloapp.com", description="any server that speaks the protocol")
    zalo_zbs_url: str = Field(
        default="https://business.openapi.zalo.me", description="any server that speaks the protocol"
    )
    zalo_verifier: str | None = Field(default=None, description="name of the domain verification file")
    zalo_appsecret_proof: bool = Field(default=False, description="sign every call, if the application demands it")
    zalo_buttons: bool = Field(default=False, description="send buttons beside the numbers")
    zalo_paid_messages: bool = Field(default=False, description="write after 48 hours, at a price, until 7 days")
    zalo_calls_per_minute: int = Field(default=3600, ge=1, le=4000, description="calls a minute, of 4,000 allowed")
    zalo_pause_hours: float = Field(default=4.0, ge=0, description="silence after an officer wrote in the OA console")
    zalo_silence_hours: float = Field(default=24.0, gt=0, description="alert after so long without a webhook")
    zalo_media_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("zdn.vn", "zadn.vn", "dlfl.vn", "dlfl.me", "dlmd.me", "flchat.vn"),
        description="domains from which people's files are fetched",
    )
    zalo_contact_image: str | None = Field(
        default=None, description="public picture of the form for name and phone; ours, if PUBLIC_URL is set"
    )
    zalo_bot_token: SecretStr | None = Field(default=None, description="turns the Zalo Bot Platform channel on")
    zalo_bot_api_url: str = Field(
        default="https://bot-api.zaloplatforms.com", description="any server that speaks the protocol"
    )
    zalo_bot_mode: Literal["polling", "webhook"] = Field(default="polling", description="how updates arrive")
    zalo_bot_webhook_secret: SecretStr | None = Field(default=None, description="required in webhook mode")

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

    @field_validator("trusted_proxies", "widget_origins", "zalo_media_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator(
        "public_url", "telegram_api_url", "zalo_api_url", "zalo_oauth_url", "zalo_zbs_url", "zalo_bot_api_url"
    )
    @classmethod
    def _no_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else value

    @field_validator("widget_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # they go into a security header, where a stray word would mean something else
        if wrong := [origin for origin in value if not _ORIGIN.fullmatch(origin)]:
            raise ValueError(f"«{wrong[0]}» is not an origin like https://so.khcn.example")
        return value

    @field_validator("telegram_token")
    @classmethod
    def _bot_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _BOT_TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("is not a bot token (digits, a colon, letters); copy it again from @BotFather")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        try:
            url = make_url(value)
        except (ArgumentError, ValueError):  # some of them quote a part of the password
            raise ValueError("is not a database URL like sqlite:///var/khcn.db or postgresql+asyncpg://…") from None
        if url.get_backend_name() not in {"sqlite", "postgresql"} or not url.database or url.database == ":memory:":
            raise ValueError("must name a SQLite file or a PostgreSQL database")
        return value

    @field_validator("telegram_proxy")
    @classmethod
    def _http_proxy(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("only an HTTP proxy can be used: http://host:port")
        return value

    @model_validator(mode="after")
    def _fail_closed(self) -> Settings:
        if self.telegram_token and self.telegram_mode == "webhook" and not self.telegram_webhook_secret:
            raise ValueError("TELEGRAM_MODE=webhook needs TELEGRAM_WEBHOOK_SECRET")
        self._check_zalo()
        if not self.is_sqlite and not self.secret_key:
            raise ValueError("SECRET_KEY is required with PostgreSQL")
        return self

    def _check_zalo(self) -> None:
        needed = {
            "ZALO_APP_ID": self.zalo_app_id, "ZALO_APP_SECRET": self.zalo_app_secret, "ZALO_OA_ID": self.zalo_oa_id,
            "ZALO_OA_SECRET": self.zalo_oa_secret,
        }  # fmt: skip
        missing = [name for name, value in needed.items() if not value]
        if missing and len(missing) < len(needed):
            raise ValueError(f"the Zalo Official Account also needs {', '.join(missing)}")
        if self.zalo_verifier and not ZALO_VERIFIER.fullmatch(self.zalo_verifier):
            raise ValueError("ZALO_VERIFIER is a file name like zalo_verifierAbC123.html")
        if self.zalo_bot_token and self.zalo_bot_mode == "webhook":
            secret = self.zalo_bot_webhook_secret
            if not secret or not 8 <= len(secret.get_secret_value()) <= 256:
                raise ValueError("ZALO_BOT_MODE=webhook needs ZALO_BOT_WEBHOOK_SECRET of 8 to 256 characters")

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
