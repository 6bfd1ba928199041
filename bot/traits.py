"""What each channel is like, as the dialogue needs to know it."""

from __future__ import annotations

from bot.config import Settings
from handlers.standing import ChannelTraits

BUTTONS = frozenset({"web", "telegram"})  # whose notices may carry buttons; elsewhere numbers stand for choices


def traits_of(channel: str, settings: Settings) -> ChannelTraits:
    """The traits of a channel by its name."""
    if channel == "telegram":
        return ChannelTraits(
            masks_people=True, shares_phone=True, form_on_web=settings.public_url is not None,
            form_only_on_web=settings.public_url is not None and settings.telegram_form_on_web,
        )  # fmt: skip
    if channel == "zalo":
        return ChannelTraits(shares_contact=contact_image(settings) is not None)
    return ChannelTraits(takes_files=channel != "zalo_bot")


def contact_image(settings: Settings) -> str | None:
    """The picture Zalo shows on its own form for name and phone number; without one the form is not offered."""
    if settings.zalo_contact_image:
        return settings.zalo_contact_image
    if settings.public_url and settings.public_url.startswith("https://"):
        return f"{settings.public_url}/static/zalo-contact.png"
    return None
