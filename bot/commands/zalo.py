"""``zalo``: connect the Official Account: a link to the consent page, or a token pair from the developer console."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from bot.app import prepare_database
from bot.config import Settings, load_settings
from bot.errors import CommandError
from bot.log_setup import set_up_logging
from db.engine import Database

if TYPE_CHECKING:
    from bot.channels.zalo import ZaloChannel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two ways to give the tokens."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("consent", help="print a link to the consent page, good for 30 minutes")
    actions.add_parser("tokens", help="read an access token and a refresh token, a line each, from standard input")


def run(arguments: argparse.Namespace) -> int:
    """Print the link or take in the tokens."""
    settings = load_settings()
    set_up_logging(level=settings.log_level, fmt=settings.log_format)
    if not settings.zalo_app_id:
        raise CommandError("the Zalo Official Account is not configured: set ZALO_APP_ID and the settings beside it")
    return asyncio.run(_run(settings, arguments.action))


async def _run(settings: Settings, action: str) -> int:
    from bot.channels.zalo import ZaloChannel

    database = Database(settings.database_url)
    try:
        prepared = await prepare_database(settings, database)
        channel = ZaloChannel(settings, database, department_id=prepared.department_id)
        try:
            if action == "consent":
                await _print_link(settings, channel)
            else:
                await _take_tokens(channel)
        finally:
            await channel.close()
    finally:
        await database.close()
    return 0


async def _print_link(settings: Settings, channel: ZaloChannel) -> None:
    if not settings.public_url:
        raise CommandError("set PUBLIC_URL first: Zalo sends the administrator back to it")
    print("Open in the browser of the Official Account's administrator (valid 30 minutes, keep it private):")
    print(await channel.consent.new_page_link())


async def _take_tokens(channel: ZaloChannel) -> None:
    lines = [line.strip() for line in (await asyncio.to_thread(sys.stdin.read)).splitlines() if line.strip()]
    if len(lines) != 2:
        raise CommandError("give two lines on standard input: the access token, then the refresh token", 2)
    await channel.tokens.paste(lines[0], lines[1])
    print("The token pair is stored.")
