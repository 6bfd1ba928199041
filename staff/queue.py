"""The queue of support requests: tabs, filters, search, page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response

from db.queries import desk as desk_queries
from db.queries import privacy, request_queue, turns
from db.queries.request_queue import Position, QueueFilter, Tab, Viewer
from desk.codes import find_code
from desk.places import province_name, provinces
from desk.search import find
from desk.text import clean_line
from knowledge.taxonomy import load_taxonomy
from staff.access import QUEUE_PATH, Console, Member, Right, Visit
from staff.accounts import LARGEST_ID
from staff.clock import day_begins, due_words, local
from staff.questions import EPOCH, topic_fields
from staff.texts import names_of, word

NEWS_PATH = "/staff/tin-moi"
PAGE_SIZE = 50
SEARCH_LIMIT = 100
SEARCH_BATCH = 300

# fields of the filter form, as they stand in the address
TAB, STATUS, TOPIC, UNIT, OFFICER = "muc", "trang-thai", "chu-de", "don-vi", "can-bo"
PROVINCE, CHANNEL, DUE, SEARCH, AFTER = "tinh", "kenh", "han", "tim", "sau"
NEWEST, SINCE = "moi-nhat", "tu"  # what a page knows, when it asks for news
ASSIGNED, LEFT = "da-giao", "con-lai"  # what became of assigning many at once

TAB_SLUGS: Mapping[str, Tab] = {
    "cua-toi": Tab.MINE, "don-vi": Tab.UNIT, "chua-giao": Tab.UNASSIGNED, "qua-han": Tab.OVERDUE,
    "cho-dan": Tab.WAITING, "tat-ca": Tab.ALL,
}  # fmt: skip
SLUG_OF = {tab: slug for slug, tab in TAB_SLUGS.items()}


@dataclass(frozen=True)
class Asked:
    """A filter as asked for: for the database, and as the form shows it again."""

    wanted: QueueFilter
    search: str
    after: Position | None
    shown: Mapping[str, str]

    @property
    def query(self) -> str:
        """The filter for a link."""
        return urlencode({key: value for key, value in self.shown.items() if value})

    @property
    def is_filtered(self) -> bool:
        """Whether more than a tab was chosen."""
        return any(value for key, value in self.shown.items() if key != TAB)


def read_filter(given: Mapping[str, str], member: Member, *, now: dt.datetime) -> Asked:
    """The filter of an address; what it does not know is left out, so that an old bookmark still opens.

    A search goes through everything the member may see, whatever the tab.
    """
    taxonomy, text = load_taxonomy(), clean_line(given.get(SEARCH, ""))[:SEARCH_LIMIT]
    home = Tab.ALL if member.may(Right.SEE_ALL_REQUESTS) else Tab.MINE
    tab = Tab.ALL if text else TAB_SLUGS.get(given.get(TAB, ""), home)

    def one_of(field: str, known: Any) -> str | None:
        value = given.get(field, "")
        return value if value in known else None

    within = one_of(DUE, names_of("within"))
    wanted = QueueFilter(
        tab, status=one_of(STATUS, names_of("status")), topic=one_of(TOPIC, taxonomy.topics),
        unit_id=_number(given.get(UNIT, "")), assignee_id=_number(given.get(OFFICER, "")),
        province=one_of(PROVINCE, {province.id for province in provinces()}),
        channel=one_of(CHANNEL, names_of("channel")), due_before=_due_before(within, now),
    )  # fmt: skip
    shown = {
        TAB: SLUG_OF[tab], SEARCH: text, STATUS: wanted.status, TOPIC: wanted.topic, UNIT: wanted.unit_id,
        OFFICER: wanted.assignee_id, PROVINCE: wanted.province, CHANNEL: wanted.channel, DUE: within,
    }  # fmt: skip
    shown_again = {key: "" if value is None else str(value) for key, value in shown.items()}
    return Asked(wanted, text, _position(given.get(AFTER, "")), shown_again)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= LARGEST_ID else None


def _due_before(within: str | None, now: dt.datetime) -> dt.datetime | None:
    tomorrow = day_begins(local(now).date() + dt.timedelta(days=1))
    moments = {"overdue": now, "today": tomorrow, "week": tomorrow + dt.timedelta(days=6)}
    return moments.get(within or "")


def _position(text: str) -> Position | None:
    """Microseconds since 1970 and a row's id, as ``show_position`` wrote them."""
    microseconds, _, row_id = text.partition("-")
    if not (text.isascii() and microseconds.isdecimal() and row_id.isdecimal() and len(microseconds) <= 16):
        return None
    number = _number(row_id)
    return None if number is None else Position(EPOCH + dt.timedelta(microseconds=int(microseconds)), number)


