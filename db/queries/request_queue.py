"""The console's queue: which requests a staff member sees, in tabs, filtered, page by page; and one of them in full."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, func, or_, select
from sqlalchemy.orm import aliased

from db.models import Conversation, Handover, Request, RequestStatus, StaffMember, StaffRole, Unit, UnitMember
from db.queries.privacy import request_columns, withdrew

COUNTED_AT_MOST = 99
NOT_DUE = frozenset({RequestStatus.ANSWERED, RequestStatus.CLOSED, RequestStatus.REJECTED, RequestStatus.WITHDRAWN})
WORKING_ROLES = (StaffRole.ADMINISTRATOR, StaffRole.MANAGER, StaffRole.OFFICER)


class Tab(StrEnum):
    """A part of the queue."""

    MINE = "mine"
    UNIT = "unit"
    UNASSIGNED = "unassigned"
    OVERDUE = "overdue"
    WAITING = "waiting"
    ALL = "all"


@dataclass(frozen=True)
class Viewer:
    """Who looks: everything of the department, or what is theirs, their units' and no unit's.

    ``finds_units`` leaves it to the database to find the units, which saves a statement where one row is read.
    """

    member_id: int
    unit_ids: tuple[int, ...]
    sees_all: bool
    finds_units: bool = False

    @property
    def units(self) -> Any:
        """The units, for a condition."""
        if not self.finds_units:
            return self.unit_ids
        return select(UnitMember.unit_id).where(UnitMember.staff_member_id == self.member_id)


@dataclass(frozen=True)
class Position:
    """Where a page begins: after this row, in the order of the tab."""

    due_at: dt.datetime
    id: int


@dataclass(frozen=True)
class QueueFilter:
    """What to show; None leaves a condition out. ``due_before`` is about clocks that run; ``ids`` come of a search."""

    tab: Tab
    status: str | None = None
    topic: str | None = None
    unit_id: int | None = None
    assignee_id: int | None = None
    province: str | None = None
    channel: str | None = None
    due_before: dt.datetime | None = None
    ids: Sequence[int] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the tab narrows it down."""
        return self == QueueFilter(self.tab, ids=self.ids)

    @property
    def by_due(self) -> bool:
        """Whether what is due first comes first; otherwise the newest, as where nothing is due any more."""
        return self.tab is not Tab.ALL and self.ids is None and self.status not in NOT_DUE


def viewer_of(connection: Connection, member_id: int, *, sees_all: bool) -> Viewer:
    """A staff member as one who looks at requests."""
    units = select(UnitMember.unit_id).where(UnitMember.staff_member_id == member_id).order_by(UnitMember.unit_id)
    return Viewer(member_id, tuple(connection.execute(units).scalars()), sees_all)


def visible(viewer: Viewer, *, unit_id: int | None = None, assignee_id: int | None = None) -> list[ColumnElement[bool]]:
    """What the viewer may see; where a unit or an officer is asked for too, only what that leaves open.

    Left whole, the alternatives make a database look through everything for what it cannot find.
    """
    if viewer.sees_all or assignee_id == viewer.member_id or unit_id in viewer.unit_ids:
        return []
    own = Request.assignee_id == viewer.member_id
    if unit_id is not None:
        return [own]
    return [or_(own, Request.unit_id.is_(None), Request.unit_id.in_(viewer.units))]


def _of_tab(viewer: Viewer, tab: Tab, *, now: dt.datetime) -> list[ColumnElement[bool]]:
    match tab:
        case Tab.MINE:
            return [Request.assignee_id == viewer.member_id]
        case Tab.UNIT if viewer.units == ():
            return [false()]  # an empty list would be compared with every open request
        case Tab.UNIT:
            return [Request.unit_id.in_(viewer.units)]
        case Tab.UNASSIGNED:
            return [Request.assignee_id.is_(None)]
        case Tab.OVERDUE:
            return _due_before(now)
        case Tab.WAITING:
            return [Request.is_open.is_(True), Request.status == RequestStatus.WAITING]
        case Tab.ALL:
            return []


def _due_before(moment: dt.datetime) -> list[ColumnElement[bool]]:
    # what runs is open too; said again because the indexes lead with it
    return [Request.is_open.is_(True), Request.is_running.is_(True), Request.due_at < moment]


def _where(
    viewer: Viewer, wanted: QueueFilter, *, department_id: int, now: dt.datetime
) -> list[ColumnElement[bool]]:  # fmt: skip
    exact = (
        (Request.status, wanted.status), (Request.topic, wanted.topic), (Request.unit_id, wanted.unit_id),
        (Request.assignee_id, wanted.assignee_id), (Request.province, wanted.province),
        (Request.channel, wanted.channel),
    )  # fmt: skip
    # what is theirs or their units' is theirs to see
    is_theirs = wanted.tab in {Tab.MINE, Tab.UNIT}
    seen = [] if is_theirs else visible(viewer, unit_id=wanted.unit_id, assignee_id=wanted.assignee_id)
    clauses = [Request.department_id == department_id, *seen, *_of_tab(viewer, wanted.tab, now=now)]
    clauses += [column == value for column, value in exact if value is not None]
    if wanted.status is None and wanted.tab in {Tab.MINE, Tab.UNIT, Tab.UNASSIGNED}:
        clauses.append(Request.is_open.is_(True))
    if wanted.due_before is not None:
        clauses += _due_before(wanted.due_before)
    if wanted.ids is not None:
        clauses.append(Request.id.in_(wanted.ids))
    return clauses


