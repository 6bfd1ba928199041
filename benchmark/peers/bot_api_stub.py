"""A Bot API that answers at once and counts what was sent: ``python -m benchmark.peers.bot_api_stub PORT``."""

from __future__ import annotations

import sys
from itertools import count

from aiohttp import web

_ME = {"id": 1, "is_bot": True, "first_name": "bench", "username": "bench_bot"}


def make_app() -> web.Application:
    """The stub with ``/count`` for the load generator."""
    sent = count(1)
    state = {"sent": 0}

    async def call(request: web.Request) -> web.Response:
        await request.read()
        method = request.match_info["method"].lower()
        if method == "sendmessage":
            state["sent"] = number = next(sent)
            chat = {"id": 1, "type": "private", "first_name": "x"}
            result: object = {"message_id": number, "date": 1_700_000_000, "chat": chat, "text": "x"}
        elif method == "getme":
            result = _ME
        else:
            result = True
        return web.json_response({"ok": True, "result": result})

    async def total(_request: web.Request) -> web.Response:
        return web.json_response(state)

    app = web.Application()
    app.router.add_route("*", "/bot{token}/{method}", call)
    app.router.add_get("/count", total)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(sys.argv[1]), print=lambda *_: None, access_log=None)
