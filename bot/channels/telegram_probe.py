"""Ask a Bot API server whose token we hold: for ``check``, without starting the channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telegram import Bot
from telegram.error import TelegramError

from bot.channels.telegram import classify
from bot.channels.telegram_http import AiohttpRequest

if TYPE_CHECKING:
    from bot.config import Settings

PROBE_S = 5.0


async def telegram_username(settings: Settings) -> str:
    """The bot's name, such as ``@khcn_bot``.

    Raises:
        ChannelError: ``CredentialsRejected`` for a token nobody knows, ``ChannelUnavailable`` for no answer in 5 s.
    """
    assert settings.telegram_token is not None
    request = AiohttpRequest(connections=1, read_timeout_s=PROBE_S, proxy=settings.telegram_proxy)
    token = settings.telegram_token.get_secret_value()
    bot = Bot(token, base_url=f"{settings.telegram_api_url}/bot", request=request)
    await request.initialize()
    try:
        return f"@{(await bot.get_me()).username}"
    except TelegramError as error:
        raise classify(error) from error
    finally:
        await request.shutdown()
