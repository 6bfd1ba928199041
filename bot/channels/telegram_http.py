"""The HTTP under python-telegram-bot's ``Bot``: aiohttp, many sends at once, and no token in any error."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson

# the library's coming behaviour: durations are timedeltas; without it every RetryAfter raises a deprecation warning
os.environ.setdefault("PTB_TIMEDELTA", "true")

from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

STREAM_CHUNK = 64 * 1024
CONNECT_S = 5.0


class AiohttpRequest(BaseRequest):
    """One pool of connections. Sending and long polling get one each, so that a stuck poll never blocks a send."""

    __slots__ = ("_connections", "_proxy", "_read_timeout", "_session")

    def __init__(self, *, connections: int, read_timeout_s: float = 15.0, proxy: str | None = None) -> None:
        self._connections = connections
        self._read_timeout = read_timeout_s
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds to wait for the next bytes of an answer."""
        return self._read_timeout

    async def initialize(self) -> None:
        """Open the pool; connects to nothing yet."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": self.USER_AGENT})

    async def shutdown(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE, write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE, pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Status and body of one call.

        Raises:
            TimedOut: The call may or may not have had its effect.
            NetworkError: Neither did we get an answer. Names the kind of failure only: the URL holds the token.
        """
        if self._session is None or self._session.closed:
            raise NetworkError("the connection pool is closed")
        read = _seconds(read_timeout, self._read_timeout)
        write = _seconds(write_timeout, self._read_timeout)
        connect = _seconds(connect_timeout, CONNECT_S)
        waits = aiohttp.ClientTimeout(
            total=read + write + connect + _seconds(pool_timeout, CONNECT_S), sock_connect=connect, sock_read=read
        )
        try:
            async with self._session.request(
                method, url, timeout=waits, proxy=self._proxy, allow_redirects=False, **_body(request_data)
            ) as response:
                return response.status, await response.read()
        except TimeoutError:
            raise TimedOut from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NetworkError(type(error).__name__) from None

    async def stream(self, url: str) -> AsyncIterator[bytes]:
        """The body of a file's address, piece by piece.

        Raises:
            NetworkError: It cannot be had; never names the address, which holds the token.
        """
        if self._session is None or self._session.closed:
            raise NetworkError("the connection pool is closed")
        waits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=self._read_timeout)
        try:
            async with self._session.get(url, timeout=waits, proxy=self._proxy, allow_redirects=False) as response:
                if response.status != 200:
                    raise NetworkError(f"file: {response.status}")
                async for chunk in response.content.iter_chunked(STREAM_CHUNK):
                    yield chunk
        except TimeoutError:
            raise TimedOut from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NetworkError(type(error).__name__) from None

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The body as an object; unlike the library's own it does not write the body to the log."""
        try:
            data = orjson.loads(payload)
        except orjson.JSONDecodeError:
            raise TelegramError("the answer is not JSON") from None
        if not isinstance(data, dict):
            raise TelegramError("the answer is not an object")
        return data


def _seconds(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def _body(request_data: RequestData | None) -> dict[str, Any]:
    """Parameters as JSON; as a form where files go along."""
    if request_data is None:
        return {}
    if not request_data.contains_files:
        return {"data": orjson.dumps(request_data.parameters), "headers": {"Content-Type": "application/json"}}
    form = aiohttp.FormData()
    for name, value in request_data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime) in request_data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=mime)
    return {"data": form}
