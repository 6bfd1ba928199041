"""What the staff console may do to the Official Account's tokens: ask for consent, take in a pasted pair."""

from __future__ import annotations

from bot.channels.zalo import ZaloChannel
from bot.config import Settings


class Pairing:
    """The console's way to the tokens of a running channel."""

    def __init__(self, channel: ZaloChannel, settings: Settings) -> None:
        self._channel = channel
        self._settings = settings

    @property
    def oa_id(self) -> str:
        """The Official Account's id."""
        return self._channel.account

    @property
    def has_callback(self) -> bool:
        """Whether Zalo can send the administrator back: our outside address is known."""
        return self._settings.public_url is not None

    async def consent_link(self) -> str:
        """A link to Zalo's consent page, good for half an hour."""
        return await self._channel.consent.consent_link()

    async def paste(self, access_token: str | None, refresh_token: str | None) -> None:
        """Take in a pair an administrator copied from the developer console."""
        await self._channel.tokens.paste(access_token, refresh_token)
