"""What every channel must do: parse what comes in, deliver what goes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from starlette.routing import BaseRoute

from handlers.messages import IncomingMessage, Reply

if TYPE_CHECKING:
    from bot.inbox import Inbox
    from bot.leases import LeaseKeeper
    from db.engine import Database


@dataclass(frozen=True)
class Envelope:
    """A parsed update. ``external_id`` makes it one row; ``acknowledge`` is what ``PushChannel.acknowledge`` needs."""

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
    """A channel with connections of its own; ``rate`` and ``chat_rate``: messages a second, overall and per chat."""

    rate: float
    chat_rate: float

    async def start(self) -> None:
        """Open what sending needs. An unreachable messenger neither stops nor delays this."""
        ...

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        """The HTTP addresses the messenger calls."""
        ...

    async def acknowledge(self, token: str) -> None:
        """Tell the messenger that a tap arrived. Best effort: never raises."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class PollingChannel(Protocol):
    """A channel that can be asked for updates instead of calling us."""

    async def poll(self, database: Database, inbox: Inbox, lease: LeaseKeeper) -> None:
        """Fetch and store updates while this process holds ``lease``; returns at once when polling is off."""
        ...


def numbered(reply: Reply, closing: str) -> str:
    """The reply's choices as numbered lines, for channels without buttons."""
    lines = [f"{number}. {choice.label}" for number, choice in enumerate(reply.choices, start=1)]
    return "\n".join([reply.text, "", *lines, closing]) if lines else reply.text
