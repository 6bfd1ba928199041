"""How the fake Official Account calls the webhook: signed, measured, retried; and what its page does."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes.zalo_people import Event, ZaloUser, buttons_of

PAGE = Path(__file__).with_name("zalo_page.html")
JSON_BODY = {"Content-Type": "application/json"}
RETRY_STEPS_S = (30, 300, 900, 1800, 3600)


class WebhookSender:
    """Section 9 of the reference: one event a request, an answer within two seconds, five retries, then never again.

    ``patience_s`` is those two seconds; ``retry_scale`` shortens the steps.
    """

    app_id: str
    oa_secret: str
    people: dict[str, ZaloUser]
    person: Callable[..., ZaloUser]
    travel: Callable[[float], None]

    def __init__(self) -> None:
        self.retry_scale = 0.001
        self.patience_s = 2.0
        self.webhook_url: str | None = None
        self.signature_form = "mac="
        self.webhook_answers: list[tuple[str, int, float]] = []
        self.subscribed = True
        self._tasks: set[asyncio.Task[None]] = set()

    def sign(self, raw: bytes, timestamp: str) -> str:
        """The header's value; a plain SHA-256, as section 9.3 has it."""
        digest = hashlib.sha256(self.app_id.encode() + raw + timestamp.encode() + self.oa_secret.encode()).hexdigest()
        return f"{self.signature_form}{digest}"

    async def post(self, raw: bytes, headers: dict[str, str] | None = None) -> int:
        """Post a body to the webhook as it is; the status, 0 without connection or within two seconds."""
        assert self.webhook_url
        started = time.monotonic()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
                session.post(self.webhook_url, data=raw, headers=JSON_BODY | (headers or {})) as response,
            ):
                await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        took = time.monotonic() - started
        self.webhook_answers.append((hashlib.sha256(raw).hexdigest()[:8], status, took))
        return status if took <= self.patience_s else 0

    async def deliver(self, event: Event, *, retries: bool = True, num_retry: int = 0) -> int:
        """Send a signed event; unless it gets 200 within two seconds it comes again, and after the last step never."""
        raw = as_bytes(event)
        headers = {"X-ZEvent-Signature": self.sign(raw, str(event.get("timestamp", "")))}
        status = await self.post(raw, headers | ({"num_retry": str(num_retry)} if num_retry else {}))
        if status != 200 and retries:
            self._later(self._retry(raw, headers))
        return status

    async def _retry(self, raw: bytes, headers: dict[str, str]) -> None:
        for number, wait_s in enumerate(RETRY_STEPS_S, start=1):
            await asyncio.sleep(wait_s * self.retry_scale)
            if await self.post(raw, headers | {"num_retry": str(number)}) == 200:
                return
        self.subscribed = False

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the page -------------------------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")

    def _visitor(self, request: web.Request) -> ZaloUser:
        return self.people.get(request.match_info["user"]) or self.person("Người thử")

    async def _page_state(self, request: web.Request) -> web.StreamResponse:
        user = self._visitor(request)
        return web.json_response({
            "user": user.user_id, "webhook": self.webhook_url,
            "history": [
                {**item, "buttons": next((buttons_of(m["message"]) for m in user.messages
                                          if m["message_id"] == item["message_id"]), [])}
                for item in user.history
            ],
        })  # fmt: skip

    async def _page_act(self, request: web.Request) -> web.StreamResponse:
        user, body = self._visitor(request), await request.json()
        match body["act"]:
            case "text":
                status = await user.says(str(body["text"]))
            case "media":
                status = await user.sends(str(body["kind"]))
            case "officer":
                status = await user.console_answers(str(body["text"]))
            case "follow" | "unfollow":
                status = await self.deliver(user.follow_event(follows=body["act"] == "follow"))
            case "travel":
                self.travel(float(body["hours"]))
                status = 200
            case _:
                status = await self.deliver(user.profile_event(str(body["act"])))
        return web.json_response({"webhook_status": status})


def as_bytes(event: Event) -> bytes:
    """An event as Zalo writes it: letters as they are, half surrogates escaped."""
    try:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(event, separators=(",", ":")).encode()
