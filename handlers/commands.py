"""What a decision asks to be written beside state and replies; carried out in the turn's one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.messages import SentFile


@dataclass(frozen=True)
class SaveForm:
    """Keep the form as it is now. ``data`` is ``Form.to_json()``."""

    data: Mapping[str, Any]


@dataclass(frozen=True)
class DiscardForm:
    """Forget the form and the files sent with it."""


@dataclass(frozen=True)
class AddFormFile:
    """A received file becomes one of the form's."""

    file: SentFile


@dataclass(frozen=True)
class RemoveFiles:
    """Take files of the form or of an own request away."""

    file_ids: tuple[int, ...]


@dataclass(frozen=True)
class RecordConsent:
    """One choice about one purpose, with the text it was made on."""

    purpose: str
    granted: bool
    text_version: str
    text: str


@dataclass(frozen=True)
class FileRequest:
    """The confirmed form becomes a request. ``requester`` has the fields of ``desk.filing.Requester``."""

    key: str
    draft_id: int | None
    description: str
    topic: str | None = None
    question: str | None = None
    requester: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonWrote:
    """Words or files for a request the person filed."""

    request_id: int
    text: str = ""
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True)
class Withdraw:
    """The person needs a request no more."""

    request_id: int


@dataclass(frozen=True)
class Reopen:
    """Take a request up again; the reason is the person's."""

    request_id: int
    reason: str = ""


@dataclass(frozen=True)
class Close:
    """The answer was enough."""

    request_id: int


@dataclass(frozen=True)
class Rate:
    """One to five stars."""

    request_id: int
    stars: int


@dataclass(frozen=True)
class MakeFormLink:
    """A one-time link to the form on the web, told in a message of its own."""


@dataclass(frozen=True)
class OpenPrivacyTask:
    """A dated task about the person's own data. ``right`` is a ``DataRight``."""

    right: str


@dataclass(frozen=True)
class WithdrawConsents:
    """Every consent is taken back, at once."""


Command = (
    SaveForm | DiscardForm | AddFormFile | RemoveFiles | RecordConsent | FileRequest | PersonWrote | Withdraw | Reopen
    | Close | Rate | MakeFormLink | OpenPrivacyTask | WithdrawConsents
)  # fmt: skip
