"""What comes in and what goes out, as plain data that any channel and any database can carry."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
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
class SentFile:
    """A file of a message: still at the messenger (``reference`` says how to get it), received, or refused.

    A received one has ``content_hash``, ``kind`` (photo, document, voice), ``media_type`` and ``size`` in bytes, judged
    by its content; a refused one has ``problem``, the end of a text's key. ``may_be_identity_card`` is a guess.
    """

    reference: str = ""
    name: str | None = None
    content_hash: str = ""
    kind: str = ""
    media_type: str = ""
    size: int = 0
    is_reencoded: bool = False
    may_be_identity_card: bool = False
    problem: str = ""


@dataclass(frozen=True)
class SharedContact:
    """What a person shared about themselves when the messenger's own form asked for it: claims, as they came."""

    name: str = ""
    phone: str = ""
    place: str = ""


@dataclass(frozen=True)
class IncomingMessage:
    """One message of a person.

    ``data`` is what a tapped button carries, or the number a person shared as their own contact; ``sent_at`` the
    messenger's time; ``shared`` what they filled into the messenger's own form.
    """

    kind: MessageKind
    text: str = ""
    data: str = ""
    sent_at: dt.datetime | None = None
    files: tuple[SentFile, ...] = ()
    shared: SharedContact | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        sent_at = self.sent_at.isoformat() if self.sent_at else None
        data: dict[str, Any] = {"kind": self.kind.value, "text": self.text, "data": self.data, "sent_at": sent_at}
        if self.files:
            data["files"] = [asdict(file) for file in self.files]
        if self.shared:
            data["shared"] = asdict(self.shared)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> IncomingMessage:
        """The message a row of the inbox holds."""
        sent_at = dt.datetime.fromisoformat(data["sent_at"]) if data.get("sent_at") else None
        files = tuple(SentFile(**file) for file in data.get("files", []))
        shared = SharedContact(**data["shared"]) if data.get("shared") else None
        return cls(MessageKind(data["kind"]), data.get("text", ""), data.get("data", ""), sent_at, files, shared)


@dataclass(frozen=True)
class Choice:
    """Something to tap, or to answer by its number. ``data`` is at most 64 bytes of ASCII."""

    label: str
    data: str


@dataclass(frozen=True)
class Reply:
    """One message to a person.

    ``heading`` and ``note`` (source, validity) are parts of the text a channel may set apart; ``choices`` are shown as
    buttons or as a numbered list; ``quiet`` choices are secondary (feedback) and never numbered first. ``ask`` is
    ``phone`` where the messenger's own one-tap way of sharing a number helps, ``contact`` where its own form for name
    and number does, ``files`` where files are expected.
    ``link`` is the code of a request to whose private link the web page may lead.
    """

    body: str
    heading: str | None = None
    note: str | None = None
    choices: tuple[Choice, ...] = ()
    ask: str | None = None
    link: str | None = None

    @property
    def text(self) -> str:
        """The whole message in plain text."""
        return "\n".join(part for part in (self.heading, self.body) if part) + (f"\n\n{self.note}" if self.note else "")

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        data = {
            "heading": self.heading, "body": self.body, "note": self.note,
            "choices": [[choice.label, choice.data] for choice in self.choices],
        }  # fmt: skip
        return data | {key: value for key, value in (("ask", self.ask), ("link", self.link)) if value}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reply:
        """The reply a row of the outbox holds."""
        choices = tuple(Choice(label, value) for label, value in data.get("choices", []))
        return cls(data["body"], data.get("heading"), data.get("note"), choices, data.get("ask"), data.get("link"))
