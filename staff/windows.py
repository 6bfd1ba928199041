"""How long a person may still be written to on their channel, and what becomes of a text when that is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from staff.clock import local
from staff.texts import name_of, word


@dataclass(frozen=True)
class Window:
    """A channel's rule: ``free`` after what a person last did, then at a price until ``longest``, if we pay at all."""

    free: dt.timedelta
    longest: dt.timedelta
    pays: bool


@dataclass(frozen=True)
class Reach:
    """What to tell an officer before they write: a sentence, and whether a text would go out now."""

    sentence: str
    goes: bool


def reach_of(request: Any, windows: Mapping[str, Window], now: dt.datetime, *, is_off: bool) -> Reach:
    """How a text for the person of a request would fare now.

    ``request`` is a row with ``conversation_id``, ``channel``, ``unreachable_at`` and ``last_interaction_at``.
    ``is_off``: its channel is switched off.
    """
    channel = name_of("channel", request.channel)
    if request.conversation_id is None:
        return Reach(word("reach.erased"), goes=False)
    if request.unreachable_at is not None:
        return Reach(word("reach.left"), goes=False)
    if is_off:
        return Reach(word("reach.off", channel=channel), goes=False)
    window = windows.get(request.channel)
    if window is None:
        return Reach(word("reach.open", channel=channel), goes=True)
    if request.last_interaction_at is None:
        return Reach(word("reach.never", channel=channel), goes=False)
    free_until, paid_until = request.last_interaction_at + window.free, request.last_interaction_at + window.longest
    if now <= free_until:
        left, until = _span(free_until - now), _moment(free_until)
        return Reach(word("reach.free", channel=channel, left=left, until=until), goes=True)
    if window.pays and now <= paid_until:
        return Reach(word("reach.paid", channel=channel, until=_moment(paid_until)), goes=True)
    return Reach(word("reach.closed", channel=channel, since=_moment(free_until)), goes=False)


def _span(left: dt.timedelta) -> str:
    hours, minutes = divmod(int(left.total_seconds()) // 60, 60)
    return word("reach.hours", count=hours) if hours else word("reach.minutes", count=max(1, minutes))


def _moment(moment: dt.datetime) -> str:
    return local(moment).strftime("%H:%M %d/%m")
