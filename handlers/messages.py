"""What comes in and what goes out, as plain data that any channel and any database can carry."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class MessageKind(StrEnum):
    """What a person sent. Anything that is neither text nor a tap is kept by its kind only."""

    TEXT = "text"
    TAP = "tap"
    PHOTO = "photo"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    START = "start"
    OTHER = "other"


@dataclass(frozen=True)
class IncomingMessage:
    """One message of a person. ``data`` is what a tapped button carries; ``sent_at`` the messenger's time."""

    kind: MessageKind
    text: str = ""
    data: str = ""
    sent_at: dt.datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        sent_at = self.sent_at.isoformat() if self.sent_at else None
        return {"kind": self.kind.value, "text": self.text, "data": self.data, "sent_at": sent_at}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> IncomingMessage:
        """The message a row of the inbox holds."""
        sent_at = dt.datetime.fromisoformat(data["sent_at"]) if data.get("sent_at") else None
        return cls(MessageKind(data["kind"]), data.get("text", ""), data.get("data", ""), sent_at)


@dataclass(frozen=True)
class Choice:
    """Something to tap, or to answer by its number. ``data`` is at most 64 bytes of ASCII."""

    label: str
    data: str


@dataclass(frozen=True)
class Reply:
    """One message to a person.

    ``heading`` and ``note`` (source, validity) are parts of the text a channel may set apart; ``choices`` are shown as
    buttons or as a numbered list; ``quiet`` choices are secondary (feedback) and never numbered first.
    """

    body: str
    heading: str | None = None
    note: str | None = None
    choices: tuple[Choice, ...] = ()

    @property
    def text(self) -> str:
        """The whole message in plain text."""
        return "\n".join(part for part in (self.heading, self.body) if part) + (f"\n\n{self.note}" if self.note else "")

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {
            "heading": self.heading, "body": self.body, "note": self.note,
            "choices": [[choice.label, choice.data] for choice in self.choices],
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reply:
        """The reply a row of the outbox holds."""
        choices = tuple(Choice(label, value) for label, value in data.get("choices", []))
        return cls(data["body"], data.get("heading"), data.get("note"), choices)
