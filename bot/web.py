"""HTTP routes that belong to no page: webhooks of the channels, health, metrics."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.channels.base import Channel, PushChannel
from bot.config import Settings
from bot.inbox import Inbox
from bot.metrics import REFUSED

log = structlog.get_logger()

BODY_LIMIT = 1_000_000


class BodyTooLarge(Exception):  # noqa: N818
    """More than ``BODY_LIMIT`` bytes were sent."""


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The request body, counted while it arrives.

    Raises:
        BodyTooLarge: It is longer than ``limit`` bytes, whatever its header says.
    """
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def client_address(request: Request, settings: Settings) -> str:
    """The address of the person's side: the peer, or what a trusted proxy says."""
    peer = request.client.host if request.client else ""
    if peer in settings.trusted_proxies:
        forwarded = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
        for address in reversed(forwarded):
            if address not in settings.trusted_proxies:
                return address
    return peer


def same_secret(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def webhook(
    channel: Channel,
    inbox: Inbox,
    verify: Callable[[Request, bytes], bool],
    is_probe: Callable[[bytes], bool] = lambda _raw: False,
) -> Callable[[Request], Awaitable[Response]]:
    """A webhook: verified, stored, acknowledged. 200 goes out only after the update is safe.

    A call that does not verify gets 401 and leaves nothing but a counter. ``is_probe`` tells calls with which a
    messenger only asks whether somebody is there: they get 200 and do nothing.
    """

    async def handle(request: Request) -> Response:
        try:
            raw = await read_body(request)
        except BodyTooLarge:
            REFUSED.labels(channel.name, "too_large").inc()
            return PlainTextResponse("too large", 413)
        except ClientDisconnect:
            return PlainTextResponse("gone", 400)
        if is_probe(raw):
            return PlainTextResponse("ok")
        if not verify(request, raw):
            REFUSED.labels(channel.name, "signature").inc()
            return PlainTextResponse("unauthorized", 401)
        try:
            envelope = await inbox.receive(channel, raw)
        except OSError:
            log.exception("update_not_stored", channel=channel.name)
            return PlainTextResponse("not stored", 503, headers={"Retry-After": "5"})
        if envelope is not None and envelope.acknowledge and isinstance(channel, PushChannel):
            await channel.acknowledge(envelope.acknowledge)
        return PlainTextResponse("ok")

    return handle


def health_routes(
    is_ready: Callable[[], Awaitable[dict[str, bool]]], settings: Settings
) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    """``/healthz``, ``/readyz`` and ``/metrics``."""

    async def healthz(request: Request) -> Response:
        del request
        return JSONResponse({"alive": True})

    async def readyz(request: Request) -> Response:
        del request
        parts = await is_ready()
        return JSONResponse(parts, 200 if all(parts.values()) else 503)

    async def metrics(request: Request) -> Response:
        token = settings.metrics_token
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        allowed = _is_loopback(client_address(request, settings)) or (
            token is not None and same_secret(bearer, token.get_secret_value())
        )
        if not allowed:
            return PlainTextResponse("not found", 404)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