def list_requests(
    connection: Connection, viewer: Viewer, wanted: QueueFilter, *, department_id: int, now: dt.datetime, limit: int,
    after: Position | None = None,
) -> list[Row[Any]]:  # fmt: skip
    """A page of the queue; beside the columns of the request the names of its ``unit`` and ``assignee``."""
    columns: tuple[Any, ...] = (
        Request.id, Request.code, Request.status, Request.priority, Request.topic, Request.question,
        Request.description, Request.name, Request.organisation, Request.province, Request.old_province,
        Request.channel, Request.created_at, Request.due_at, Request.due_provisional, Request.is_open,
        Request.is_running, Request.unread_at, Request.version, Unit.name.label("unit"),
        StaffMember.name.label("assignee"),
    )  # fmt: skip
    clauses = _where(viewer, wanted, department_id=department_id, now=now)
    statement = (
        select(*columns)
        .outerjoin(Unit, Unit.id == Request.unit_id)
        .outerjoin(StaffMember, StaffMember.id == Request.assignee_id)
    )
    if after is not None and wanted.by_due:
        same = and_(Request.due_at == after.due_at, Request.id > after.id)
        # the first condition alone bounds the index; the second only parts rows that are due at one moment
        clauses += [Request.due_at >= after.due_at, or_(Request.due_at > after.due_at, same)]
    elif after is not None:
        clauses.append(Request.id < after.id)
    order = (Request.due_at, Request.id) if wanted.by_due else (Request.id.desc(),)
    return list(connection.execute(statement.where(*clauses).order_by(*order).limit(limit)))


def newest_id(connection: Connection, *, department_id: int) -> int:
    """The id of the newest request; 0 when there is none."""
    statement = select(Request.id).where(Request.department_id == department_id).order_by(Request.id.desc()).limit(1)
    return int(connection.execute(statement).scalar() or 0)


def count_news(
    connection: Connection, viewer: Viewer, wanted: QueueFilter, *, department_id: int, now: dt.datetime, newest: int,
    since: dt.datetime,
) -> tuple[int, int]:  # fmt: skip
    """What came since a page was made, each counted up to ``COUNTED_AT_MOST`` + 1.

    Requests of the filter filed after ``newest``, and older ones in which the person wrote after ``since``.
    """
    clauses = _where(viewer, wanted, department_id=department_id, now=now)
    counts = []
    for extra in ((Request.id > newest,), (Request.id <= newest, Request.unread_at > since)):
        few = select(Request.id).where(*clauses, *extra).limit(COUNTED_AT_MOST + 1).subquery()
        counts.append(select(func.count()).select_from(few).scalar_subquery())
    filed, written = connection.execute(select(*counts)).one()
    return int(filed), int(written)


def find_for_assignment(
    connection: Connection, viewer: Viewer, codes: Sequence[str], *, department_id: int
) -> list[Row[Any]]:
    """The requests of these codes that the viewer may see: ``id``, ``code``; in the order in which they are locked."""
    statement = (
        select(Request.id, Request.code)
        .where(Request.department_id == department_id, Request.code.in_(codes), *visible(viewer))
        .order_by(Request.conversation_id, Request.id)
    )
    return list(connection.execute(statement))


def count_tabs(
    connection: Connection, viewer: Viewer, *, department_id: int, now: dt.datetime
) -> dict[Tab, int]:  # fmt: skip
    """How many open requests each tab holds, counted up to ``COUNTED_AT_MOST`` + 1; all of them, it does not count."""
    tabs = [tab for tab in Tab if tab is not Tab.ALL]
    counts = []
    for tab in tabs:
        clauses = _where(viewer, QueueFilter(tab), department_id=department_id, now=now)
        few = select(Request.id).where(*clauses).limit(COUNTED_AT_MOST + 1).subquery()
        counts.append(select(func.count()).select_from(few).scalar_subquery().label(tab.value))
    row = connection.execute(select(*counts)).one()
    return dict(zip(tabs, row, strict=True))


def find_visible(
    connection: Connection, code: str, viewer: Viewer, *, department_id: int, now: dt.datetime
) -> Row[Any] | None:
    """A request with its unit's and assignee's name, its conversation's reachability and who holds that.

    Beside the columns of the request: ``unit``, ``assignee``, ``last_interaction_at``, ``unreachable_at``,
    ``holder_id``, ``holder``, ``held_until`` and ``withdrew``: the person's consent, and with it their ``phone``, is
    gone. None if it is not theirs to see.
    """
    holder = aliased(StaffMember)
    held = and_(
        Handover.conversation_id == Request.conversation_id, Handover.ended_at.is_(None), Handover.expires_at > now
    )
    statement: Any = (
        select(
            *request_columns(), Unit.name.label("unit"), StaffMember.name.label("assignee"),
            Conversation.last_interaction_at, Conversation.unreachable_at, holder.id.label("holder_id"),
            holder.name.label("holder"), Handover.expires_at.label("held_until"),
            withdrew().label("withdrew"),
        )
        .outerjoin(Unit, Unit.id == Request.unit_id)
        .outerjoin(StaffMember, StaffMember.id == Request.assignee_id)
        .outerjoin(Conversation, Conversation.id == Request.conversation_id)
        .outerjoin(Handover, held)
        .outerjoin(holder, holder.id == Handover.staff_member_id)
        .where(Request.code == code, Request.department_id == department_id, *visible(viewer))
    )  # fmt: skip
    return connection.execute(statement).first()


def list_colleagues(connection: Connection, *, department_id: int) -> list[Row[Any]]:
    """Who may be given a request: ``id``, ``name``, by name."""
    statement = select(StaffMember.id, StaffMember.name).where(
        StaffMember.department_id == department_id, StaffMember.is_active.is_(True),
        StaffMember.role.in_(WORKING_ROLES),
    )  # fmt: skip
    return list(connection.execute(statement.order_by(StaffMember.name, StaffMember.id)))