def show_position(row: Row[Any]) -> str:
    """Where the page after this row begins."""
    return f"{(row.due_at - EPOCH) // dt.timedelta(microseconds=1)}-{row.id}"


@dataclass(frozen=True)
class Queue:
    """Everything the page shows."""

    rows: list[Row[Any]]
    next_page: str | None
    counts: Mapping[Tab, int]
    labels: Mapping[str, str]
    units: list[Row[Any]]
    colleagues: list[Row[Any]]
    newest: int


def read_queue(
    connection: Connection, asked: Asked, viewer: Viewer, *, department_id: int, now: dt.datetime
) -> Queue:  # fmt: skip
    """A page of the queue in ten statements at most, however many requests there are."""
    # first: what is filed while the rows are read is told as news rather than never
    newest = 0 if asked.search else request_queue.newest_id(connection, department_id=department_id)
    rows, next_page = _read_rows(connection, asked, viewer, department_id=department_id, now=now)
    return Queue(
        rows, next_page,
        counts=request_queue.count_tabs(connection, viewer, department_id=department_id, now=now),
        labels=turns.topic_labels(connection, department_id=department_id),
        units=desk_queries.list_units(connection, department_id=department_id),
        colleagues=request_queue.list_colleagues(connection, department_id=department_id),
        newest=newest,
    )  # fmt: skip


def _read_rows(
    connection: Connection, asked: Asked, viewer: Viewer, *, department_id: int, now: dt.datetime
) -> tuple[list[Row[Any]], str | None]:
    wanted, found = asked.wanted, None
    if asked.search:
        before = asked.after.id if asked.after else None
        # what the viewer or a filter leaves out is made up for by more; otherwise a page is enough
        limit = PAGE_SIZE + 1 if viewer.sees_all and wanted.is_plain else SEARCH_BATCH
        found = find(connection, asked.search, department_id=department_id, before_id=before, limit=limit)
        wanted = replace(wanted, ids=found.ids)
    rows = request_queue.list_requests(
        connection, viewer, wanted, department_id=department_id, now=now, limit=PAGE_SIZE + 1, after=asked.after
    )
    if len(rows) > PAGE_SIZE:
        return rows[:PAGE_SIZE], show_position(rows[PAGE_SIZE - 1])
    if found is not None and found.next_before is not None:
        return rows, f"0-{found.next_before}"  # older ones have yet to be looked at
    return rows, None


def _done(given: Mapping[str, str]) -> list[str]:
    """What was just done, in sentences."""
    said = [word("done.moved")] if given.get("xong") == "moved" else []
    number = _number(given.get(ASSIGNED, ""))
    left = [one for one in given.get(LEFT, "").split(",") if one == "…" or find_code(one)]
    if number is not None and (number or not left):
        said.append(word("queue.assigned", count=number) if number else word("queue.none_chosen"))
    if left:
        said.append(word("queue.left", codes=", ".join(left)))
    return said


def news_address(asked: Asked, *, newest: int, since: int) -> str:
    """What an open page asks for to learn what came since it was made; ``since`` in microseconds."""
    return f"{NEWS_PATH}?{asked.query}&{urlencode({NEWEST: newest, SINCE: since})}"


async def show_queue(console: Console, request: Request, visit: Visit) -> Response:
    """The queue, as far as this member may see it."""
    member, now = visit.signed_in, console.now()
    asked = read_filter(request.query_params, member, now=now)

    def read(connection: Connection) -> tuple[Viewer, Queue, tuple[int, dt.datetime | None]]:
        viewer = request_queue.viewer_of(connection, member.id, sees_all=member.may(Right.SEE_ALL_REQUESTS))
        found = read_queue(connection, asked, viewer, department_id=console.department_id, now=now)
        told = member.may(Right.WORK_ON_DATA_TASKS) and not asked.search
        tasks = privacy.count_open_tasks(connection, department_id=console.department_id) if told else (0, None)
        return viewer, found, tasks

    viewer, found, data_tasks = await console.database.read(read)
    since = (now - EPOCH) // dt.timedelta(microseconds=1)
    tabs = [(slug, tab) for slug, tab in TAB_SLUGS.items() if tab is not Tab.UNIT or viewer.unit_ids]
    return await console.page(
        "queue.html", visit, found=found, asked=asked, tabs=tabs, fields=topic_fields(found.labels),
        provinces=provinces(), province_name=province_name, due_words=due_words,
        counted_at_most=request_queue.COUNTED_AT_MOST,
        done=_done(request.query_params), news=news_address(asked, newest=found.newest, since=since),
        data_tasks=data_tasks, here_now=f"{QUEUE_PATH}?{request.url.query}",
        can_assign=member.may(Right.WORK_ON_REQUESTS),
    )  # fmt: skip
