"""What is carried out when its day has come: every period the consent notice names, and the desk's other timers.

A due row is a row of ``jobs``; ``RUNNERS`` maps its kind to what to do. A runner works in the caller's transaction and
returns when to look again, or None when it is done. The files themselves leave the disk by
``sweep_blobs``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from db.engine import Database
from db.models import RequestStatus
from db.queries import conversations, drafts, operations, privacy, request_files, requests
from desk import handover, notices, timers
from desk.actions import AUTO_CLOSE_DAYS
from desk.errors import TransitionRefused
from desk.files import blob_path, thumbnail_path
from desk.privacy import forget_request, keep_consents
from desk.settings import Desk, Periods, load_desk
from desk.states import ENDED

PERIODS = Periods()
DAY = dt.timedelta(days=1)
LOOK_AGAIN = 30 * DAY
BLOB_MIN_AGE_S = 3600.0

Runner = Callable[[Connection, Desk, Row[Any], dt.datetime], dt.datetime | None]


def _draft(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """A form nobody went on with."""
    del desk
    row = drafts.find_draft(connection, job.payload["conversation_id"])
    if row is None or row.key != job.key:
        return None
    if row.expires_at > now:
        again: dt.datetime = row.expires_at
        return again
    drafts.delete_draft(connection, row.id, now=now)
    return None


def _ended(
    connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime, days: int
) -> tuple[Row[Any] | None, dt.datetime | None]:
    """The locked request of a job whose period after its end is over; otherwise when to look again."""
    row = requests.find_request(connection, job.payload["request_id"], department_id=desk.department_id)
    if row is None or row.deidentified_at is not None:
        return None, None
    if row.conversation_id is not None:
        conversations.lock_conversation(connection, row.conversation_id)
    row = requests.lock_request(connection, row.id, department_id=desk.department_id)
    assert row is not None
    if row.status not in ENDED or row.closed_at is None:
        return None, now + LOOK_AGAIN  # reopened: its end will come
    over_at: dt.datetime = row.closed_at + days * DAY
    return (row, None) if over_at <= now else (None, over_at)


def _files(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """The files of an ended request."""
    row, again = _ended(connection, desk, job, now, desk.periods.files)
    if row is not None:
        request_files.remove_files(connection, request_id=row.id, now=now)
    return again


def _request(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """Everything about the person in an ended request."""
    row, again = _ended(connection, desk, job, now, desk.periods.request)
    if row is not None:
        forget_request(connection, row.id, now=now)
        if row.conversation_id is not None:
            keep_consents(connection, desk, row.conversation_id, now=now)
        operations.audit(
            connection, department_id=desk.department_id, action="request.deidentify", now=now, request=row.code
        )
    return again


def _consent(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """A consent receipt, once nothing it covers is kept any more."""
    del desk
    row = privacy.find_consent(connection, job.payload["consent_id"])
    if row is None:
        return None
    if privacy.processes_data(connection, row.conversation_id):
        return now + LOOK_AGAIN  # moved to the right day when processing ends
    privacy.delete_consent(connection, row.id)
    return None


def _task(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """The record of a finished task about personal data."""
    del desk, now
    privacy.delete_task(connection, job.payload["task_id"])
    return None


def _auto_close(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """An answered request whose person is silent."""
    row = requests.find_request(connection, job.payload["request_id"], department_id=desk.department_id)
    if row is None or row.status != RequestStatus.ANSWERED or row.answered_at is None:
        return None
    if row.answered_at.isoformat() != job.payload["answered_at"]:
        return None  # answered again since: that answer has a timer of its own
    if row.unread_at is not None:
        return now + AUTO_CLOSE_DAYS * DAY  # the person wrote and nobody has read it yet
    try:
        timers.close_unanswered(connection, desk, request_id=row.id, now=now)
    except TransitionRefused:
        return None  # an officer was faster
    return None


def _rating(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """The one reminder to rate."""
    row = requests.find_request(connection, job.payload["request_id"], department_id=desk.department_id)
    if row is None or row.conversation_id is None or row.rating is not None or row.status != RequestStatus.CLOSED:
        return None
    notices.queue(connection, row.conversation_id, "request.rating_reminder", now=now, code=row.code)
    return None


def _handover(connection: Connection, desk: Desk, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """A conversation an officer took and forgot."""
    return handover.expire(connection, desk, conversation_id=job.payload["conversation_id"], now=now)


async def run_due(database: Database, *, department_id: int, job: Row[Any], now: dt.datetime) -> dt.datetime | None:
    """Do what a due row of ``RUNNERS`` asks for, in one transaction; the shape the service's job runner wants."""
    runner = RUNNERS[job.kind]

    def run(connection: Connection) -> dt.datetime | None:
        return runner(connection, load_desk(connection, department_id=department_id), job, now)

    return await database.write(run)


RUNNERS: Mapping[str, Runner] = {
    "desk_draft": _draft,
    "desk_files": _files,
    "desk_request": _request,
    "desk_consent": _consent,
    "desk_task": _task,
    "desk_auto_close": _auto_close,
    "desk_rating": _rating,
    "desk_handover": _handover,
}


async def sweep_blobs(database: Database, folder: Path, *, min_age_s: float = BLOB_MIN_AGE_S) -> int:
    """Delete from the disk what no row needs any more; returns how much content went. A crash in between repeats it."""
    hashes = await database.read(request_files.unused_hashes)
    gone = await asyncio.to_thread(delete_blobs, folder, hashes, min_age_s=min_age_s)
    if gone:
        await database.write(lambda c: request_files.forget_hashes(c, gone))
    return len(gone)


def delete_blobs(folder: Path, hashes: Sequence[str], *, min_age_s: float = BLOB_MIN_AGE_S) -> list[str]:
    """Delete content that no row needs, with its small picture; returns what the disk holds no more.

    Content stored within the last hour is left: its row may be about to be written.
    """
    gone = []
    for content_hash in hashes:
        path = blob_path(folder, content_hash)
        try:
            if time.time() - path.stat().st_mtime < min_age_s:
                continue
        except FileNotFoundError:
            pass
        thumbnail_path(folder, content_hash).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        gone.append(content_hash)
    return gone
