"""Units of the department, and which of them gets a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import desk as queries
from db.queries import members, operations, turns
from desk.places import province_name, provinces
from knowledge.taxonomy import load_taxonomy
from staff.access import Console, Page, Right, Visit
from staff.forms import FormFault, Typed, need_line, read_id
from staff.questions import topic_fields
from staff.texts import word

UNITS_PATH = "/staff/don-vi"
ROUTING_PATH = "/staff/phan-viec"
NAME_LIMIT = 160


# -- units --------------------------------------------------------------------------------------------------------


async def show_units(console: Console, request: Request, visit: Visit) -> Response:
    """Every unit with its people."""
    return await _units(console, visit, done=request.query_params.get("xong", ""))


async def _units(console: Console, visit: Visit, *, typed: Typed | None = None, done: str = "") -> Response:
    def read(connection: Connection) -> tuple[list[Row[Any]], dict[int, list[Row[Any]]]]:
        units = queries.list_units(connection, department_id=console.department_id)
        people = members.list_members(connection, department_id=console.department_id)
        inside = members.units_by_member(connection, department_id=console.department_id)
        in_unit = {
            unit.id: [row for row in people if row.is_active and unit.id in inside.get(row.id, ())] for unit in units
        }
        return units, in_unit

    units, people = await console.database.read(read)
    return await console.page(
        "units.html", visit, status=400 if typed else 200, units=units, people=people, typed=typed or Typed(),
        done=done,
    )  # fmt: skip


async def add_unit(console: Console, request: Request, visit: Visit) -> Response:
    """A new unit."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        name = _free_name(connection, console, form)
        is_default = form.get("default") == "1"
        unit_id = queries.add_unit(
            connection, department_id=console.department_id, name=name, now=now, is_default=is_default
        )
        operations.audit(
            connection, department_id=console.department_id, action="unit.added", now=now,
            staff_member_id=visit.signed_in.id, unit=unit_id, name=name, is_default=is_default,
        )  # fmt: skip

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _units(console, visit, typed=Typed("them", str(fault), form))
    return RedirectResponse(f"{UNITS_PATH}?xong=them", 303)


def _free_name(connection: Connection, console: Console, form: Mapping[str, str], unit_id: int | None = None) -> str:
    """The name typed. Raises FormFault when it is missing or another unit's."""
    name = need_line(form, "name", limit=NAME_LIMIT, label=word("field.unit_name"))
    taken = queries.list_units(connection, department_id=console.department_id)
    if any(row.name.casefold() == name.casefold() and row.id != unit_id for row in taken):
        raise FormFault("unit_taken", name=name)
    return name


async def change_unit(console: Console, request: Request, visit: Visit) -> Response:
    """Its name, whether it takes requests, whether it gets what no rule routes."""
    form, now, unit_id = visit.form, console.now(), int(request.path_params["unit_id"])

    def write(connection: Connection) -> bool:
        known = {row.id for row in queries.list_units(connection, department_id=console.department_id)}
        if unit_id not in known:
            return False
        is_active = form.get("active") == "1"
        values = {"name": _free_name(connection, console, form, unit_id), "is_active": is_active,
                  "is_default": is_active and form.get("default") == "1"}  # fmt: skip
        queries.change_unit(connection, unit_id, department_id=console.department_id, **values)
        operations.audit(
            connection, department_id=console.department_id, action="unit.changed", now=now,
            staff_member_id=visit.signed_in.id, unit=unit_id, **values,
        )  # fmt: skip
        return True

    try:
        found = await console.database.write(write)
    except FormFault as fault:
        return await _units(console, visit, typed=Typed(f"luu-{unit_id}", str(fault), form))
    if not found:
        return await console.problem("missing", visit, status=404)
    return RedirectResponse(f"{UNITS_PATH}?xong=luu", 303)


# -- routing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A routing rule in words; ``works`` is false when its unit is switched off."""

    topic: str | None
    province: str | None
    unit: str
    works: bool


