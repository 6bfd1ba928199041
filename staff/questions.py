"""What people asked: the page of channels and last questions, one question in full, the list as a file."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from db.queries import operations, turns
from knowledge.taxonomy import load_taxonomy
from knowledge.text import clean, fold
from staff.access import Console, Visit
from staff.accounts import LARGEST_ID
from staff.clock import day_begins, local
from staff.rendering import render_problem
from staff.texts import name_of, names_of, word

PAGE_SIZE = 50
EXPORT_BATCH = 1000
SEARCH_LIMIT = 100
SEARCH_WORDS = 8
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
KNOWN_CHANNELS = ("web", "telegram")

# fields of the filter form, as they stand in the address
OUTCOME, TOPIC, FEEDBACK, CHANNEL, PROVINCE = "ket-qua", "chu-de", "danh-gia", "kenh", "tinh"
SEARCH, SINCE, UNTIL, BEFORE = "tim", "tu", "den", "truoc"


@dataclass(frozen=True)
class Asked:
    """A filter as asked for: for the database, and as the form shows it again."""

    wanted: turns.TurnFilter
    shown: Mapping[str, str]

    @property
    def query(self) -> str:
        """The filter for a link."""
        return urlencode({key: value for key, value in self.shown.items() if value})


def read_filter(given: Mapping[str, str], channels: tuple[str, ...]) -> Asked:
    """The filter of an address; what it does not know is left out, so that an old bookmark still opens."""
    taxonomy = load_taxonomy()

    def one_of(field: str, known: Any) -> str | None:
        value = given.get(field, "")
        return value if value in known else None

    search = clean(given.get(SEARCH, ""))[:SEARCH_LIMIT]
    since, until = _day(given.get(SINCE, "")), _day(given.get(UNTIL, ""))
    wanted = turns.TurnFilter(
        outcome=one_of(OUTCOME, names_of("outcome")), topic=one_of(TOPIC, taxonomy.topics),
        feedback=one_of(FEEDBACK, {*names_of("feedback"), turns.NO_FEEDBACK}),
        channel=one_of(CHANNEL, {*channels, *KNOWN_CHANNELS, *names_of("channel")}),
        province=one_of(PROVINCE, taxonomy.provinces), words=tuple(fold(search).split()[:SEARCH_WORDS]),
        since=day_begins(since) if since else None,
        until=day_begins(until + dt.timedelta(days=1)) if until else None,
        before=_position(given.get(BEFORE, "")),
    )  # fmt: skip
    shown = {
        OUTCOME: wanted.outcome, TOPIC: wanted.topic, FEEDBACK: wanted.feedback, CHANNEL: wanted.channel,
        PROVINCE: wanted.province, SEARCH: search, SINCE: str(since or ""), UNTIL: str(until or ""),
    }  # fmt: skip
    return Asked(wanted, {key: value or "" for key, value in shown.items()})


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


def _position(text: str) -> turns.Position | None:
    """Microseconds since 1970 and a row's id, as ``show_position`` wrote them."""
    microseconds, _, row_id = text.partition("-")
    if not (microseconds.isdecimal() and row_id.isdecimal() and len(microseconds) <= 16 and len(row_id) <= 9):
        return None
    return turns.Position(EPOCH + dt.timedelta(microseconds=int(microseconds)), int(row_id))


def show_position(row: Row[Any]) -> str:
    """Where the page after this row begins."""
    return f"{(row.created_at - EPOCH) // dt.timedelta(microseconds=1)}-{row.id}"


@dataclass(frozen=True)
class Overview:
    """Everything the first page shows."""

    channels: Mapping[str, turns.ChannelOverview]
    rows: list[Row[Any]]
    next_page: str | None
    count: int
    labels: Mapping[str, str]


def read_overview(
    connection: Connection, wanted: turns.TurnFilter, *, department_id: int, channels: tuple[str, ...]
) -> Overview:
    """The first page in nine statements at most, however much there is."""
    rows = turns.list_turns(connection, wanted, department_id=department_id, limit=PAGE_SIZE + 1)
    return Overview(
        channels=turns.channel_overviews(connection, department_id=department_id, channels=channels),
        rows=list(rows[:PAGE_SIZE]),
        next_page=show_position(rows[PAGE_SIZE - 1]) if len(rows) > PAGE_SIZE else None,
        count=turns.count_turns(connection, wanted, department_id=department_id),
        labels=turns.topic_labels(connection, department_id=department_id),
    )


