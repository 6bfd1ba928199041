"""Requests as a file: the filtered queue from the console, and the rows the command line writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response

from db.queries import request_export as queries
from db.queries import request_queue, turns
from db.queries.request_queue import Position
from desk.places import province_name, show_place
from desk.search import find
from desk.tables import Cell, Format
from staff.access import QUEUE_PATH, Console, Handler, Page, Right, Visit
from staff.clock import local
from staff.exports import BATCH, Export, Rows, send
from staff.queue import TAB, read_filter
from staff.request_page import read_viewer, show_phone
from staff.texts import name_of, word

SEARCH_BATCH = 300

COLUMNS = (
    "code", "status", "priority", "topic", "description", "question", "name", "organisation", "tax_code", "phone",
    "province", "place", "channel", "unit", "assignee", "created_at", "due_at", "accepted_at", "answered_at",
    "closed_at", "result", "rating",
)  # fmt: skip
_CODES = {"status": "status", "priority": "priority", "channel": "channel"}


def header() -> list[str]:
    """The names of the columns."""
    return [word(f"column.{column}") for column in COLUMNS]


def cells(row: Row[Any], labels: Mapping[str, str]) -> list[Cell]:
    """A request in words; times on a clock in Vietnam. What was erased stays empty."""
    found: dict[str, Cell] = {}
    for column in COLUMNS:
        value = getattr(row, column)
        if column.endswith("_at"):
            value = local(value) if value is not None else None
        elif column in _CODES:
            value = name_of(_CODES[column], value)
        found[column] = value
    found["topic"] = labels.get(row.topic, row.topic) if row.topic else None
    found["phone"] = show_phone(row.phone) if row.phone else None
    found["place"] = show_place(None, None, row.commune, row.former_unit, row.place) or None
    found["province"] = province_name(row.province, row.old_province) if row.province else None
    return [found[column] for column in COLUMNS]


def export_queue(kind: Format) -> Handler:
    """The page that sends the queue, filtered as the address says."""

    async def export(console: Console, request: Request, visit: Visit) -> Response:
        member, now = visit.signed_in, console.now()
        asked = read_filter(request.query_params, member, now=now)

        def read(connection: Connection, place: Position | None) -> tuple[Rows, Any]:
            viewer = read_viewer(connection, visit)
            wanted, older = asked.wanted, None
            if asked.search:
                found = find(
                    connection, asked.search, department_id=console.department_id, limit=SEARCH_BATCH,
                    before_id=place.id if place else None,
                )  # fmt: skip
                wanted, older = replace(wanted, ids=found.ids), found.next_before
            rows = request_queue.list_requests(
                connection, viewer, wanted, department_id=console.department_id, now=now, limit=BATCH, after=place
            )
            full = queries.requests_in_full(
                connection, [row.id for row in rows], department_id=console.department_id
            )  # fmt: skip
            labels = turns.topic_labels(connection, department_id=console.department_id)
            following = Position(rows[-1].due_at, rows[-1].id) if len(rows) == BATCH else None
            if asked.search:
                following = Position(now, older) if older is not None else None
            return [cells(row, labels) for row in full], following

        async def next_rows(place: Any) -> tuple[Rows, Any]:
            return await console.database.read(lambda c: read(c, place))

        filters = [key for key, value in asked.shown.items() if value and key != TAB]
        return await send(
            console, visit, Export("yeu-cau", "requests.exported", header(), next_rows, filters), kind
        )  # fmt: skip

    return export


PAGES = tuple(
    Page("GET", f"{QUEUE_PATH}.{kind}", export_queue(kind), Right.EXPORT_REQUESTS) for kind in Format
)  # fmt: skip
