"""The web chat as a channel: its messages arrive through our own API and its replies are read from their rows."""

from __future__ import annotations

from bot.channels.base import Envelope
from bot.errors import PayloadRejected
from handlers.messages import Reply


class WebChannel:
    """Nothing to parse from outside and nothing to send: the page reads numbered rows."""

    name = "web"
    account = "web"
    pull = True

    def parse(self, raw: bytes) -> Envelope | None:
        """The web API builds its envelopes itself."""
        del raw
        return None

    async def send(self, conversation: str, reply: Reply) -> str | None:
        """Rows of the web chat are never queued."""
        del conversation, reply
        raise PayloadRejected("web rows are read, not sent")
