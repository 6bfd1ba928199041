"""Zalo's side of an Official Account over real HTTP on loopback: tokens, messages, windows, uploads, webhooks.

By hand: ``python -m tests.fakes.zalo [--port 8091] [--webhook URL]`` prints the settings for the bot and serves a page
on which one plays the person. What the reference leaves in doubt (section 15) is an attribute, to be tried both ways.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import itertools
import json
import secrets
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from PIL import Image, ImageDraw

from tests.fakes.zalo_oauth import ZaloOAuth
from tests.fakes.zalo_page import PersonPage
from tests.fakes.zalo_people import HOUR_MS, ZaloUser
from tests.fakes.zalo_rules import Refused, check_message
from tests.fakes.zalo_webhook import WebhookSender
from tests.fakes.zalo_zbs import ZaloZbs

CALLS_A_MINUTE = 4000
UPLOADS_A_MONTH = 5000
UPLOAD_LIMITS = {"image": 1_000_000, "gif": 5_000_000, "file": 5_000_000}
MAGIC = {
    "image": (b"\x89PNG", b"\xff\xd8\xff"),
    "gif": (b"GIF8",),
    "file": (b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"),
}


@dataclass
class Fault:
    """What happens to the next ``times`` calls of paths that contain ``path``.

    ``drop`` breaks the connection, ``slow_s`` waits; both after the call had its effect unless ``effect`` is off.
    ``code`` is an error of the envelope; ``body`` an answer as it is, with ``status``.
    """

    path: str
    code: Any = None
    body: bytes | None = None
    status: int = 200
    drop: bool = False
    slow_s: float = 0.0
    effect: bool = False
    times: int = 1


@dataclass
class Call:
    path: str
    at: float
    body: Any
    status: str


class FakeZalo(WebhookSender, PersonPage, ZaloOAuth, ZaloZbs):
    """One application with one Official Account. ``shift_ms`` moves the clock; ``retry_scale`` shortens retries."""

    def __init__(self, *, app_id: str = "4100200300400500600", oa_id: str = "3300440055006600770") -> None:
        WebhookSender.__init__(self)
        ZaloOAuth.__init__(self)
        ZaloZbs.__init__(self)
        self.app_id, self.oa_id = app_id, oa_id
        self.app_secret, self.oa_secret = "app-secret-example", "oa-secret-example"
        self.shift_ms = 0
        # doubts, section 15
        self.buttons_accepted = False
        self.lists_accepted = False
        self.same_ids = True
        self.counts_utf16 = False
        self.too_long_code = -201
        self.unknown_user_code = -213
        self.oa_id_field = "oaid"
        self.package_left = 1422
        self.calls_a_minute = CALLS_A_MINUTE
        self.uploads_a_month = UPLOADS_A_MONTH
        self.people: dict[str, ZaloUser] = {}
        self.uploads: dict[str, int] = {}
        self.files: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.faults: list[Fault] = []
        self.calls: deque[Call] = deque(maxlen=20_000)
        self.cdn_hits = 0
        self._minute: deque[float] = deque()
        self._ids = itertools.count(1)
        self.url = ""

    # -- clock ----------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        return int(time.time() * 1000) + self.shift_ms

    def travel(self, hours: float) -> None:
        """Move the clock; what people did stays where it was, so it is that much older."""
        self.shift_ms += int(hours * HOUR_MS)

    def new_message_id(self) -> str:
        return f"{next(self._ids):020x}"

    def settings(self, **values: Any) -> dict[str, Any]:
        """The settings of a bot that talks to this server."""
        pair = self.new_pair()
        return {
            "zalo_app_id": self.app_id, "zalo_app_secret": self.app_secret, "zalo_oa_id": self.oa_id,
            "zalo_oa_secret": self.oa_secret, "zalo_api_url": self.url, "zalo_oauth_url": self.url,
            "zalo_zbs_url": self.url, "zalo_access_token": pair["access_token"],
            "zalo_refresh_token": pair["refresh_token"], **values,
        }  # fmt: skip

    # -- API ------------------------------------------------------------------------------------------------------

    def _count_call(self) -> None:
        now = time.monotonic()
        while self._minute and now - self._minute[0] > 60:
            self._minute.popleft()
        self._minute.append(now)
        if len(self._minute) > self.calls_a_minute:
            raise Refused(-32, "Limit of calls per minute is reached")

    async def _api(self, request: web.Request) -> web.StreamResponse:
        body: Any = None
        try:
            self._count_call()
            self.authorise(request)
            body = await self._body(request)
            answer: dict[str, Any] = {"error": 0, "message": "Success", "data": self._answer(request, body)}
        except Refused as refused:
            answer = {"error": refused.code, "message": refused.message}
        left = max(0, self.calls_a_minute - len(self._minute))
        headers = {"X-RateLimit-Limit": str(self.calls_a_minute), "X-RateLimit-Remain": str(left)}
        self.calls.append(Call(request.path, time.monotonic(), body, str(answer["error"])))
        return web.json_response(answer, headers=headers)

    async def _bare(self, request: web.Request) -> web.StreamResponse:
        """The send path without its kind."""
        del request
        return web.json_response({"error": 404, "message": "Empty api or invalid api"}, status=404)

    @staticmethod
    async def _body(request: web.Request) -> Any:
        if request.content_type == "multipart/form-data":
            form = await request.post()
            part = form["file"]
            assert isinstance(part, web.FileField)
            return {"name": part.filename, "content": part.file.read()}
        if request.method == "POST":
            try:
                return await request.json()
            except json.JSONDecodeError:
                raise Refused(-201, "body is not JSON") from None
        return json.loads(request.query.get("data", "{}"))

    def _answer(self, request: web.Request, body: Any) -> Any:
        match request.path:
            case "/v3.0/oa/message/cs":
                return self._send(body)
            case "/v2.0/oa/message":
                if "sender_action" in body:
                    return {"message_id": body["sender_action"]["react_message_id"]}
                raise Refused(-240, "MessageV2 API has been shut down")
            case "/v3.0/oa/user/detail":
                return self._detail(body)
            case "/v2.0/oa/getoa":
                return {
                    self.oa_id_field: self.oa_id, "name": "Sở KH&CN Mẫu", "is_verified": True, "oa_type": 2,
                    "num_follower": len(self.people), "package_name": "Nâng cao",
                    "package_valid_through_date": "31/12/2026",
                }  # fmt: skip
            case "/v3.0/oa/quota/message":
                return self._quota(body)
            case "/v2.0/oa/conversation":
                user = self.people.get(body["user_id"])
                return _page(list(reversed(user.history)) if user else [], body)
            case "/v2.0/oa/listrecentchat":
                latest = [user.history[-1] for user in self.people.values() if user.history]
                return _page(sorted(latest, key=lambda item: -item["time"]), body)
            case path if path.startswith("/v2.0/oa/upload/"):
                return self._upload(path.rsplit("/", 1)[1], body)
        raise Refused(-201, "unknown path")

    def _recipient(self, user_id: Any) -> ZaloUser:
        user = self.people.get(user_id) if isinstance(user_id, str) else None
        if user is None:
            raise Refused(self.unknown_user_code, "User has not followed OA")
        codes = {"blocked": -217, "inactive": -227, "restricted": -244}
        if user.state in codes:
            raise Refused(codes[user.state], f"user is {user.state}")
        if user.last_interaction is None:
            raise Refused(-232, "User has not interacted with OA")
        if self.now_ms() - user.last_interaction > 168 * HOUR_MS:
            raise Refused(-230, "User has not interacted with OA in the past 7 days")
        return user

    def _send(self, body: Any) -> dict[str, Any]:
        user = self._recipient(body.get("recipient", {}).get("user_id"))
        message = body.get("message")
        check_message(
            message, buttons_accepted=self.buttons_accepted, lists_accepted=self.lists_accepted,
            utf16=self.counts_utf16, too_long_code=self.too_long_code,
        )  # fmt: skip
        if (quote := message.get("quote_message_id")) and quote not in {item["message_id"] for item in user.history}:
            raise Refused(-201, "quote_message_id is invalid")
        self._check_attachment(message.get("attachment"))
        message_id = self.new_message_id()
        silent = self.now_ms() - (user.last_interaction or 0)
        quota: dict[str, Any] | None = {"quota_type": "reply", "remain": "8", "total": "8"}
        if silent > 48 * HOUR_MS and self.package_left > 0:
            self.package_left -= 1
            quota = {"quota_type": "sub_quota", "remain": str(self.package_left), "total": "1500",
                     "expired_date": "31/12/2026", "owner_type": "OA", "owner_id": self.oa_id}  # fmt: skip
        elif silent > 48 * HOUR_MS:
            quota = None  # billed
        user.received(message, message_id, quota)
        if self.webhook_url:
            self._later(self.report(user, message, message_id))
        return {"message_id": message_id, "user_id": user.user_id, "sent_time": str(self.now_ms()),
                **({"quota": quota} if quota else {})}  # fmt: skip

    def _check_attachment(self, attachment: Any) -> None:
        if attachment is None:
            return
        payload = attachment["payload"]
        elements = payload.get("elements", [])
        uploaded = payload.get("token") or (elements[0].get("attachment_id") if elements else None)
        if uploaded is None:
            return
        if uploaded not in self.uploads:
            raise Refused(-201, "attachment is unknown")
        if self.now_ms() - self.uploads[uploaded] > 168 * HOUR_MS:
            raise Refused(-100, "attachment_id has expired")

    def _detail(self, body: Any) -> dict[str, Any]:
        user = self.people.get(body.get("user_id"))
        if user is None:
            raise Refused(-213, "User has not followed OA")
        detail = {"user_id": user.user_id, "display_name": user.name, "user_alias": "", "is_sensitive": False,
                  "user_is_follower": user.follows, "avatar": "https://avatar.example/a.jpg"}  # fmt: skip
        return detail | ({"shared_info": user.shared_info} if user.shared_info else {})

    def _quota(self, body: Any) -> Any:
        if "user_id" in body:
            user = self.people.get(body["user_id"])
            return {
                "last_interaction": str(user.last_interaction if user else 0),
                "cs_reply": {"remain": 8, "total": 8},
            }
        return [{"asset_id": "9f8e7d6c5b4a39281706", "product_type": "cs", "quota_type": "sub_quota",
                 "valid_through": "31/12/2026", "total": 1500, "remain": self.package_left}]  # fmt: skip

    def _upload(self, kind: str, body: Any) -> dict[str, str]:
        content = body["content"]
        if len(self.uploads) >= self.uploads_a_month:
            raise Refused(-211, "Out of quota")
        if kind not in UPLOAD_LIMITS or len(content) > UPLOAD_LIMITS[kind]:
            raise Refused(-210, "file is too large")
        if not content.startswith(MAGIC[kind]):
            raise Refused(-201, "only png and jpeg are supported" if kind == "image" else "file type is invalid")
        uploaded = f"up-{secrets.token_hex(8)}"
        self.uploads[uploaded] = self.now_ms()
        return {"token" if kind == "file" else "attachment_id": uploaded}

    async def _cdn(self, request: web.Request) -> web.StreamResponse:
        """Files of people; public, without a token."""
        self.cdn_hits += 1
        assert "access_token" not in request.headers
        status, content, headers = self.files.get(request.match_info["name"], (404, b"gone", {}))
        return web.Response(status=status, body=content, headers=headers)

    @web.middleware
    async def _faults(self, request: web.Request, handler: Any) -> web.StreamResponse:
        for fault in self.faults:
            if fault.times > 0 and fault.path in request.path:
                fault.times -= 1
                answer = await handler(request) if fault.effect else None
                if fault.slow_s:
                    await asyncio.sleep(fault.slow_s)
                if fault.drop:
                    assert request.transport is not None
                    request.transport.close()
                if fault.body is not None:
                    return web.Response(body=fault.body, status=fault.status)
                if fault.code is not None:
                    return web.json_response({"error": fault.code, "message": "scripted"}, status=fault.status)
                return answer or web.Response(status=502, body=b"<html>Bad Gateway</html>")
        answered: web.StreamResponse = await handler(request)
        return answered

    # -- people ---------------------------------------------------------------------------------------------------

    def person(self, name: str = "Trần Văn Mẫu") -> ZaloUser:
        user = ZaloUser(self, f"77{secrets.randbelow(10**17):017d}", name)
        self.people[user.user_id] = user
        return user

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> None:
        app = web.Application(middlewares=[self._faults], client_max_size=30_000_000)
        self.zbs_routes(app.router)
        app.router.add_route("*", "/v3.0/oa/message", self._bare)
        app.router.add_post("/v4/oa/access_token", self._token)
        app.router.add_get("/v4/oa/permission", self._permission)
        for path in ("/v3.0/oa/message/cs", "/v2.0/oa/message", "/v3.0/oa/quota/message", "/v2.0/oa/upload/{kind}"):
            app.router.add_post(path, self._api)
        for path in ("/v3.0/oa/user/detail", "/v2.0/oa/getoa", "/v2.0/oa/conversation", "/v2.0/oa/listrecentchat"):
            app.router.add_get(path, self._api)
        app.router.add_get("/cdn/{name}", self._cdn)
        self.page_routes(app.router)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._runner.cleanup()


def _page(items: list[dict[str, Any]], body: Any) -> list[dict[str, Any]]:
    offset, count = int(body.get("offset", 0)), int(body.get("count", 5))
    if count > 10:
        raise Refused(-210, "count is at most 10")
    return items[offset : offset + count]


def samples() -> dict[str, tuple[int, bytes, dict[str, str]]]:
    """What the kinds of messages hold when somebody plays the person by hand."""
    picture = Image.new("RGB", (640, 420), (238, 226, 196))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 60, 580, 360), outline=(120, 60, 20), width=6)
    draw.ellipse((230, 120, 410, 300), fill=(180, 40, 30))
    stream = io.BytesIO()
    picture.save(stream, "JPEG")
    contents = {"photo": stream.getvalue(), "voice": b"#!AMR\n" + b"\x3c" * 2000, "file": b"%PDF-1.7\n%%EOF\n",
                "video": b"\x00\x00\x00\x18ftypmp42"}  # fmt: skip
    contents |= {f"album-{number}": stream.getvalue() for number in range(10)}
    return {name: (200, content, {}) for name, content in contents.items()}


async def main() -> None:
    parser = argparse.ArgumentParser(description="A Zalo Official Account on this machine.")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--webhook", default="http://127.0.0.1:8080/webhooks/zalo")
    parser.add_argument("--buttons", action="store_true", help="accept buttons")
    arguments = parser.parse_args()
    server = FakeZalo()
    server.buttons_accepted = arguments.buttons
    server.retry_scale = 1.0
    server.files = samples()
    await server.start(arguments.port)
    server.webhook_url = arguments.webhook
    print(f"Play the person at {server.url}/ ; start the bot with:\n")
    values = server.settings(zalo_contact_image="https://cdn.example/banner.png")
    print(" ".join(f"{name.upper()}={value}" for name, value in values.items()), "make run\n", flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
