"""How a conversation stands with the desk: its form, requests, consents. Loaded with a turn that needs it, frozen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from desk.calendar import WorkCalendar, parse_hours
from desk.settings import DEFAULT_HOURS, Periods, calendar_of


class DeskNeeded(Exception):  # noqa: N818 - not an error: the turn is decided again with what it needs
    """A turn needs to know how the person stands with the desk; ``code``: and about the request with this code."""

    def __init__(self, code: str | None = None) -> None:
        super().__init__(code)
        self.code = code


@cache
def default_calendar() -> WorkCalendar:
    """The shipped calendar, for whoever has no database (the ``ask`` command)."""
    return calendar_of(parse_hours(DEFAULT_HOURS), [])


@dataclass(frozen=True)
class ChannelTraits:
    """What a channel is like, for those few decisions that depend on it.

    ``masks_people``: no outgoing message may show a full name, phone number or tax code. ``shares_phone``: a person can
    share their own number with one tap; ``shares_contact``: name and number with the messenger's own form.
    ``takes_files``: files that people send can be fetched. ``form_on_web``: the form is offered as a page of ours;
    ``form_only_on_web``: and only there.
    """

    masks_people: bool = False
    shares_phone: bool = False
    shares_contact: bool = False
    takes_files: bool = True
    form_on_web: bool = False
    form_only_on_web: bool = False


@dataclass(frozen=True)
class KeptFile:
    """A file of the form or of a request."""

    id: int
    kind: str
    name: str | None
    size: int


@dataclass(frozen=True)
class KeptForm:
    """The form as it was kept. ``key`` is the idempotency key of the request it becomes."""

    id: int
    key: str
    data: Mapping[str, Any]
    files: tuple[KeptFile, ...] = ()


@dataclass(frozen=True)
class OwnRequest:
    """A request the conversation filed. Times are aware."""

    id: int
    code: str
    key: str | None
    status: str
    topic: str | None
    description: str | None
    created_at: dt.datetime
    due_at: dt.datetime
    due_provisional: bool
    closed_at: dt.datetime | None
    result: str | None
    rating: int | None
    is_open: bool
    requester: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Lookup:
    """What anybody may be told about a code: no personal data. ``status`` None: there is no such request.

    ``refused``: too many codes were tried lately, whoever tried them.
    """

    code: str
    status: str | None = None
    due_at: dt.datetime | None = None
    due_provisional: bool = False
    refused: bool = False


@dataclass(frozen=True)
class Standing:
    """Everything the desk knows of a conversation that a turn may need.

    ``requests`` are the newest first; ``consents`` the last choice (``granted``, ``refused``, ``withdrawn``) per
    purpose on the present text. ``files`` counts what is kept of the person beside the form.
    """

    calendar: WorkCalendar = field(default_factory=default_calendar)
    periods: Periods = field(default_factory=Periods)
    form: KeptForm | None = None
    requests: tuple[OwnRequest, ...] = ()
    consents: Mapping[str, str] = field(default_factory=dict)
    lookup: Lookup | None = None

    @property
    def open_requests(self) -> tuple[OwnRequest, ...]:
        """Those the department still works on."""
        return tuple(request for request in self.requests if request.is_open)

    def find(self, code: str) -> OwnRequest | None:
        """An own request by its code."""
        return next((request for request in self.requests if request.code == code), None)
