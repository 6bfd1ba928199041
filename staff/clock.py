"""Times as the department's people read them: in Vietnam, and in words where minutes matter."""

from __future__ import annotations

import datetime as dt
from typing import Any

from staff.texts import word

VIETNAM = dt.timezone(dt.timedelta(hours=7), "Asia/Ho_Chi_Minh")  # no summer time since 1975: needs no tables


def local(moment: dt.datetime) -> dt.datetime:
    """The same moment on a clock in Vietnam."""
    return moment.astimezone(VIETNAM)


def show_time(moment: dt.datetime) -> str:
    """``22/11/2026 10:05``."""
    return local(moment).strftime("%d/%m/%Y %H:%M")


def ago(moment: dt.datetime | None, now: dt.datetime) -> str:
    """How long ago, in words: ``vừa xong``, ``3 phút trước``, ``hôm qua lúc 09:15``, later the date itself."""
    if moment is None:
        return word("ago.never")
    seconds = (now - moment).total_seconds()
    days = (local(now).date() - local(moment).date()).days
    if seconds < 60:
        return word("ago.now")
    if seconds < 3600:
        return word("ago.minutes", count=int(seconds // 60))
    if days == 0 or seconds < 6 * 3600:
        return word("ago.hours", count=int(seconds // 3600))
    if days == 1:
        return word("ago.yesterday", time=local(moment).strftime("%H:%M"))
    if days <= 30:
        return word("ago.days", count=days)
    return show_time(moment)


def day_begins(day: dt.date) -> dt.datetime:
    """Midnight in Vietnam at the beginning of ``day``."""
    return dt.datetime.combine(day, dt.time(), VIETNAM)


def due_words(request: Any, now: dt.datetime) -> tuple[str, str]:
    """When a request is due, in words, and how pressing it is: ``bad``, ``warn`` or ``plain``.

    ``request`` is a row with ``status``, ``is_open``, ``is_running``, ``due_at`` and ``due_provisional``.
    """
    if not request.is_open:
        return word("due.over"), "plain"
    if not request.is_running:
        return word("due.paused"), "plain"
    at, days = local(request.due_at), (local(request.due_at).date() - local(now).date()).days
    clock = at.strftime("%H:%M")
    if request.due_at < now:
        hours = int((now - request.due_at).total_seconds() // 3600)
        late = ("days", -days) if hours >= 24 else ("hours", hours) if hours else ("minutes", None)
        return word(f"due.late_{late[0]}", count=late[1]), "bad"
    rough = word("due.provisional") if request.due_provisional else ""
    if days <= 1:
        return word("due.tomorrow" if days else "due.today", time=clock) + rough, "warn"
    return word("due.later", count=days, date=at.strftime("%d/%m")) + rough, "plain"
