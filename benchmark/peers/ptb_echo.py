"""A bare python-telegram-bot echo bot behind uvicorn: ``python -m benchmark.peers.ptb_echo PORT API_URL``."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from telegram import Update
from telegram.ext import Application, MessageHandler, filters


async def echo(update: Update, _context: Any) -> None:
    """Send back what came in."""
    assert update.message is not None
    await update.message.reply_text(update.message.text or "")


def make_app(api_url: str) -> Starlette:
    """The library as its documentation puts it behind another web framework: updates processed as they come."""
    builder = Application.builder().token("1:bench").base_url(f"{api_url}/bot").updater(None)
    application = builder.concurrent_updates(16).connection_pool_size(16).build()
    application.add_handler(MessageHandler(filters.TEXT, echo))

    async def webhook(request: Request) -> Response:
        update = Update.de_json(await request.json(), application.bot)
        await application.process_update(update)
        return PlainTextResponse("ok")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with application:
            await application.start()
            yield
            await application.stop()

    return Starlette(routes=[Route("/webhooks/telegram", webhook, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
