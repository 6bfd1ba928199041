"""What each channel is like, as the dialogue needs to know it."""

from __future__ import annotations

from bot.config import Settings
from handlers.standing import ChannelTraits

BUTTONS = frozenset({"web", "telegram"})  # whose notices may carry buttons; elsewhere numbers stand for choices


def traits_of(channel: str, settings: Settings) -> ChannelTraits:
    """The traits of a channel by its name."""
    if channel == "telegram":
        return ChannelTraits(
            masks_people=True, shares_phone=True, takes_files=True, form_on_web=settings.public_url is not None,
            form_only_on_web=settings.public_url is not None and settings.telegram_form_on_web,
        )  # fmt: skip
    return ChannelTraits(takes_files=channel == "web")
