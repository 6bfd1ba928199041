"""What every channel must do: parse what comes in, deliver what goes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from handlers.messages import IncomingMessage, Reply


@dataclass(frozen=True)
class Envelope:
    """A parsed update. ``external_id`` makes it one row; ``acknowledge`` is what ``Channel.acknowledge`` needs."""

    external_id: str
    conversation: str
    message: IncomingMessage
    acknowledge: str | None = None


class Channel(Protocol):
    """A way people talk to us. ``account`` is our own id there (a bot's id); ``name`` is kept in rows.

    ``pull`` channels (the web chat) have nothing to send: people read their rows.
    """

    name: str
    account: str
    pull: bool

    def parse(self, raw: bytes) -> Envelope | None:
        """An update as plain data; None for a known kind that needs nothing from us.

        Raises:
            bot.errors.Unreadable: It cannot be an update of this channel.
        """
        ...

    async def send(self, conversation: str, reply: Reply) -> str | None:
        """Deliver one reply and return the messenger's id of the message.

        Raises:
            bot.errors.ChannelError: In the class that says what to do next.
        """
        ...


@runtime_checkable
class PushChannel(Protocol):
    """A channel with a connection of its own to open, poll and close."""

    rate: float
    chat_rate: float

    async def start(self) -> None:
        """Open what sending needs. An unreachable messenger neither stops nor delays this."""
        ...

    async def acknowledge(self, token: str) -> None:
        """Tell the messenger that a tap arrived. Best effort: never raises."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


def numbered(reply: Reply, closing: str) -> str:
    """The reply's choices as numbered lines, for channels without buttons."""
    lines = [f"{number}. {choice.label}" for number, choice in enumerate(reply.choices, start=1)]
    return "\n".join([reply.text, "", *lines, closing]) if lines else reply.text
