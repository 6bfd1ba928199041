"""A Bot API server that keeps to the protocol, over real HTTP on loopback, with people to play.

By hand: ``python -m tests.fakes.telegram [--port 8090]`` prints the settings for the bot and serves a page on which
one plays the person.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import itertools
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes.telegram_people import MEDIA, Person
from tests.fakes.telegram_rules import violation

__all__ = ["MEDIA", "TOKEN", "FakeTelegram", "Fault", "Person", "fake_telegram"]

TOKEN = "123456789:AAF-fake_token_of_the_tests_0123456789"
FILE_LIMIT = 20_000_000  # what getFile gives at most
PAGE = Path(__file__).with_name("telegram_page.html")
JSON_PARAMETERS = {"reply_markup", "allowed_updates", "link_preview_options", "timeout", "offset", "limit"}


@dataclass
class Fault:
    """What happens instead of an answer, ``times`` times, after ``after`` calls that go well.

    ``hang_s`` and ``lose`` (the connection breaks) come after the call had its effect, unless ``effect`` is off.
    """

    method: str
    status: int = 500
    description: str = "Internal Server Error"
    parameters: dict[str, Any] | None = None
    times: int = 1
    after: int = 0
    chat_id: int | None = None
    hang_s: float = 0.0
    lose: bool = False
    effect: bool = True
    body: bytes | None = None


@dataclass
class Call:
    """One call as it came, with the status it got."""

    method: str
    params: dict[str, Any]
    at: float = field(default_factory=time.monotonic)
    status: int = 0


class Refusal(Exception):  # noqa: N818
    def __init__(self, status: int, description: str, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters


class FakeTelegram:
    """The server. ``scale`` shortens the waits of the protocol: 0.01 makes a second of back-off ten milliseconds."""

    def __init__(self, token: str = TOKEN, *, scale: float = 0.02, port: int = 0) -> None:
        self.token, self.scale, self._port = token, scale, port
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.messages: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.faults: list[Fault] = []
        self.files: dict[str, bytes] = {}
        self.blocked: set[int] = set()
        self.moved: dict[int, int] = {}
        self.people: dict[int, Person] = {}
        self.webhook: dict[str, Any] = {}
        self.tunnel: dict[str, str] = {}
        self.deliveries: list[int] = []
        self.pending: deque[dict[str, Any]] = deque()
        self.next_update_id = 700_000_000
        self.message_ids = itertools.count(1)
        self._lanes: dict[tuple[str, int], asyncio.Queue[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._poller: asyncio.Event | None = None
        self._runner: web.AppRunner | None = None

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        app = web.Application(client_max_size=50_000_000)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_get("/file/bot{token}/files/{file_id}", self._file)
        app.router.add_get("/", self._page)
        app.router.add_get("/person", self._look)
        app.router.add_post("/person", self._act)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        assert site._server is not None
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._client.close()
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # -- the Bot API ----------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return _answer(401, description="Unauthorized")
        method = request.match_info["method"]
        params = await _params(request)
        call = Call(method, params)
        self.calls.append(call)
        handler = getattr(self, f"_do_{method.lower()}", None)
        if handler is None:
            return _answer(404, description="Not Found")
        fault = self._fault(method, params)
        try:
            if fault and not fault.lose and not fault.hang_s:
                if fault.body is not None:
                    call.status = fault.status
                    return web.Response(status=fault.status, body=fault.body)
                raise Refusal(fault.status, fault.description, fault.parameters)
            if problem := violation(method, params):
                self.violations.append(f"{method}: {problem}")
                raise Refusal(400, problem)
            result = await handler(params) if fault is None or fault.effect else None
        except Refusal as refusal:
            call.status = refusal.status
            return _answer(refusal.status, description=refusal.description, parameters=refusal.parameters)
        if fault and fault.hang_s:
            await asyncio.sleep(fault.hang_s)
        if fault and fault.lose:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        call.status = 200
        return _answer(200, result=result)

    def _fault(self, method: str, params: dict[str, Any]) -> Fault | None:
        for fault in self.faults:
            same_chat = fault.chat_id is None or fault.chat_id == params.get("chat_id")
            if fault.method.lower() == method.lower() and fault.times > 0 and same_chat:
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    async def _do_getme(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._me()

    def _me(self) -> dict[str, Any]:
        return {"id": int(self.token.partition(":")[0]), "is_bot": True, "first_name": "Thử", "username": "thu_bot"}

    async def _do_setwebhook(self, params: dict[str, Any]) -> bool:
        if not params["url"].startswith("https://"):
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", params.get("secret_token", "x")):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        self._drop_if_asked(params)
        self.webhook = params
        while self.pending:
            self._to_lane(self.pending.popleft())
        return True

    async def _do_deletewebhook(self, params: dict[str, Any]) -> bool:
        self._drop_if_asked(params)
        self.webhook = {}
        return True

    def _drop_if_asked(self, params: dict[str, Any]) -> None:
        if params.get("drop_pending_updates"):
            self.pending.clear()

    async def _do_getwebhookinfo(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"url": self.webhook.get("url", ""), "has_custom_certificate": False,
                "pending_update_count": len(self.pending)}  # fmt: skip

    async def _do_getupdates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        if self.webhook:
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active")
        if self._poller is not None:
            self._poller.set()  # the first one gets the 409
        stopped = self._poller = asyncio.Event()
        offset, limit = int(params.get("offset", 0)), min(100, int(params.get("limit", 100)))
        if offset < 0:
            while len(self.pending) > -offset:
                self.pending.popleft()
        else:
            while self.pending and self.pending[0]["update_id"] < offset:
                self.pending.popleft()
        ends_at = time.monotonic() + min(50, int(params.get("timeout", 0)))
        try:
            while not self.pending and time.monotonic() < ends_at:
                self._news.clear()
                waits = [asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(stopped.wait())]
                await asyncio.wait(waits, timeout=ends_at - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
                if stopped.is_set():
                    raise Refusal(409, "Conflict: terminated by other getUpdates request")
            return list(itertools.islice(self.pending, limit))
        finally:
            if self._poller is stopped:
                self._poller = None

    async def _do_sendmessage(self, params: dict[str, Any]) -> dict[str, Any]:
        chat_id = int(params["chat_id"])
        if chat_id in self.moved:
            raise Refusal(
                400, "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": self.moved[chat_id]},
            )  # fmt: skip
        if chat_id not in self.people:
            raise Refusal(400, "Bad Request: chat not found")
        if chat_id in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        text = params["text"]
        plain = html.unescape(re.sub(r"<[^>]+>", "", text)) if params.get("parse_mode") == "HTML" else text
        message = {
            "message_id": next(self.message_ids), "date": int(time.time()), "from": self._me(),
            "chat": {"id": chat_id, "type": "private", "first_name": "Lan"}, "text": plain.strip(),
        }  # fmt: skip
        if markup := params.get("reply_markup"):
            message["reply_markup"] = markup
        self.messages[chat_id].append(message)
        if "inline_keyboard" in message.get("reply_markup", {"inline_keyboard": []}):
            return message
        return {key: value for key, value in message.items() if key != "reply_markup"}  # as Telegram answers

    async def _do_getfile(self, params: dict[str, Any]) -> dict[str, Any]:
        content = self.files.get(params["file_id"])
        if content is None:
            raise Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(content) > FILE_LIMIT:
            raise Refusal(400, "Bad Request: file is too big")
        return {"file_id": params["file_id"], "file_unique_id": "u", "file_size": len(content),
                "file_path": f"files/{params['file_id']}"}  # fmt: skip

    async def _file(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.match_info["file_id"])
        if request.match_info["token"] != self.token or content is None:
            return web.Response(status=404)
        return web.Response(body=content)

    async def _do_answercallbackquery(self, params: dict[str, Any]) -> bool:
        return True

    # -- updates --------------------------------------------------------------------------------------------------

    def person(self, chat_id: int | None = None) -> Person:
        """Somebody who has opened the bot."""
        person = Person(self, chat_id or 5_000_000_000 + len(self.people))
        self.people[person.chat_id] = person
        return person

    def update(self, **kinds: Any) -> dict[str, Any]:
        """A new update with the next id; not queued yet."""
        self.next_update_id += 1
        return {"update_id": self.next_update_id, **kinds}

    def queue(self, update: dict[str, Any]) -> None:
        """Deliver an update, by webhook where one is set."""
        allowed = self.webhook.get("allowed_updates")
        if allowed and len(update) > 1 and not any(kind in update for kind in allowed):
            return
        if self.webhook:
            self._to_lane(update)
        else:
            self.pending.append(update)
            self._news.set()

    def _to_lane(self, update: dict[str, Any]) -> None:
        """Messages of a chat wait for each other; presses go by a lane of their own and may overtake them."""
        if query := update.get("callback_query"):
            lane = ("press", query["from"]["id"])
        else:
            lane = ("chat", update.get("message", {}).get("chat", {}).get("id", 0))
        if lane not in self._lanes:
            self._lanes[lane] = asyncio.Queue()
            task = asyncio.create_task(self._deliver(self._lanes[lane]))
            self._tasks.add(task)
        self._lanes[lane].put_nowait(update)

    async def _deliver(self, lane: asyncio.Queue[dict[str, Any]]) -> None:
        while True:
            update = await lane.get()
            for attempt in itertools.count():
                retry_after = None
                status, headers = await self.push(update)
                self.deliveries.append(status)
                if 200 <= status < 300:
                    break
                retry_after = headers.get("Retry-After")
                # the first repetition comes at once
                wait_s = min(90.0, 2.0**attempt) if attempt else 0.0
                await asyncio.sleep((min(3600.0, float(retry_after)) if retry_after else wait_s) * self.scale)

    async def push(
        self, update: dict[str, Any] | bytes, *, secret: str | None = None
    ) -> tuple[int, dict[str, str]]:  # fmt: skip
        """One delivery attempt to the webhook; status 0 when nobody answered."""
        url = self.webhook["url"]
        for public, local in self.tunnel.items():
            url = url.replace(public, local)
        headers = {"Content-Type": "application/json"}
        token = self.webhook.get("secret_token") if secret is None else secret
        if token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = token
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        try:
            async with self._client.post(url, data=body, headers=headers) as response:
                await response.read()
                return response.status, dict(response.headers)
        except (aiohttp.ClientError, OSError):
            return 0, {}

    # -- the page -------------------------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE)

    async def _look(self, request: web.Request) -> web.Response:
        person = self.people.get(1) or self.person(1)
        return web.json_response(self.messages[person.chat_id])

    async def _act(self, request: web.Request) -> web.Response:
        person = self.people.get(1) or self.person(1)
        body = await request.json()
        if "data" in body:
            person.press(body["message_id"], body["data"])
        elif "kind" in body:
            person.send(body["kind"])
        else:
            person.say(body["text"])
        return web.json_response({"ok": True})


async def _params(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    params: dict[str, Any] = dict(request.query)
    params |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    return {key: json.loads(value) if key in JSON_PARAMETERS else value for key, value in params.items()}


def _answer(status: int, **fields: Any) -> web.Response:
    body: dict[str, Any] = {"ok": status == 200}
    if status != 200:
        body["error_code"] = status
    body |= {key: value for key, value in fields.items() if value is not None or key == "result"}
    return web.json_response(body, status=status)


@contextlib.asynccontextmanager
async def fake_telegram(**options: Any) -> AsyncIterator[FakeTelegram]:
    """A running server whose rules nobody broke: a refused payload of ours fails the test."""
    server = FakeTelegram(**options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    assert server.violations == []


async def _main(port: int) -> None:
    server = FakeTelegram(port=port, scale=1.0)
    await server.start()
    print(f"A Bot API for trying out. Start the bot with\n\n  TELEGRAM_API_URL={server.url} TELEGRAM_TOKEN={TOKEN}\n")
    print(f"and play the person on {server.url}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args().port))