@dataclass(frozen=True)
class Routing:
    """What the page shows: where each topic goes, and the rules behind it."""

    units: list[Row[Any]]
    default: str | None
    labels: Mapping[str, str]
    rules: list[Rule]

    def goes_to(self, topic: str) -> str | None:
        """The unit of a topic wherever the person lives; None when there is none at all."""
        for wanted in (topic, None):
            for rule in self.rules:
                if rule.works and rule.topic == wanted and rule.province is None:
                    return rule.unit
        return self.default

    def exceptions(self, topic: str) -> list[Rule]:
        """The rules of a topic for single provinces."""
        return [rule for rule in self.rules if rule.topic == topic and rule.province is not None]

    def own(self, topic: str) -> Rule | None:
        """The rule of the topic itself."""
        return next((rule for rule in self.rules if rule.topic == topic and rule.province is None), None)

    @property
    def of_provinces(self) -> list[Rule]:
        """The rules for provinces, or for everything, whatever the topic."""
        return [rule for rule in self.rules if rule.topic is None]


def read_routing(connection: Connection, *, department_id: int) -> Routing:
    """Everything about routing, in three statements."""
    units = queries.list_units(connection, department_id=department_id)
    by_id = {unit.id: unit for unit in units}
    rules = [
        Rule(row.topic, row.province, by_id[row.unit_id].name, by_id[row.unit_id].is_active)
        for row in queries.list_rules(connection, department_id=department_id)
    ]
    default = next((unit.name for unit in units if unit.is_default and unit.is_active), None)
    return Routing(units, default, turns.topic_labels(connection, department_id=department_id), rules)


async def show_routing(console: Console, request: Request, visit: Visit) -> Response:
    """Which unit gets which topic, and exceptions by province."""
    return await _routing(console, visit, done=request.query_params.get("xong", ""))


async def _routing(console: Console, visit: Visit, *, typed: Typed | None = None, done: str = "") -> Response:
    routing = await console.database.read(lambda c: read_routing(c, department_id=console.department_id))
    return await console.page(
        "routing.html", visit, status=400 if typed else 200, routing=routing, typed=typed or Typed(), done=done,
        fields=topic_fields(routing.labels), provinces=provinces(), province_name=province_name,
    )  # fmt: skip


def _where(form: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Topic and province of a rule; an empty one means any. Raises FormFault."""
    topic, province = form.get("topic") or None, form.get("province") or None
    if topic is not None and topic not in load_taxonomy().topics:
        raise FormFault("choose", label=word("field.topic"))
    if province is not None and province not in {row.id for row in provinces()}:
        raise FormFault("choose", label=word("field.province"))
    return topic, province


async def set_rule(console: Console, request: Request, visit: Visit) -> Response:
    """Route a topic, a province or both."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        topic, province = _where(form)
        unit_id = read_id(form, "unit")
        known = {row.id: row.is_active for row in queries.list_units(connection, department_id=console.department_id)}
        if unit_id is None or not known.get(unit_id):
            raise FormFault("choose", label=word("field.unit"))
        queries.set_rule(
            connection, department_id=console.department_id, topic=topic, province=province, unit_id=unit_id
        )
        operations.audit(
            connection, department_id=console.department_id, action="routing.set", now=now,
            staff_member_id=visit.signed_in.id, topic=topic, province=province, unit=unit_id,
        )  # fmt: skip

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _routing(console, visit, typed=Typed("dat", str(fault), form))
    return RedirectResponse(f"{ROUTING_PATH}?xong=luu", 303)


async def remove_rule(console: Console, request: Request, visit: Visit) -> Response:
    """Take a rule back."""
    del request
    form, now = visit.form, console.now()

    def write(connection: Connection) -> None:
        topic, province = _where(form)
        queries.set_rule(connection, department_id=console.department_id, topic=topic, province=province, unit_id=None)
        operations.audit(
            connection, department_id=console.department_id, action="routing.removed", now=now,
            staff_member_id=visit.signed_in.id, topic=topic, province=province,
        )  # fmt: skip

    try:
        await console.database.write(write)
    except FormFault as fault:
        return await _routing(console, visit, typed=Typed("xoa", str(fault), form))
    return RedirectResponse(f"{ROUTING_PATH}?xong=xoa", 303)


PAGES = (
    Page("GET", UNITS_PATH, show_units, Right.SEE_SETTINGS),
    Page("POST", UNITS_PATH, add_unit, Right.MANAGE_DESK),
    Page("POST", UNITS_PATH + "/{unit_id:int}", change_unit, Right.MANAGE_DESK),
    Page("GET", ROUTING_PATH, show_routing, Right.SEE_SETTINGS),
    Page("POST", ROUTING_PATH, set_rule, Right.MANAGE_DESK),
    Page("POST", ROUTING_PATH + "/xoa", remove_rule, Right.MANAGE_DESK),
)
