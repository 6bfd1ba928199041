"""Giving many requests of the queue to one person at once; each stands for itself."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from db.queries import request_queue
from desk import actions
from desk.change import Actor
from desk.codes import find_code
from desk.errors import DeskError
from desk.settings import load_desk
from staff.access import QUEUE_PATH, Console, Visit, safe_return
from staff.queue import ASSIGNED, LEFT
from staff.request_actions import Submitted
from staff.request_page import read_viewer

BULK_PATH = "/staff/giao-viec"
CHOSEN = "chon-"  # a box's name is this and the code, its value the version that was seen
CODES_SHOWN = 5


def read_chosen(form: Mapping[str, str]) -> dict[str, int]:
    """Code to version of the boxes that were ticked; what is no code is left out."""
    chosen: dict[str, int] = {}
    for name, value in form.items():
        found = find_code(name.removeprefix(CHOSEN)) if name.startswith(CHOSEN) else None
        if found is not None and value.isascii() and value.isdecimal() and len(value) < 10:
            chosen[found.code] = int(value)
    return chosen


async def assign_chosen(console: Console, request: Request, visit: Visit) -> Response:
    """Assign what was ticked, as far as it is still as it was seen; the queue says how many, and which were left."""
    del request
    member, now, chosen = visit.signed_in, console.now(), read_chosen(visit.form)
    actor = Actor.staff(member.id, member.name)

    def write(connection: Connection) -> tuple[int, list[str]]:
        desk = load_desk(connection, department_id=console.department_id)
        given = Submitted(None, visit.form, connection, console.department_id)
        try:
            assignee = given.colleague()
        except DeskError:
            return 0, sorted(chosen)
        viewer, done = read_viewer(connection, visit), 0
        left = set(chosen)
        for row in request_queue.find_for_assignment(
            connection, viewer, list(chosen), department_id=console.department_id
        ):
            try:  # the desk refuses before it writes anything
                actions.assign(
                    connection, desk, request_id=row.id, assignee_id=assignee, actor=actor, now=now,
                    version=chosen[row.code],
                )  # fmt: skip
            except DeskError:
                continue
            left.discard(row.code)
            done += 1
        return done, sorted(left)

    done, left = await console.database.write(write)
    return RedirectResponse(_back(visit.form.get("tiep", ""), done, left), 303)


def _back(back: str, done: int, left: list[str]) -> str:
    """The page of the queue one came from, told what became of it."""
    parts = urlsplit(safe_return(back))
    kept = parse_qsl(parts.query) if parts.path == QUEUE_PATH else []
    query = [(name, value) for name, value in kept if name not in {ASSIGNED, LEFT, "xong"}]
    query.append((ASSIGNED, str(done)))
    if left:
        query.append((LEFT, ",".join(left[:CODES_SHOWN]) + (",…" if len(left) > CODES_SHOWN else "")))
    return f"{QUEUE_PATH}?{urlencode(query)}"
