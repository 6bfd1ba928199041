"""The page on which somebody plays the person: writes, taps, sends files, shares contact data, moves the clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.zalo_people import ZaloUser, buttons_of

PAGE = Path(__file__).with_name("zalo_page.html")
KINDS = {"image": "photo", "audio": "voice", "video": "video"}


class PersonPage:
    """Served by the fake itself; its data goes through the same functions as a test's."""

    people: dict[str, ZaloUser]
    files: dict[str, tuple[int, bytes, dict[str, str]]]
    webhook_url: str | None
    url: str
    person: Callable[..., ZaloUser]
    travel: Callable[[float], None]
    deliver: Callable[..., Coroutine[Any, Any, int]]
    _uploads = itertools.count(1)

    def page_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self._show_page)
        router.add_get("/_page/{user}", self._page_state)
        router.add_post("/_page/{user}", self._page_act)
        router.add_post("/_page/{user}/file", self._page_file)

    async def _show_page(self, request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")

    def _visitor(self, request: web.Request) -> ZaloUser:
        return self.people.get(request.match_info["user"]) or self.person("Người thử")

    async def _page_state(self, request: web.Request) -> web.StreamResponse:
        user = self._visitor(request)
        sent = {message["message_id"]: message["message"] for message in user.messages}
        return web.json_response({
            "user": user.user_id, "name": user.name, "webhook": self.webhook_url,
            "history": [
                {**item, "buttons": buttons_of(sent.get(item["message_id"], {})),
                 "asks": _asks(sent.get(item["message_id"], {}))}
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
            case "share":
                user.name = str(body["name"]) or user.name
                event = user.info_event(name=user.name, phone=str(body["phone"]), ward=body["ward"], city=body["city"])
                status = await self.deliver(event)
            case "follow" | "unfollow":
                status = await self.deliver(user.follow_event(follows=body["act"] == "follow"))
            case "travel":
                self.travel(float(body["hours"]))
                status = 200
            case _:
                status = await self.deliver(user.profile_event(str(body["act"])))
        return web.json_response({"webhook_status": status})

    async def _page_file(self, request: web.Request) -> web.StreamResponse:
        """A file of the visitor's own, as the messenger would offer it to the bot."""
        user, form = self._visitor(request), await request.post()
        part = form["file"]
        assert isinstance(part, web.FileField)
        name = f"own-{next(self._uploads)}"
        self.files[name] = (200, part.file.read(), {})
        kind = KINDS.get(part.content_type.partition("/")[0], "file")
        event = user.media_event(kind)
        payload = event["message"]["attachments"][0]["payload"]
        payload["url"] = f"{self.url}/cdn/{name}"
        if kind == "file":
            payload |= {"name": part.filename, "size": str(len(self.files[name][1]))}
        return web.json_response({"webhook_status": await self.deliver(event)})


def _asks(message: dict[str, Any]) -> dict[str, str] | None:
    """The form for contact data in a message, if it holds one."""
    payload = message.get("attachment", {}).get("payload", {})
    return dict(payload["elements"][0]) if payload.get("template_type") == "request_user_info" else None
