"""What every channel must do: parse what comes in, deliver what goes out."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sqlalchemy import Connection
from starlette.routing import BaseRoute

from handlers.messages import IncomingMessage, MessageKind, Reply, SharedContact

if TYPE_CHECKING:
    from bot.inbox import Inbox
    from bot.leases import LeaseKeeper
    from db.engine import Database


@dataclass(frozen=True)
class InboundFile:
    """A file a person sent, still at the messenger: ``reference`` is how to get it (a link, an id).

    ``size`` in bytes is what the messenger says.
    """

    kind: MessageKind
    reference: str
    name: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Envelope:
    """A parsed update. ``external_id`` makes it one row; ``acknowledge`` is what ``PushChannel.acknowledge`` needs.

    ``occurred_at`` is the messenger's time, given by channels whose updates may arrive swapped. ``interaction``: it
    lets us write to the person for a while. ``files`` and ``shared`` are not kept unless the channel finds, when it
    records the message, that somebody waits for them.
    """

    external_id: str
    conversation: str
    message: IncomingMessage
    acknowledge: str | None = None
    occurred_at: dt.datetime | None = None
    interaction: bool = False
    files: tuple[InboundFile, ...] = ()
    shared: SharedContact | None = None


class SignalKind(StrEnum):
    """What an update that is no message says about a conversation."""

    INTERACTED = "interacted"  # the person did something that lets us write to them
    LEFT = "left"  # they unfollowed; what they wrote before may still be answered
    TAKEN_OVER = "taken_over"  # a human of ours answers, until ``Signal.until``
    DELIVERED = "delivered"
    SEEN = "seen"
    WITHDRAWN = "withdrawn"  # they want everything about them erased


@dataclass(frozen=True)
class Signal:
    """An update that is no message. ``message_ids`` are ours, as the messenger numbers them."""

    kind: SignalKind
    external_id: str
    conversation: str
    occurred_at: dt.datetime
    until: dt.datetime | None = None
    message_ids: tuple[str, ...] = ()


class Channel(Protocol):
    """A way people talk to us. ``account`` is our own id there (a bot's id); ``name`` is kept in rows.

    ``pull`` channels (the web chat) have nothing to send: people read their rows.
    """

    name: str
    account: str
    pull: bool

    def parse(self, raw: bytes) -> Envelope | Signal | None:
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


@runtime_checkable
class RecordingChannel(Protocol):
    """A channel with rows of its own, written in the transaction that stores an update."""

    def record(
        self, connection: Connection, update: Envelope | Signal, conversation_id: int, *, is_new: bool, now: dt.datetime
    ) -> None:
        """Write the channel's rows. May run again with its transaction, so it has no other effects.

        Raises:
            bot.errors.Unwanted: The update must not be kept; its transaction is undone.
        """
        ...


@runtime_checkable
class WindowedChannel(Protocol):
    """A channel on which people can be written to only for a time after they did something."""

    def window_closed(self, last_interaction_at: dt.datetime | None, now: dt.datetime) -> str | None:
        """Why nothing may be sent at ``now``; None while the window is open."""
        ...


@runtime_checkable
class QuotingChannel(Protocol):
    """A channel that can show which message a late reply answers."""

    async def send_quoting(self, conversation: str, reply: Reply, quote: str) -> str | None:
        """Like ``send``; ``quote`` is the inbox id of the person's message."""
        ...


@runtime_checkable
class FetchingChannel(Protocol):
    """A channel whose messenger keeps people's files until we ask for them."""

    def fetch_file(self, reference: str) -> AsyncIterator[bytes]:
        """The content of a file, piece by piece.

        Raises:
            bot.errors.ChannelError: It cannot be had, or not now.
        """
        ...


@runtime_checkable
class WorkingChannel(Protocol):
    """A channel with long-running tasks of its own."""

    def workers(self, inbox: Inbox) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Tasks by name, run until the service stops."""
        ...


def numbered(reply: Reply, opening: str) -> str:
    """The reply's choices as numbered lines below ``opening``, for channels without buttons.

    The opening keeps them apart from steps that the text itself may number.
    """
    lines = [f"{number}. {choice.label}" for number, choice in enumerate(reply.choices, start=1)]
    return "\n".join([reply.text, "", opening, *lines]) if lines else reply.text
