"""Who did what, and when."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response

from db.queries import audit as queries
from db.queries import desk as desk_queries
from db.queries import members
from db.queries.audit import AuditFilter
from desk.calendar import WEEKDAYS
from desk.codes import find_code
from desk.places import province_name
from desk.tables import Format
from knowledge.taxonomy import load_taxonomy
from staff.access import Console, Handler, Page, Right, Visit
from staff.clock import day_begins, local
from staff.exports import BATCH, Export, Rows, send
from staff.forms import read_id
from staff.texts import name_of, names_of, word

AUDIT_PATH = "/staff/nhat-ky"
PAGE_SIZE = 50

# fields of the filter form, as they stand in the address
WHO, WHAT, SINCE, UNTIL, BEFORE = "ai", "viec", "tu", "den", "truoc"
SYSTEM = "he-thong"
COLUMNS = ("time", "who", "login", "what", "details")

# what a detail's value is a code of
_FAMILIES = {
    "from_status": "status", "to_status": "status", "priority": "priority", "role": "role", "role_before": "role",
    "channel": "channel", "kind": "day", "mode": "mode", "before": "mode",
    "right": "data_right",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A filter as asked for: for the database, and as the form shows it again."""

    wanted: AuditFilter
    shown: Mapping[str, str]

    @property
    def query(self) -> str:
        """The filter for a link."""
        return urlencode({key: value for key, value in self.shown.items() if value})


def read_filter(given: Mapping[str, str]) -> Asked:
    """The filter of an address; what it does not know is left out."""
    who = queries.NOBODY if given.get(WHO) == SYSTEM else read_id(given, WHO)
    what = given.get(WHAT, "")
    families, known = names_of("audit_family"), names_of("audit")
    what = what if what in families or what in known else ""
    since, until = _day(given.get(SINCE, "")), _day(given.get(UNTIL, ""))
    wanted = AuditFilter(
        who, what if what in families else None, what if what in known else None,
        day_begins(since) if since else None, day_begins(until + dt.timedelta(days=1)) if until else None,
        read_id(given, BEFORE),
    )  # fmt: skip
    shown = {
        WHO: SYSTEM if who == queries.NOBODY else str(who or ""), WHAT: what, SINCE: str(since or ""),
        UNTIL: str(until or ""),
    }  # fmt: skip
    return Asked(wanted, shown)


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


@dataclass(frozen=True)
class Names:
    """What ids in the details stand for."""

    members: Mapping[int, str]
    units: Mapping[int, str]

    def of(self, key: str, value: Any) -> str | None:
        """The name of what ``value`` under ``key`` is the id of; None when it is no id."""
        known = {"member": self.members, "assignee_id": self.members, "unit": self.units, "unit_id": self.units,
                 "from_unit_id": self.units}  # fmt: skip
        if key == "units" and isinstance(value, list):
            return ", ".join(self.units.get(unit, str(unit)) for unit in value)
        return known[key].get(value) if key in known and isinstance(value, int) else None


def read_names(connection: Connection, *, department_id: int) -> Names:
    """The names of everybody and every unit."""
    units = desk_queries.list_units(connection, department_id=department_id)
    return Names(members.names_of(connection, department_id=department_id), {unit.id: unit.name for unit in units})


def details_of(row: Row[Any], names: Names) -> list[tuple[str, str]]:
    """What an event says beside who and what, label by label; empty ones, and a status that stayed, are left out."""
    told, hidden = row.details, {"actor"}  # said by ``who``
    if told.get("from_status") == told.get("to_status"):
        hidden |= {"from_status", "to_status"}
    return [
        (name_of("detail", key), _show(key, value, names))
        for key, value in told.items()
        if value not in (None, "", [], {}) and key not in hidden
    ]