def topic_fields(labels: Mapping[str, str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Fields with their topics, for the filter form."""
    taxonomy = load_taxonomy()
    return [
        (area.name, [(topic, labels.get(topic, taxonomy.topics[topic])) for topic in area.topics])
        for area in taxonomy.fields.values()
    ]


def province_name(province: str | None) -> str:
    """A province's name; its id when the taxonomy does not know it (any more)."""
    known = load_taxonomy().provinces.get(province or "")
    return known.name if known else province or ""


async def show_overview(console: Console, request: Request, visit: Visit) -> Response:
    """The state of each channel, and the last questions."""
    asked = read_filter(request.query_params, console.channels)
    found = await console.database.read(
        lambda c: read_overview(c, asked.wanted, department_id=console.department_id, channels=console.channels)
    )
    names = dict.fromkeys((*KNOWN_CHANNELS, *console.channels, *found.channels))
    return await console.page(
        "overview.html", visit, found=found, asked=asked, fields=topic_fields(found.labels), on=console.channels,
        channels=[found.channels.get(name) or turns.ChannelOverview(name) for name in names],
        provinces=load_taxonomy().provinces, province_name=province_name, counted_at_most=turns.COUNTED_AT_MOST,
        filtered=any(asked.shown.values()), later_page=asked.wanted.before is not None,
    )  # fmt: skip


async def show_question(console: Console, request: Request, visit: Visit) -> Response:
    """One question: what was asked, how it was read, what was answered."""
    turn_id = int(request.path_params["turn_id"])
    if turn_id > LARGEST_ID:
        return render_problem("missing", 404)

    def read(connection: Connection) -> tuple[turns.TurnInFull | None, dict[str, str]]:
        found = turns.find_turn(connection, turn_id, department_id=console.department_id)
        return found, turns.topic_labels(connection, department_id=console.department_id) if found else {}

    found, labels = await console.database.read(read)
    if found is None:
        return render_problem("missing", 404)
    return await console.page(
        "question.html", visit, turn=found.turn, replies=found.replies, labels=labels, province_name=province_name,
        candidates=found.turn.details.get("candidates", []), explain=found.turn.details.get("explain", {}),
    )  # fmt: skip


# -- the list as a file -------------------------------------------------------------------------------------------

COLUMNS = (
    "time", "channel", "text", "outcome", "reason", "topic", "facet", "article", "confidence", "feedback", "province",
    "id",
)  # fmt: skip
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def defuse(value: str) -> str:
    """A cell that a spreadsheet program will not run: what would begin a formula gets an apostrophe in front."""
    return f"'{value}" if value.lstrip(" \u00a0").startswith(_BEGINS_FORMULA) else value


async def export_questions(console: Console, request: Request, visit: Visit) -> Response:
    """The filtered list as CSV, read in batches while it is sent."""
    asked = read_filter(request.query_params, console.channels)
    now = console.now()
    filters = sorted(key for key, value in asked.shown.items() if value)

    def begin(connection: Connection) -> dict[str, str]:
        operations.audit(
            connection, department_id=console.department_id, action="questions.exported", now=now,
            staff_member_id=visit.signed_in.id, filters=filters,
        )  # fmt: skip
        return turns.topic_labels(connection, department_id=console.department_id)

    labels = await console.database.write(begin)
    name = f"cau-hoi-{local(now).date()}.csv"
    return StreamingResponse(
        _lines(console, asked.wanted, labels), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


async def _lines(console: Console, wanted: turns.TurnFilter, labels: Mapping[str, str]) -> AsyncIterator[str]:
    yield "\ufeff" + _csv([[word(f"csv.{column}") for column in COLUMNS]])  # Excel takes UTF-8 for it by this mark
    position: turns.Position | None = None
    while True:
        page = replace(wanted, before=position)
        rows = await console.database.read(
            lambda c, p=page: turns.list_turns(  # type: ignore[misc]
                c, p, department_id=console.department_id, limit=EXPORT_BATCH
            )
        )
        if rows:
            yield _csv([_cells(row, labels) for row in rows])
        if len(rows) < EXPORT_BATCH:
            return
        position = turns.Position(rows[-1].created_at, rows[-1].id)


def _cells(row: Row[Any], labels: Mapping[str, str]) -> list[str]:
    return [
        f"{local(row.created_at):%Y-%m-%d %H:%M:%S}", name_of("channel", row.channel), row.text or "",
        name_of("outcome", row.outcome), name_of("reason", row.reason), labels.get(row.topic, row.topic or ""),
        name_of("facet", row.facet), row.article or "", "" if row.confidence is None else f"{row.confidence:.2f}",
        name_of("feedback", row.feedback), province_name(row.province), str(row.id),
    ]  # fmt: skip


def _csv(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([defuse(cell) for cell in row] for row in rows)
    return out.getvalue()
