"""Calls to the Official Account API: envelope, token, limit, uploads. Everything that can go wrong leaves in its class.

Success and failure come alike with HTTP 200; ``error`` is the only signal, and numbers may arrive as text.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from typing import Any, Protocol

import httpx
import orjson
import structlog
from aiolimiter import AsyncLimiter

from bot.channels import zalo_codes
from bot.channels.wire import load_json
from bot.channels.zalo_tokens import AccessToken
from bot.config import Settings
from bot.errors import ChannelError, ChannelUnavailable, RetryLater

log = structlog.get_logger()

SEND_PATH = "/v3.0/oa/message/cs"
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
BURST = 20
MEGABYTE = 1_000_000
UPLOADS: dict[str, tuple[str, str, int]] = {  # kind: path, field of the answer, limit in bytes
    "image": ("/v2.0/oa/upload/image", "attachment_id", MEGABYTE),
    "gif": ("/v2.0/oa/upload/gif", "attachment_id", 5 * MEGABYTE),
    "file": ("/v2.0/oa/upload/file", "token", 5 * MEGABYTE),
}


class TokenSource(Protocol):
    """Where access tokens come from: ``ZaloTokens``, or one given token."""

    async def current(self) -> AccessToken:
        """The token to call with. Raises ChannelError."""
        ...

    async def renew(self, rejected: AccessToken) -> AccessToken:
        """Another one than the rejected. Raises ChannelError."""
        ...


class ApiRefused(Exception):  # noqa: N818 - named for what happened
    """The API answered with an error number."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(str(code))
        self.code = code
        self.message = message

    def as_channel_error(self) -> ChannelError:
        """The class that says what to do next."""
        error = zalo_codes.classify(self.code, dt.datetime.now(dt.UTC))
        log.warning("zalo_refused", code=self.code, message=self.message[:120], becomes=type(error).__name__)
        return error


def error_number(value: object) -> int | None:
    """The number in ``error``, also when it arrives as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().removeprefix("-").isascii():
        digits = value.strip()
        return int(digits) if digits.removeprefix("-").isdigit() and len(digits) < 10 else None
    return None


class ZaloApi:
    """The API of one Official Account over one connection pool."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, tokens: TokenSource) -> None:
        self._base = settings.zalo_api_url
        self._client = client
        self._tokens = tokens
        self._proof_key = settings.zalo_app_secret if settings.zalo_appsecret_proof else None
        a_second = settings.zalo_calls_per_minute / 60
        self._limit = AsyncLimiter(BURST, BURST / a_second)

    async def call(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, data: dict[str, Any] | None = None,
        file: tuple[str, bytes, str] | None = None,
    ) -> Any:  # fmt: skip
        """Call the API and return ``data`` of its answer. A dead token is renewed once and the call repeated once.

        Args:
            method: GET or POST.
            path: With its version; the versions differ per endpoint.
            body: Sent as JSON.
            data: Parameters of a GET, sent as one JSON text.
            file: Name, content and media type of an upload.

        Raises:
            ApiRefused: The API answered with an error that has nothing to do with the token.
            ChannelError: Not reachable, not readable, too many calls, or no usable token.
        """
        token = await self._tokens.current()
        try:
            return await self._once(token, method, path, body=body, data=data, file=file)
        except ApiRefused as refusal:
            if refusal.code not in zalo_codes.TOKEN_DEAD:
                raise
            log.info("zalo_token_rejected", code=refusal.code, generation=token.generation)
        token = await self._tokens.renew(token)
        try:
            return await self._once(token, method, path, body=body, data=data, file=file)
        except ApiRefused as refusal:
            if refusal.code in zalo_codes.TOKEN_DEAD:
                raise refusal.as_channel_error() from None
            raise

    async def _once(
        self, token: AccessToken, method: str, path: str, *, body: dict[str, Any] | None, data: dict[str, Any] | None,
        file: tuple[str, bytes, str] | None,
    ) -> Any:  # fmt: skip
        headers = {"access_token": token.value}
        if self._proof_key is not None:
            key = self._proof_key.get_secret_value().encode()
            headers["appsecret_proof"] = hmac.new(key, token.value.encode(), hashlib.sha256).hexdigest()
        arguments: dict[str, Any] = {"headers": headers}
        if body is not None:
            arguments["content"] = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        if data is not None:
            arguments["params"] = {"data": orjson.dumps(data).decode()}
        if file is not None:
            arguments["files"] = {"file": file}
        await self._limit.acquire()
        try:
            response = await self._client.request(method, f"{self._base}{path}", **arguments)
        except httpx.HTTPError as error:
            raise ChannelUnavailable(type(error).__name__) from None
        return self._read(response)

    @staticmethod
    def _read(response: httpx.Response) -> Any:
        if response.status_code == 429:
            raise RetryLater(zalo_codes.CALLS_WAIT_S, "http_429")
        try:
            answer = load_json(response.content)
        except ValueError:
            raise ChannelUnavailable(f"http_{response.status_code}") from None
        if not isinstance(answer, dict):
            raise ChannelUnavailable(f"http_{response.status_code}")
        number = error_number(answer.get("error"))
        if number is None or (number == 0 and response.status_code >= 400):
            raise ChannelUnavailable(f"http_{response.status_code}")
        if number != 0:
            message = answer.get("message")
            raise ApiRefused(number, message if isinstance(message, str) else "")
        return answer.get("data")

    async def upload(self, kind: str, name: str, content: bytes, media_type: str) -> str:
        """Upload a file and return what sending it needs; valid for seven days.

        Args:
            kind: ``image`` (jpg, png, 1 MB), ``gif`` or ``file`` (pdf, doc, docx, 5 MB).
            name: The name people see.
            content: The whole file.
            media_type: Such as ``image/png``.

        Raises:
            ApiRefused: Zalo does not take it.
            ChannelError: As for ``call``.
            ValueError: It is larger than Zalo takes.
        """
        path, field, limit = UPLOADS[kind]
        if len(content) > limit:
            raise ValueError(f"{kind} of {len(content)} bytes, at most {limit}")
        data = await self.call("POST", path, file=(name, content, media_type))
        value = data.get(field) if isinstance(data, dict) else None
        if not isinstance(value, str) or not value:
            raise ChannelUnavailable("upload_without_id")
        return value

    async def user_detail(self, user_id: str) -> dict[str, Any]:
        """What Zalo knows about a person: ``display_name`` and more. Raises like ``call``."""
        data = await self.call("GET", "/v3.0/oa/user/detail", data={"user_id": user_id})
        return data if isinstance(data, dict) else {}

    async def account(self) -> dict[str, Any]:
        """What Zalo says about our Official Account; used to check the set-up. Raises like ``call``."""
        data = await self.call("GET", "/v2.0/oa/getoa")
        return data if isinstance(data, dict) else {}

    async def recent_chats(self, offset: int = 0) -> list[dict[str, Any]]:
        """The latest message of each of up to ten conversations. Raises like ``call``."""
        return _items(await self.call("GET", "/v2.0/oa/listrecentchat", data={"offset": offset, "count": 10}))

    async def conversation(self, user_id: str, offset: int = 0) -> list[dict[str, Any]]:
        """Up to ten messages with a person, the latest first. Raises like ``call``."""
        data = {"user_id": user_id, "offset": offset, "count": 10}
        return _items(await self.call("GET", "/v2.0/oa/conversation", data=data))


def _items(data: object) -> list[dict[str, Any]]:
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
