"""What people asked about their own data: dated tasks with the law's clocks, carried out, put off once or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.models import DataRight, DataTaskStatus
from db.queries import conversations
from db.queries import privacy as queries
from desk import privacy
from desk.change import Actor
from desk.errors import DeskError, RequestNotFound, TaskNotFound
from desk.settings import Desk, load_desk
from staff.access import Console, Handler, Page, Right, Visit
from staff.accounts import LARGEST_ID
from staff.clock import due_words
from staff.forms import Typed
from staff.request_page import show_phone
from staff.texts import word

DATA_TASKS_PATH = "/staff/du-lieu"
TASK_PATH = DATA_TASKS_PATH + "/{task_id:int}"
SHOWN_OPEN, SHOWN_ENDED = 200, 20


def task_due(row: Row[Any], now: dt.datetime) -> tuple[str, str]:
    """When a task is due, in words, and how pressing it is."""
    is_open = row.status == DataTaskStatus.OPEN
    return due_words(
        SimpleNamespace(is_open=is_open, is_running=is_open, due_at=row.due_at, due_provisional=False), now
    )


async def show_tasks(console: Console, request: Request, visit: Visit) -> Response:
    """The open ones, the most urgent first, and the last that ended."""

    def read(connection: Connection) -> tuple[list[Row[Any]], list[Row[Any]]]:
        def rows(limit: int, *, is_open: bool) -> list[Row[Any]]:
            return queries.tasks_with_people(
                connection, department_id=console.department_id, is_open=is_open, limit=limit
            )

        return rows(SHOWN_OPEN, is_open=True), rows(SHOWN_ENDED, is_open=False)

    tasks, ended = await console.database.read(read)
    return await console.page(
        "data_tasks.html", visit, tasks=tasks, ended=ended, task_due=task_due,
        done=request.query_params.get("xong", ""),
    )  # fmt: skip


async def show_task(console: Console, request: Request, visit: Visit) -> Response:
    """One task, with everything that is kept about its person: to be looked at, corrected, or printed as the copy.

    Every time it is shown is written to the audit log, before the first byte goes out.
    """
    return await _task(console, request, visit)


async def _task(
    console: Console, request: Request, visit: Visit, *, typed: Typed | None = None, status: int = 200
) -> Response:
    task_id, now = int(request.path_params["task_id"]), console.now()

    def read(connection: Connection) -> tuple[Row[Any] | None, dict[str, Any] | None]:
        row = queries.find_task(connection, task_id, department_id=console.department_id)
        if row is None:
            return None, None
        desk = load_desk(connection, department_id=console.department_id)
        return row, privacy.read_for_task(connection, desk, task=row, actor=_actor(visit), now=now)

    row, held = await console.database.write(read) if task_id <= LARGEST_ID else (None, None)
    if row is None:
        return await console.problem("missing", visit, status=404)
    can_extend = row.status == DataTaskStatus.OPEN and row.extended_at is None and now <= row.due_at
    return await console.page(
        "data_task.html", visit, status=status, task=row, held=held, due=task_due(row, now), typed=typed or Typed(),
        is_open=row.status == DataTaskStatus.OPEN, can_extend=can_extend, show_phone=show_phone,
        erases=row.right == DataRight.ERASE, clocks=privacy.CLOCKS[DataRight(row.right)],
    )  # fmt: skip


# -- what is done with one ----------------------------------------------------------------------------------------


def _finish(connection: Connection, desk: Desk, task_id: int, visit: Visit, now: dt.datetime) -> None:
    privacy.finish(connection, desk, task_id=task_id, actor=_actor(visit), now=now)


def _erase(connection: Connection, desk: Desk, task_id: int, visit: Visit, now: dt.datetime) -> None:
    """Raises DeskError."""
    known = queries.find_task(connection, task_id, department_id=desk.department_id)
    if known is not None and known.conversation_id is not None:  # first the conversation, as everybody who erases
        conversations.lock_conversation(connection, known.conversation_id)
    row = queries.lock_task(connection, task_id, department_id=desk.department_id)
    if row is None or row.status != DataTaskStatus.OPEN or row.right != DataRight.ERASE:
        raise TaskNotFound
    privacy.erase(
        connection, desk, conversation_id=row.conversation_id, actor=_actor(visit), now=now, asked_at=row.opened_at
    )


def _extend(connection: Connection, desk: Desk, task_id: int, visit: Visit, now: dt.datetime) -> None:
    reason = visit.form.get("reason", "")
    privacy.extend(connection, desk, task_id=task_id, reason=reason, actor=_actor(visit), now=now)


def _refuse(connection: Connection, desk: Desk, task_id: int, visit: Visit, now: dt.datetime) -> None:
    reason = visit.form.get("reason", "")
    privacy.refuse(connection, desk, task_id=task_id, reason=reason, actor=_actor(visit), now=now)


def _actor(visit: Visit) -> Actor:
    return Actor.staff(visit.signed_in.id, visit.signed_in.name)


def _handler(slug: str, run: Callable[[Connection, Desk, int, Visit, dt.datetime], None]) -> Handler:
    async def submit(console: Console, request: Request, visit: Visit) -> Response:
        task_id, now = int(request.path_params["task_id"]), console.now()

        def write(connection: Connection) -> bool:
            if task_id > LARGEST_ID or not queries.find_task(connection, task_id, department_id=console.department_id):
                return False
            run(connection, load_desk(connection, department_id=console.department_id), task_id, visit, now)
            return True

        try:
            found = await console.database.write(write)
        except DeskError as error:
            over = isinstance(error, (TaskNotFound, RequestNotFound))
            codes = error.fields.get("codes")
            fields = {**error.fields, "codes": ", ".join(codes) if isinstance(codes, list) else ""}
            key = "data_task.extended_already" if error.key == "desk.extended_already" else error.key
            typed = Typed(slug, word(key, **fields), visit.form)
            return await _task(console, request, visit, typed=typed, status=409 if over else 400)
        if not found:
            return await console.problem("missing", visit, status=404)
        return RedirectResponse(f"{DATA_TASKS_PATH}?xong=du-lieu-{slug}", 303)

    return submit


PAGES = (
    Page("GET", DATA_TASKS_PATH, show_tasks, Right.SEE_DATA_TASKS),
    Page("GET", TASK_PATH, show_task, Right.SEE_DATA_TASKS),
    Page("POST", TASK_PATH + "/xong", _handler("xong", _finish), Right.WORK_ON_DATA_TASKS),
    Page("POST", TASK_PATH + "/xoa", _handler("xoa", _erase), Right.WORK_ON_DATA_TASKS),
    Page("POST", TASK_PATH + "/gia-han", _handler("gia-han", _extend), Right.WORK_ON_DATA_TASKS),
    Page("POST", TASK_PATH + "/tu-choi", _handler("tu-choi", _refuse), Right.WORK_ON_DATA_TASKS),
)
