"""One support request in full, and the files that came with it."""

from __future__ import annotations

import datetime as dt
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from db.models import MessageAuthor, OutboxStatus, RequestStatus, SwitchMode
from db.queries import canned_replies, channels, request_files, request_queue, request_similar, requests, turns
from db.queries import desk as desk_queries
from db.queries.request_queue import Viewer
from desk import actions, states
from desk.codes import find_code
from desk.errors import DeskError, StaleRequest, TransitionRefused
from desk.files import blob_path, thumbnail_path
from desk.places import show_place
from desk.text import words
from knowledge.taxonomy import load_taxonomy
from staff import canned
from staff.access import QUEUE_PATH, Console, Member, Right, Visit
from staff.accounts import LARGEST_ID
from staff.clock import due_words
from staff.questions import topic_fields
from staff.texts import console_texts, word
from staff.windows import reach_of

REQUEST_PATH = QUEUE_PATH + "/{code}"
SHOWN_IMAGES = frozenset({"image/jpeg", "image/png", "image/webp"})
UNSENT = frozenset({OutboxStatus.WAITING_WINDOW, OutboxStatus.UNDELIVERABLE})


@dataclass(frozen=True)
class Refused:
    """A form that was not carried out: which, why, and what was typed, so that nothing is lost."""

    slug: str
    error: DeskError
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Why, for the page."""
        return word(self.error.key, **self.error.fields)

    @property
    def status(self) -> int:
        """Of the HTTP response."""
        return 409 if isinstance(self.error, (StaleRequest, TransitionRefused)) else 400


@dataclass(frozen=True)
class InFull:
    """Everything the page shows of a request."""

    request: Row[Any]
    messages: list[Row[Any]]
    history: list[Row[Any]]
    files: list[Row[Any]]
    before: list[Row[Any]]
    similar: list[Row[Any]]
    labels: Mapping[str, str]
    units: list[Row[Any]]
    colleagues: list[Row[Any]]
    canned: list[Row[Any]]
    is_off: bool  # the person's channel is switched off


def read_viewer(connection: Connection, visit: Visit) -> Viewer:
    """Who is signed in, as one who looks at requests."""
    member = visit.signed_in
    return request_queue.viewer_of(connection, member.id, sees_all=member.may(Right.SEE_ALL_REQUESTS))


def viewer_of(visit: Visit) -> Viewer:
    """The same for a single request, without asking first which units are theirs."""
    member = visit.signed_in
    return Viewer(member.id, (), member.may(Right.SEE_ALL_REQUESTS), finds_units=True)


def code_of(request: Request) -> str:
    """The code in an address, in the written form; one that cannot be a code finds nothing."""
    found = find_code(str(request.path_params["code"])[:32])
    return found.code if found else ""


def read_request(
    connection: Connection, code: str, viewer: Viewer, *, department_id: int, now: dt.datetime
) -> InFull | None:
    """A request with all that belongs to it, in twelve statements; None when there is none that the viewer may see."""
    row = request_queue.find_visible(connection, code, viewer, department_id=department_id, now=now)
    if row is None:
        return None
    about = [one for one in words(row.description or "") if len(one) > 1]
    similar = request_similar.similar_requests(connection, row, about, viewer)
    switches = channels.list_switches(connection, department_id=department_id)
    before: list[Row[Any]] = []
    if row.conversation_id is not None:
        before = turns.turns_before(connection, row.conversation_id, department_id=department_id, before=row.created_at)
    return InFull(
        row, requests.messages_of(connection, row.id), requests.history_of(connection, row.id),
        request_files.files_of(connection, request_id=row.id), before, similar,
        turns.topic_labels(connection, department_id=department_id),
        [unit for unit in desk_queries.list_units(connection, department_id=department_id) if unit.is_active],
        request_queue.list_colleagues(connection, department_id=department_id),
        canned_replies.list_replies(
            connection, department_id=department_id, of_units=[] if row.unit_id is None else [row.unit_id]
        ),
        any(switch.channel == row.channel and switch.mode == SwitchMode.OFF for switch in switches),
    )  # fmt: skip


def possible_actions(request: Row[Any], member: Member, now: dt.datetime) -> list[str]:
    """What the member may do now, by the desk's own table; what its time is over for is left out."""
    if not member.may(Right.WORK_ON_REQUESTS):
        return []
    names = states.allowed(request.status, states.Who.STAFF)
    if request.conversation_id is not None:
        names += ["take"] if request.holder_id != member.id else []
        names += ["give_back"] if request.holder_id is not None else []
    late = request.closed_at is not None and now > request.closed_at + actions.REOPEN_DAYS * actions.DAY
    extended = request.extended_at is not None or (request.is_running and now > request.due_at)
    read = request.unread_at is None or request.status == RequestStatus.NEW  # what is new is read by taking it
    gone = {"reopen": late, "extend": extended, "mark_read": read}
    return [name for name in names if not gone.get(name)]


