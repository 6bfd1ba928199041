"""What people asked: the page of channels and last questions, one question in full, the list as a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response

from db.queries import channels as switches
from db.queries import turn_counts, turns
from desk.tables import Cell, Format
from knowledge.explaining import class_names, reading_in_words
from knowledge.taxonomy import load_taxonomy
from knowledge.text import clean, fold
from staff.access import Console, Handler, Page, Right, Visit
from staff.accounts import LARGEST_ID
from staff.chart import Chart, draw
from staff.clock import day_begins, local
from staff.exports import BATCH, Export, Rows, send
from staff.texts import name_of, names_of, word

PAGE_SIZE = 50
SEARCH_LIMIT = 100
SEARCH_WORDS = 8
CHART_DAYS = 30
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
KNOWN_CHANNELS = ("web", "telegram", "zalo")  # each has its card, connected or not

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
    modes: Mapping[str, str]
    chart: Chart


def read_overview(
    connection: Connection, wanted: turns.TurnFilter, *, department_id: int, channels: tuple[str, ...],
    now: dt.datetime,
) -> Overview:  # fmt: skip
    """The first page in ten statements at most, however much there is."""
    rows = turns.list_turns(connection, wanted, department_id=department_id, limit=PAGE_SIZE + 1)
    return Overview(
        channels=turns.channel_overviews(connection, department_id=department_id, channels=channels),
        rows=list(rows[:PAGE_SIZE]),
        next_page=show_position(rows[PAGE_SIZE - 1]) if len(rows) > PAGE_SIZE else None,
        count=turns.count_turns(connection, wanted, department_id=department_id),
        labels=turns.topic_labels(connection, department_id=department_id),
        modes={row.channel: row.mode for row in switches.list_switches(connection, department_id=department_id)},
        chart=read_chart(connection, department_id=department_id, now=now),
    )


def read_chart(connection: Connection, *, department_id: int, now: dt.datetime) -> Chart:
    """The questions of the last ``CHART_DAYS`` days, day by day and by outcome, in one statement."""
    last = local(now).date()
    first = last - dt.timedelta(days=CHART_DAYS - 1)
    counts = turn_counts.by_day_and_outcome(connection, department_id=department_id, since=day_begins(first))
    return draw(counts, first=first, last=last)


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
        lambda c: read_overview(
            c, asked.wanted, department_id=console.department_id, channels=console.channels, now=console.now()
        )
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
        return await console.problem("missing", visit, status=404)

    def read(connection: Connection) -> tuple[turns.TurnInFull | None, dict[str, str]]:
        found = turns.find_turn(connection, turn_id, department_id=console.department_id)
        if found is None:
            return None, {}
        labels = turns.topic_labels(connection, department_id=console.department_id)
        return found, class_names(labels, turns.referral_titles(connection, department_id=console.department_id))

    found, labels = await console.database.read(read)
    if found is None:
        return await console.problem("missing", visit, status=404)
    return await console.page(
        "question.html", visit, turn=found.turn, replies=found.replies, labels=labels, province_name=province_name,
        candidates=found.turn.details.get("candidates", []),
        explained=_explained(found.turn.details.get("explain"), labels),
    )  # fmt: skip


def _explained(explain: Any, names: Mapping[str, str]) -> list[str]:
    """How the question was read, in the words of ``ask --explain``; nothing for a shape of another release."""
    try:
        return [line.strip() for line in reading_in_words(explain, names)] if explain else []
    except (AttributeError, TypeError, ValueError):
        return []


# -- the list as a file -------------------------------------------------------------------------------------------

EXPORT_PATH = "/staff/cau-hoi"
COLUMNS = (
    "time", "channel", "text", "outcome", "reason", "topic", "facet", "article", "confidence", "feedback", "province",
    "id",
)  # fmt: skip


def export_questions(kind: Format) -> Handler:
    """The page that sends the filtered list as a file, read in batches while it is sent."""

    async def export(console: Console, request: Request, visit: Visit) -> Response:
        asked = read_filter(request.query_params, console.channels)

        def read(connection: Connection, place: turns.Position | None) -> tuple[Rows, Any]:
            rows = turns.list_turns(
                connection, replace(asked.wanted, before=place), department_id=console.department_id, limit=BATCH
            )
            labels = turns.topic_labels(connection, department_id=console.department_id)
            following = turns.Position(rows[-1].created_at, rows[-1].id) if len(rows) == BATCH else None
            return [_cells(row, labels) for row in rows], following

        async def next_rows(place: Any) -> tuple[Rows, Any]:
            return await console.database.read(lambda c: read(c, place))

        header = [word(f"csv.{column}") for column in COLUMNS]
        filters = [key for key, value in asked.shown.items() if value]
        return await send(console, visit, Export("cau-hoi", "questions.exported", header, next_rows, filters), kind)

    return export


def _cells(row: Row[Any], labels: Mapping[str, str]) -> list[Cell]:
    return [
        local(row.created_at), name_of("channel", row.channel), row.text or "", name_of("outcome", row.outcome),
        name_of("reason", row.reason), labels.get(row.topic, row.topic or ""), name_of("facet", row.facet),
        row.article or "", None if row.confidence is None else round(row.confidence, 2),
        name_of("feedback", row.feedback), province_name(row.province), str(row.id),
    ]  # fmt: skip


EXPORTS = tuple(Page("GET", f"{EXPORT_PATH}.{kind}", export_questions(kind), Right.EXPORT_QUESTIONS) for kind in Format)