def _show(key: str, value: Any, names: Names) -> str:
    if (name := names.of(key, value)) is not None:
        return name
    if key == "topic":
        return load_taxonomy().topics.get(value, str(value))
    if key == "province":
        return province_name(value)
    if isinstance(value, bool):
        return word("yes") if value else word("no")
    if key in _FAMILIES and isinstance(value, str):
        return name_of(_FAMILIES[key], value)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(str(item) for item in value)
    try:
        return _show_times(key, value)
    except (AttributeError, KeyError, TypeError, ValueError):  # of another release
        return json.dumps(value, ensure_ascii=False)


def _show_times(key: str, value: Any) -> str:
    """A target, targets by priority or topic, or the hours of a week. Raises where it is none of these."""
    if key == "week":
        days = [(name_of("weekday", str(WEEKDAYS.index(day))), sessions) for day, sessions in value.items()]
        return "; ".join(
            f"{day} {', '.join('–'.join(ends) for ends in sessions)}" for day, sessions in days if sessions
        )
    if key == "topics":
        topics = load_taxonomy().topics
        return "; ".join(f"{topics.get(topic, topic)}: {_show_targets(targets)}" for topic, targets in value.items())
    return _show_targets(value) if key == "answer" else _show_target(value)


def _show_targets(targets: Mapping[str, Any]) -> str:
    return ", ".join(f"{name_of('priority', priority)} {_show_target(one)}" for priority, one in targets.items())


def _show_target(target: Mapping[str, Any]) -> str:
    return f"{target['amount']} {name_of('unit', target['unit'])}"


def who(row: Row[Any]) -> str:
    """Who did it: a member, or what stands for nobody of the staff."""
    if row.who:
        return str(row.who)
    actor = row.details.get("actor")
    return name_of("actor", actor if actor == "person" else "system")


def code_of(row: Row[Any]) -> str | None:
    """The request an event is about."""
    found = find_code(str(row.details.get("request", ""))[:32])
    return found.code if found else None


async def show_audit(console: Console, request: Request, visit: Visit) -> Response:
    """The log, newest first."""
    asked = read_filter(request.query_params)

    def read(connection: Connection) -> tuple[list[Row[Any]], Names]:
        rows = queries.list_events(
            connection, asked.wanted, department_id=console.department_id, limit=PAGE_SIZE + 1
        )  # fmt: skip
        return rows, read_names(connection, department_id=console.department_id)

    rows, names = await console.database.read(read)
    families = [
        (family, label, {code: text for code, text in names_of("audit").items() if code.startswith(f"{family}.")})
        for family, label in names_of("audit_family").items()
    ]
    return await console.page(
        "audit.html", visit, rows=rows[:PAGE_SIZE], asked=asked, names=names, families=families, who=who,
        code_of=code_of, details_of=details_of, system=SYSTEM,
        next_page=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None,
    )  # fmt: skip


def export_audit(kind: Format) -> Handler:
    """The page that sends the filtered log as a file."""

    async def export(console: Console, request: Request, visit: Visit) -> Response:
        asked = read_filter(request.query_params)

        def read(connection: Connection, place: int | None) -> tuple[Rows, Any]:
            wanted = replace(asked.wanted, before_id=place)
            rows = queries.list_events(connection, wanted, department_id=console.department_id, limit=BATCH)
            names = read_names(connection, department_id=console.department_id)
            cells: Rows = [
                [
                    local(row.created_at), who(row), row.login, name_of("audit", row.action),
                    "; ".join(f"{label}: {value}" for label, value in details_of(row, names)),
                ]
                for row in rows
            ]  # fmt: skip
            return cells, rows[-1].id if len(rows) == BATCH else None

        async def next_rows(place: Any) -> tuple[Rows, Any]:
            return await console.database.read(lambda c: read(c, place))

        header = [word(f"column.{column}") for column in COLUMNS]
        filters = [key for key, value in asked.shown.items() if value]
        return await send(console, visit, Export("nhat-ky", "audit.exported", header, next_rows, filters), kind)

    return export


PAGES = (
    Page("GET", AUDIT_PATH, show_audit, Right.SEE_AUDIT),
    *(Page("GET", f"{AUDIT_PATH}.{kind}", export_audit(kind), Right.SEE_AUDIT) for kind in Format),
)
