"""The Zalo Bot Platform over real HTTP on loopback: methods, idle polls, both envelopes, the secret of the webhook.

By hand: ``python -m tests.fakes.zalo_bot [--port 8092]`` prints the settings for the bot and reads what the person says
from the terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import secrets
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

TOKEN = "1234567890:AbcExample"
MEDIA_FIELDS = {"sendPhoto": "photo", "sendSticker": "sticker", "sendVoice": "voice_url"}
MEDIA: dict[str, tuple[str, dict[str, Any]]] = {
    "photo": ("message.image.received", {"photo_url": "https://cdn.example/p.jpg", "message_type": "CHAT_PHOTO"}),
    "documented_photo": ("message.image.received", {"photo": "https://cdn.example/p.jpg"}),
    "sticker": ("message.sticker.received", {"sticker": "40123", "url": "https://cdn.example/s.png"}),
    "voice": ("message.voice.received", {"voice_url": "https://cdn.example/v.aac", "message_type": "CHAT_VOICE"}),
    "unsupported": ("message.unsupported.received", {}),
}


@dataclass
class Fault:
    """What the next ``times`` calls of ``method`` get instead of an answer."""

    method: str
    status: int = 500
    body: bytes | None = None
    times: int = 1
    drop: bool = False
    chat_id: str | None = None


@dataclass
class BotUser:
    server: FakeZaloBot
    chat_id: str
    name: str = "Mẫu"
    messages: list[dict[str, Any]] = field(default_factory=list)

    def update(self, event: str, *, chat_type: str = "PRIVATE", **content: Any) -> dict[str, Any]:
        return {
            "event_name": event,
            "message": {
                "from": {"id": self.chat_id, "display_name": self.name, "is_bot": False},
                "chat": {"id": self.chat_id, "chat_type": chat_type},
                **content, "message_id": f"{next(self.server.ids):020x}", "date": int(time.time() * 1000),
            },
        }  # fmt: skip

    def text_update(self, text: str, **options: Any) -> dict[str, Any]:
        return self.update("message.text.received", text=text, **options)

    def media_update(self, kind: str) -> dict[str, Any]:
        event, content = MEDIA[kind]
        return self.update(event, **content)

    async def says(self, text: str) -> None:
        await self.server.bring(self.text_update(text))

    async def sends(self, kind: str) -> None:
        await self.server.bring(self.media_update(kind))

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]


class FakeZaloBot:
    """One bot. ``bare`` sends the inner object alone, as recorded deliveries show; ``poll_s`` is the longest poll."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.bare = False
        self.idle_status = 408
        self.poll_s = 0.5
        self.people: dict[str, BotUser] = {}
        self.blocked: set[str] = set()
        self.updates: deque[dict[str, Any]] = deque()
        self.webhook: dict[str, str] = {}
        self.tunnel: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.ids = itertools.count(1)
        self.url = ""
        self._news = asyncio.Event()

    def person(self) -> BotUser:
        user = BotUser(self, secrets.token_hex(10))
        self.people[user.chat_id] = user
        return user

    def settings(self, **values: Any) -> dict[str, Any]:
        return {"zalo_bot_token": self.token, "zalo_bot_api_url": self.url, **values}

    # -- methods --------------------------------------------------------------------------------------------------

    async def _method(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        if request.match_info["token"] != self.token:
            return _failure(401, "Unauthorized")
        body = await request.json() if request.can_read_body else {}
        self.calls.append((name, body))
        for fault in self.faults:
            if fault.times > 0 and fault.method == name and fault.chat_id in (None, body.get("chat_id")):
                fault.times -= 1
                if fault.drop:
                    assert request.transport is not None
                    request.transport.close()
                if fault.body is not None:
                    return web.Response(status=fault.status, body=fault.body)
                return _failure(fault.status, "scripted")
        match name:
            case "getMe":
                return _success({"id": self.token.split(":")[0], "account_name": "bot.Mẫu", "account_type": "BASIC",
                                 "can_join_groups": False})  # fmt: skip
            case "getUpdates":
                return await self._get_updates(body)
            case "setWebhook":
                return self._set_webhook(body)
            case "deleteWebhook":
                self.webhook = {}
                return _success({"url": "", "updated_at": int(time.time() * 1000)})
            case "getWebhookInfo":
                if not self.webhook:
                    return _failure(404, "Not Found")
                return _success({"url": self.webhook["url"], "updated_at": int(time.time() * 1000)})
            case "sendMessage":
                return self._send(body)
            case "sendPhoto" | "sendSticker" | "sendVoice":
                return self._send_media(name, body)
            case "sendChatAction":
                known = body.get("chat_id") in self.people and body.get("action") == "typing"
                return web.json_response({"ok": True}) if known else _failure(400, "Bad Request")
        return _failure(404, "Not Found")

    async def _get_updates(self, body: dict[str, Any]) -> web.StreamResponse:
        if self.webhook:
            return _failure(400, "Can not use getUpdates while webhook is active")
        deadline = time.monotonic() + min(self.poll_s, float(body.get("timeout", 30)))
        while not self.updates:
            self._news.clear()
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await self._news.wait()
            except TimeoutError:
                if self.idle_status == 200:
                    return web.json_response({"ok": False, "error_code": 408, "description": "Request timeout"})
                return _failure(408, "Request timeout")
        return _success(self.updates.popleft())

    def _set_webhook(self, body: dict[str, Any]) -> web.StreamResponse:
        secret = body.get("secret_token", "")
        if not str(body.get("url", "")).startswith("https://") or not 8 <= len(secret) <= 256:
            return _failure(400, "Bad Request")
        self.webhook = {"url": body["url"], "secret": secret}
        return _success({"url": body["url"], "updated_at": int(time.time() * 1000)})

    def _send(self, body: dict[str, Any]) -> web.StreamResponse:
        user, text = self.people.get(body.get("chat_id", "")), body.get("text")
        if set(body) - {"chat_id", "text", "parse_mode", "text_styles"} or user is None:
            return _failure(400, "Bad Request")
        if user.chat_id in self.blocked:
            return _failure(403, "Forbidden")
        if not isinstance(text, str) or not 1 <= len(text.encode("utf-16-le")) // 2 <= 2000:
            return _failure(400, "Bad Request: text length")
        return self._sent(user, {"text": text})

    def _send_media(self, method: str, body: dict[str, Any]) -> web.StreamResponse:
        user, field_name = self.people.get(body.get("chat_id", "")), MEDIA_FIELDS[method]
        if set(body) - {"chat_id", field_name, "caption"} or user is None or not body.get(field_name):
            return _failure(400, "Bad Request")
        if user.chat_id in self.blocked:
            return _failure(403, "Forbidden")
        is_wrong = method == "sendVoice" and not str(body[field_name]).endswith(".aac")
        if is_wrong or len(str(body.get("caption", ""))) > 2000:
            return _failure(400, "Bad Request")
        return self._sent(user, {"text": str(body.get("caption", "")), field_name: body[field_name]})

    def _sent(self, user: BotUser, content: dict[str, Any]) -> web.StreamResponse:
        message = {"message_id": f"{next(self.ids):020x}", "date": int(time.time() * 1000)}
        user.messages.append({**message, **content})
        return _success(message)

    # -- updates --------------------------------------------------------------------------------------------------

    async def bring(self, update: dict[str, Any]) -> None:
        """Give an update to whoever wants it: the webhook if one is set, else the next poll."""
        if self.webhook:
            await self.push(update)
        else:
            self.updates.append(update)
            self._news.set()

    async def push(self, update: dict[str, Any] | bytes, *, secret: str | None = None) -> int:
        """Post an update, or a body as it is, to the webhook; the status."""
        wrapped = update if self.bare or isinstance(update, bytes) else {"ok": True, "result": update}
        raw = wrapped if isinstance(wrapped, bytes) else json.dumps(wrapped).encode()
        url = self.webhook["url"]
        for public, local in self.tunnel.items():
            url = url.replace(public, local)
        headers = {"X-Bot-Api-Secret-Token": self.webhook["secret"] if secret is None else secret}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=raw, headers={**headers, "Content-Type": "application/json"}) as response,
        ):
            await response.read()
            return response.status

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._method)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]

    async def stop(self) -> None:
        self.poll_s = 0
        self._news.set()
        await self._runner.cleanup()


def _success(result: Any) -> web.StreamResponse:
    return web.json_response({"ok": True, "result": result})


def _failure(status: int, description: str) -> web.StreamResponse:
    return web.json_response({"ok": False, "error_code": status, "description": description}, status=status)


async def main() -> None:
    parser = argparse.ArgumentParser(description="A Zalo bot on this machine; you are the person.")
    parser.add_argument("--port", type=int, default=8092)
    server = FakeZaloBot()
    server.poll_s = 30
    await server.start(parser.parse_args().port)
    print("Start the bot with:\n")
    print(" ".join(f"{name.upper()}={value}" for name, value in server.settings().items()), "make run\n")
    person, shown = server.person(), 0
    while line := await asyncio.to_thread(sys.stdin.readline):
        await person.says(line.strip())
        await asyncio.sleep(2)
        for text in person.texts[shown:]:
            print(f"\n{text}\n")
        shown = len(person.texts)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
