"""Messages that did not reach their person: why, whom to call, send again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import OutboxStatus
from db.queries import operations
from db.queries import undelivered as queries
from db.queries.undelivered import UndeliveredFilter
from desk import actions
from desk.change import Actor
from desk.errors import DeskError
from desk.settings import load_desk
from desk.tables import Format
from staff.access import Console, Handler, Page, Right, Visit
from staff.accounts import LARGEST_ID
from staff.clock import local
from staff.exports import BATCH, Export, Rows, send
from staff.forms import read_id
from staff.request_page import read_viewer, show_phone
from staff.texts import name_of, names_of, word

UNDELIVERED_PATH = "/staff/chua-gui"
PAGE_SIZE = 50
RESENT_AT_ONCE = 500
SHOWN_TEXT = 200

# fields of the filter form, as they stand in the address
STATUS, CHANNEL, CALLED, BEFORE = "loai", "kenh", "da-goi", "truoc"
STATUSES = {"cho": OutboxStatus.WAITING_WINDOW, "hong": OutboxStatus.UNDELIVERABLE}
CALLS: Mapping[str, bool] = {"chua": False, "roi": True}

COLUMNS = ("time", "channel", "delivery", "reason", "text", "code", "name", "phone", "called_at")


@dataclass(frozen=True)
class Asked:
    """A filter as asked for: for the database, and as the form shows it again."""

    wanted: UndeliveredFilter
    shown: Mapping[str, str]

    @property
    def query(self) -> str:
        """The filter for a link."""
        return urlencode({key: value for key, value in self.shown.items() if value})


def read_filter(given: Mapping[str, str]) -> Asked:
    """The filter of an address or of the form that sends again; what it does not know is left out."""

    def one_of(field: str, known: Any) -> str:
        value = given.get(field, "")
        return value if value in known else ""

    shown = {
        STATUS: one_of(STATUS, STATUSES), CHANNEL: one_of(CHANNEL, names_of("channel")),
        CALLED: one_of(CALLED, CALLS),
    }  # fmt: skip
    wanted = UndeliveredFilter(
        STATUSES.get(shown[STATUS]), shown[CHANNEL] or None, CALLS.get(shown[CALLED]), read_id(given, BEFORE)
    )
    return Asked(wanted, shown)


def reason(row: Row[Any]) -> str:
    """Why it did not go, in words; the code of the messenger stays out of them."""
    return name_of("error", (row.error or "").partition(":")[0]) or word("undelivered.unknown")


def text_of(row: Row[Any]) -> str:
    """What it said: the officer's words, the bot's, or what the notice was about."""
    if row.text:
        return str(row.text)
    if row.reply.get("notice"):
        return word("undelivered.notice", notice=name_of("notice", row.reply["notice"]))
    return str(row.reply.get("heading") or row.reply.get("body") or word("undelivered.erased"))


def can_resend(row: Row[Any]) -> bool:
    """Whether there is still something to send."""
    return bool(row.reply.get("notice") or row.reply.get("body"))


async def show_undelivered(console: Console, request: Request, visit: Visit) -> Response:
    """The list, newest first."""
    asked = read_filter(request.query_params)

    def read(connection: Connection) -> tuple[list[Row[Any]], int]:
        viewer = read_viewer(connection, visit)
        rows = queries.list_undelivered(
            connection, viewer, asked.wanted, department_id=console.department_id, limit=PAGE_SIZE + 1
        )
        count = queries.count_undelivered(connection, viewer, asked.wanted, department_id=console.department_id)
        return rows, count

    rows, count = await console.database.read(read)
    return await console.page(
        "undelivered.html", visit, rows=rows[:PAGE_SIZE], count=count, asked=asked, reason=reason, text_of=text_of,
        can_resend=can_resend, show_phone=show_phone, done=request.query_params.get("xong", ""),
        next_page=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None, counted_at_most=queries.COUNTED_AT_MOST,
        shown_text=SHOWN_TEXT, resent_at_once=RESENT_AT_ONCE,
    )  # fmt: skip


def _chosen(asked: Asked) -> list[str]:
    """What the filter asks about, without the values."""
    return [key for key, value in asked.shown.items() if value]


def _back(asked: Asked, done: str) -> Response:
    query = urlencode({**{key: value for key, value in asked.shown.items() if value}, "xong": done})
    return RedirectResponse(f"{UNDELIVERED_PATH}?{query}", 303)


async def resend_all(console: Console, request: Request, visit: Visit) -> Response:
    """Queue everything that matches the filter again, as far as one go may."""
    del request
    asked = read_filter(visit.form)

    def write(connection: Connection) -> int:
        viewer, wanted = read_viewer(connection, visit), replace(asked.wanted, before_id=None)
        rows = queries.list_undelivered(
            connection, viewer, wanted, department_id=console.department_id, limit=RESENT_AT_ONCE
        )
        return _resend(connection, console, visit, [row.id for row in rows], filters=_chosen(asked))

    count = await console.database.write(write)
    return _back(asked, "gui-lai" if count else "khong-gui")


async def resend_one(console: Console, request: Request, visit: Visit) -> Response:
    """Queue one message again."""
    asked, outbox_id = read_filter(visit.form), int(request.path_params["outbox_id"])

    def write(connection: Connection) -> int | None:
        row = _find(connection, console, visit, outbox_id)
        return None if row is None else _resend(connection, console, visit, [row.id])

    count = await console.database.write(write)
    if count is None:
        return await console.problem("missing", visit, status=404)
    return _back(asked, "gui-lai" if count else "khong-gui")


def _find(connection: Connection, console: Console, visit: Visit, outbox_id: int) -> Row[Any] | None:
    """A message this member may see; one that is not there for them looks like one that does not exist."""
    if outbox_id > LARGEST_ID:
        return None
    wanted = UndeliveredFilter(before_id=outbox_id + 1)
    rows = queries.list_undelivered(
        connection, read_viewer(connection, visit), wanted, department_id=console.department_id, limit=1
    )
    return rows[0] if rows and rows[0].id == outbox_id else None


def _resend(
    connection: Connection, console: Console, visit: Visit, ids: list[int], *, filters: Sequence[str] = ()
) -> int:
    now = console.now()
    count = queries.resend(connection, ids, department_id=console.department_id, now=now)
    operations.audit(
        connection, department_id=console.department_id, action="outbox.resent", now=now,
        staff_member_id=visit.signed_in.id, count=count, filters=list(filters), messages=ids if len(ids) == 1 else [],
    )  # fmt: skip
    return count


async def mark_called(console: Console, request: Request, visit: Visit) -> Response:
    """The person was told by phone instead."""
    asked, outbox_id, now = read_filter(visit.form), int(request.path_params["outbox_id"]), console.now()

    def write(connection: Connection) -> bool:
        row = _find(connection, console, visit, outbox_id)
        if row is None or row.message_id is None:
            return False
        desk = load_desk(connection, department_id=console.department_id)
        actor = Actor.staff(visit.signed_in.id, visit.signed_in.name)
        actions.mark_called(
            connection, desk, request_id=row.request_id, message_id=row.message_id, actor=actor, now=now
        )
        return True

    try:
        found = await console.database.write(write)
    except DeskError:
        found = False
    return _back(asked, "da-goi-dien") if found else await console.problem("missing", visit, status=404)


def export_undelivered(kind: Format) -> Handler:
    """The page that sends the filtered list as a file."""

    async def export(console: Console, request: Request, visit: Visit) -> Response:
        asked = read_filter(request.query_params)

        def read(connection: Connection, place: int | None) -> tuple[Rows, Any]:
            wanted = replace(asked.wanted, before_id=place)
            rows = queries.list_undelivered(
                connection, read_viewer(connection, visit), wanted, department_id=console.department_id, limit=BATCH
            )
            cells: Rows = [
                [
                    local(row.created_at), name_of("channel", row.channel), name_of("delivery", row.status),
                    reason(row), text_of(row), row.code, row.name or row.organisation,
                    show_phone(row.phone) if row.phone else None, local(row.called_at) if row.called_at else None,
                ]
                for row in rows
            ]  # fmt: skip
            return cells, rows[-1].id if len(rows) == BATCH else None

        async def next_rows(place: Any) -> tuple[Rows, Any]:
            return await console.database.read(lambda c: read(c, place))

        header = [word(f"column.{column}") for column in COLUMNS]
        return await send(
            console, visit, Export("tin-chua-gui", "undelivered.exported", header, next_rows, _chosen(asked)), kind
        )

    return export


PAGES = (
    Page("GET", UNDELIVERED_PATH, show_undelivered, Right.SEE_REQUESTS),
    Page("POST", UNDELIVERED_PATH, resend_all, Right.WORK_ON_REQUESTS),
    Page("POST", UNDELIVERED_PATH + "/{outbox_id:int}/gui-lai", resend_one, Right.WORK_ON_REQUESTS),
    Page("POST", UNDELIVERED_PATH + "/{outbox_id:int}/da-goi", mark_called, Right.WORK_ON_REQUESTS),
    *(
        Page("GET", f"{UNDELIVERED_PATH}.{kind}", export_undelivered(kind), Right.EXPORT_REQUESTS)
        for kind in Format
    ),
)  # fmt: skip
