"""The one table of transitions: from where to where, who may, which notice the person gets, what the clock does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from db.models import RequestStatus as S
from desk.errors import TransitionRefused

OPEN = frozenset({S.NEW, S.ACCEPTED, S.IN_PROGRESS, S.WAITING, S.REOPENED})
ENDED = frozenset({S.CLOSED, S.REJECTED, S.WITHDRAWN})
RUNNING = OPEN - {S.WAITING}


class Who(StrEnum):
    """Who acts."""

    PERSON = "person"
    STAFF = "staff"
    SYSTEM = "system"


class Clock(StrEnum):
    """What a transition does to the clock of the answer."""

    KEEP = "keep"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True)
class Transition:
    """A row of the table. ``target`` None keeps the status."""

    action: str
    sources: frozenset[S]
    target: S | None
    who: frozenset[Who]
    notice: str | None = None
    clock: Clock = Clock.KEEP


_PERSON, _STAFF, _SYSTEM = frozenset({Who.PERSON}), frozenset({Who.STAFF}), frozenset({Who.SYSTEM})
_ANY = frozenset(S)

TRANSITIONS: Sequence[Transition] = (
    Transition("accept", frozenset({S.NEW, S.REOPENED}), S.ACCEPTED, _STAFF, "request.accepted"),
    Transition("reply", RUNNING, S.IN_PROGRESS, _STAFF, "request.replied"),
    Transition("reply", frozenset({S.WAITING}), None, _STAFF, "request.replied"),
    Transition("reply", frozenset({S.ANSWERED}), None, _STAFF, "request.replied"),
    Transition("ask_for_more", RUNNING, S.WAITING, _STAFF, "request.asked", Clock.PAUSE),
    Transition("ask_for_more", frozenset({S.WAITING}), None, _STAFF, "request.asked"),
    Transition("person_wrote", frozenset({S.WAITING}), S.IN_PROGRESS, _PERSON, None, Clock.RESUME),
    Transition("person_wrote", RUNNING | {S.ANSWERED}, None, _PERSON),
    Transition("resume", frozenset({S.WAITING}), S.IN_PROGRESS, _STAFF, None, Clock.RESUME),
    Transition("answer", OPEN, S.ANSWERED, _STAFF, "request.answered", Clock.STOP),
    Transition("close", OPEN | {S.ANSWERED}, S.CLOSED, _STAFF, "request.closed", Clock.STOP),
    Transition("close", frozenset({S.ANSWERED}), S.CLOSED, _PERSON, "request.closed"),
    Transition("close_unanswered", frozenset({S.ANSWERED}), S.CLOSED, _SYSTEM, "request.closed_unanswered"),
    Transition("reject", OPEN, S.REJECTED, _STAFF, "request.rejected", Clock.STOP),
    Transition("withdraw", OPEN | {S.ANSWERED}, S.WITHDRAWN, _PERSON, "request.withdrawn", Clock.STOP),
    Transition("reopen", frozenset({S.ANSWERED, S.CLOSED}), S.REOPENED, _PERSON | _STAFF, "request.reopened",
               Clock.RESTART),
    Transition("forward_outside", OPEN, S.CLOSED, _STAFF, "request.forwarded_outside", Clock.STOP),
    Transition("forward", OPEN, None, _STAFF, "request.forwarded"),
    Transition("assign", OPEN | {S.ANSWERED}, None, _STAFF),
    Transition("set_priority", OPEN, None, _STAFF),
    Transition("set_topic", OPEN | {S.ANSWERED}, None, _STAFF),
    Transition("extend", OPEN, None, _STAFF, "request.extended"),
    Transition("rate", frozenset({S.CLOSED}), None, _PERSON),
    Transition("note", _ANY, None, _STAFF),
    Transition("mark_read", _ANY, None, _STAFF),
    Transition("mark_called", _ANY, None, _STAFF),
)  # fmt: skip


def find_transition(action: str, status: str, who: Who, *, code: str = "") -> Transition:
    """The row for an action.

    Raises:
        TransitionRefused: There is none for this status and actor.
    """
    for row in TRANSITIONS:
        if row.action == action and status in row.sources and who in row.who:
            return row
    raise TransitionRefused(action, status, code)


def allowed(status: str, who: Who) -> list[str]:
    """The actions somebody may take now, in the order of the table."""
    names = [row.action for row in TRANSITIONS if status in row.sources and who in row.who]
    return list(dict.fromkeys(names))
