"""What the console asks of whoever runs the Official Account."""

from __future__ import annotations

from typing import Protocol


class ZaloPairing(Protocol):
    """How the Official Account gets new tokens; whoever runs the channel knows."""

    @property
    def oa_id(self) -> str:
        """The Official Account's id."""
        ...

    @property
    def has_callback(self) -> bool:
        """Whether Zalo can send the administrator back: our outside address is known."""
        ...

    async def consent_link(self) -> str:
        """A link to Zalo's consent page, good for half an hour."""
        ...

    async def paste(self, access_token: str | None, refresh_token: str | None) -> None:
        """Take in a pair copied from the developer console."""
        ...