async def show_request(console: Console, request: Request, visit: Visit) -> Response:
    """The page of a request; one that is not there for this member looks like one that does not exist."""
    return await show(console, request, visit)


async def show(console: Console, request: Request, visit: Visit, refused: Refused | None = None) -> Response:
    """The page; after a refusal with what was typed still in its form and the reason above."""
    code, now, member = code_of(request), console.now(), visit.signed_in
    found = await console.database.read(
        lambda c: read_request(c, code, viewer_of(visit), department_id=console.department_id, now=now)
    )
    if found is None:
        return await console.problem("missing", visit, status=404)
    row = found.request
    topic = found.labels.get(row.topic or "", row.topic)
    values = canned.values_of(row, officer=member.name, department=await console.department(), topic=topic)
    texts = {reply.id: canned.fill(reply.text, values) for reply in found.canned}
    chosen = request.query_params.get("mau", "")
    done = f"done.{request.query_params.get('xong', '')}"
    return await console.page(
        "request.html", visit, status=refused.status if refused else 200, found=found, request=row, refused=refused,
        can=possible_actions(row, member, now), texts=texts,
        reach=reach_of(row, console.windows, now, is_off=found.is_off),
        prefilled=next((text for number, text in texts.items() if str(number) == chosen), ""),
        fields=topic_fields(found.labels),
        base=f"{QUEUE_PATH}/{row.code}", due=due_words(row, now), place=_place(row), unsent=UNSENT,
        done=word(done) if done in console_texts() and refused is None else None,
        kind=load_taxonomy().audiences.get(row.requester_kind or ""), Author=MessageAuthor, Status=RequestStatus,
        show_phone=show_phone, is_image=is_image, file_name=file_name, text_limit=4000,
    )  # fmt: skip


def _place(row: Row[Any]) -> str:
    return show_place(row.province, row.old_province, row.commune, row.former_unit, row.place)


def show_phone(phone: str) -> str:
    """A phone number as people here write it: ``0912 345 678``; one from abroad as it is kept."""
    match = re.fullmatch(r"\+84(\d{2,3})(\d{3})(\d{3,4})", phone)
    return " ".join(("0" + match[1], match[2], match[3])) if match else phone


# -- files --------------------------------------------------------------------------------------------------------


def is_image(file: Row[Any]) -> bool:
    """Whether a file may be shown in a page: only pictures this service has made anew itself."""
    return bool(file.is_reencoded) and file.media_type in SHOWN_IMAGES


def file_name(file: Row[Any]) -> str:
    """The name a file is saved under: its own, without any path, or one made of its number."""
    own = Path((file.name or "").replace("\\", "/")).name
    return own or f"tep-{file.id}{mimetypes.guess_extension(file.media_type) or ''}"


async def send_file(console: Console, request: Request, visit: Visit) -> Response:
    """A file of a request the member may see: always a download, unless it is a picture made anew by us."""
    file = await _find_file(console, request, visit)
    path = _blob(console, file)
    if file is None or path is None:
        return await console.problem("missing", visit, status=404)
    shown = is_image(file)
    return _send(path, file_name(file), file.media_type if shown else "application/octet-stream", shown=shown)


async def send_thumbnail(console: Console, request: Request, visit: Visit) -> Response:
    """The small picture of an image, for whoever may see the image; where there is none, the image itself."""
    file = await _find_file(console, request, visit)
    path = _blob(console, file)
    if file is None or path is None or not is_image(file):
        return await console.problem("missing", visit, status=404)
    small = thumbnail_path(console.files_dir, file.content_hash)
    if not small.is_file():
        return _send(path, file_name(file), file.media_type, shown=True)
    return _send(small, f"tep-{file.id}.jpg", "image/jpeg", shown=True)


async def _find_file(console: Console, request: Request, visit: Visit) -> Row[Any] | None:
    """The row of a file, of this request and within what the member may see."""
    code, file_id = code_of(request), int(request.path_params["file_id"])

    def read(connection: Connection) -> Row[Any] | None:
        viewer, now = viewer_of(visit), console.now()
        row = request_queue.find_visible(connection, code, viewer, department_id=console.department_id, now=now)
        if row is None or file_id > LARGEST_ID:
            return None
        file = request_files.find_file(connection, file_id, department_id=console.department_id)
        return file if file is not None and file.request_id == row.id else None

    return await console.database.read(read)


def _blob(console: Console, file: Row[Any] | None) -> Path | None:
    """Where the content lies; None when there is no such file, or its content has gone."""
    path = blob_path(console.files_dir, file.content_hash) if file is not None and file.content_hash else None
    return path if path is not None and path.is_file() else None


def _send(path: Path, name: str, media_type: str, *, shown: bool) -> Response:
    return FileResponse(
        path, filename=name, content_disposition_type="inline" if shown else "attachment", media_type=media_type,
        headers={"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"},
    )  # fmt: skip
