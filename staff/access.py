"""The one gate in front of every page: who is signed in, what the role may do, whether a form is ours.

Pages are rows of a table (``Page``). Nothing is reachable that has no row, and a row without a right cannot be written.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlsplit

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from db.engine import Database
from db.models import StaffRole
from db.queries import departments
from db.queries import staff as queries
from staff.forms import read_form
from staff.kept import FIELD, Kept, open_kept
from staff.passwords import Hashing
from staff.rendering import problem_words, render, render_problem
from staff.second_factor import Step, missing_step
from staff.signing import Signer, token_hash
from staff.windows import Window
from staff.zalo_pairing import ZaloPairing

log = structlog.get_logger()

SESSION_LIFE = dt.timedelta(hours=12)
SESSION_IDLE = dt.timedelta(hours=2)
COOKIE_LIFE = dt.timedelta(days=7)  # outlives its session, so that a form sent too late is known to be ours
TOUCH_EVERY = dt.timedelta(minutes=1)
NAME_LIFE_S = 2.0
STOP_ASKING = 286  # to htmx: ask no more
SIGN_IN_PATH = "/staff/dang-nhap"
HOME_PATH = "/staff/"
QUEUE_PATH = "/staff/yeu-cau"
STEP_PATHS: Mapping[Step, str] = {Step.CODE: "/staff/xac-nhan", Step.ENROL: "/staff/hai-lop"}


class Right(StrEnum):
    """What a page asks of whoever opens it."""

    ANYBODY = "anybody"
    HALF_SIGNED_IN = "half_signed_in"  # the only pages before the second factor
    SIGNED_IN = "signed_in"
    SEE_QUESTIONS = "see_questions"
    EXPORT_QUESTIONS = "export_questions"
    SEE_REQUESTS = "see_requests"
    SEE_ALL_REQUESTS = "see_all_requests"
    WORK_ON_REQUESTS = "work_on_requests"
    KEEP_CANNED = "keep_canned"
    EXPORT_REQUESTS = "export_requests"
    SEE_SETTINGS = "see_settings"
    MANAGE_STAFF = "manage_staff"
    MANAGE_DESK = "manage_desk"
    SWITCH_CHANNELS = "switch_channels"
    CONNECT_CHANNELS = "connect_channels"
    SEE_AUDIT = "see_audit"
    SEE_DATA_TASKS = "see_data_tasks"
    WORK_ON_DATA_TASKS = "work_on_data_tasks"


OVERSEERS = frozenset({StaffRole.ADMINISTRATOR, StaffRole.MANAGER, StaffRole.AUDITOR})
DESK_ROLES = frozenset({StaffRole.OFFICER, StaffRole.MANAGER})  # requests are their day's work
ROLES: dict[Right, frozenset[StaffRole]] = {
    Right.HALF_SIGNED_IN: frozenset(StaffRole),
    Right.SIGNED_IN: frozenset(StaffRole),
    Right.SEE_QUESTIONS: frozenset(StaffRole),
    # a file leaves the house: only for those who answer for the whole
    Right.EXPORT_QUESTIONS: frozenset(StaffRole) - {StaffRole.OFFICER},
    # who writes content needs no names and phone numbers
    Right.SEE_REQUESTS: frozenset(StaffRole) - {StaffRole.CURATOR},
    # an officer sees their own, their units' and what no unit has yet
    Right.SEE_ALL_REQUESTS: OVERSEERS,
    Right.WORK_ON_REQUESTS: frozenset({StaffRole.ADMINISTRATOR, StaffRole.MANAGER, StaffRole.OFFICER}),
    # what goes out in everybody's name
    Right.KEEP_CANNED: frozenset({StaffRole.ADMINISTRATOR, StaffRole.MANAGER}),
    Right.EXPORT_REQUESTS: OVERSEERS,
    Right.SEE_SETTINGS: OVERSEERS,
    Right.MANAGE_STAFF: frozenset({StaffRole.ADMINISTRATOR}),
    Right.MANAGE_DESK: frozenset({StaffRole.ADMINISTRATOR, StaffRole.MANAGER}),
    # in an emergency nobody should have to look for the administrator
    Right.SWITCH_CHANNELS: frozenset({StaffRole.ADMINISTRATOR, StaffRole.MANAGER}),
    Right.CONNECT_CHANNELS: frozenset({StaffRole.ADMINISTRATOR}),
    Right.SEE_AUDIT: OVERSEERS,
    Right.SEE_DATA_TASKS: OVERSEERS,
    # whoever answers for the department erases in its name
    Right.WORK_ON_DATA_TASKS: frozenset({StaffRole.ADMINISTRATOR, StaffRole.MANAGER}),
}


@dataclass(frozen=True)
class Member:
    """Who is signed in."""

    id: int
    login: str
    name: str
    role: StaffRole

    def may(self, right: Right) -> bool:
        """Whether the role has the right."""
        return self.role in ROLES[right]

    @property
    def home(self) -> str:
        """Where the member's work begins: at the queue, or at the overview."""
        return QUEUE_PATH if self.role in DESK_ROLES else HOME_PATH


@dataclass(frozen=True)
class Visit:
    """One request that passed the gate. ``token`` belongs into every form; ``form`` is what was posted.

    ``step`` is what the session still has to do; None on every page but those of the second step itself.
    """

    member: Member | None
    token: str
    session_hash: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    step: Step | None = None

    @property
    def signed_in(self) -> Member:
        """The member on a page that asks for one."""
        assert self.member is not None
        return self.member


@dataclass
class Console:
    """What every page may use."""

    database: Database
    department_id: int
    signer: Signer
    secure: bool
    channels: tuple[str, ...]
    address_of: Callable[[Request], str]
    files_dir: Path
    public_host: str | None = None
    zalo: ZaloPairing | None = None
    hashing: Hashing = field(default_factory=Hashing)
    windows: Mapping[str, Window] = field(default_factory=dict)
    ask_again: Callable[[Console, Request, Kept], Awaitable[Response]] | None = None
    _department: tuple[float, str] | None = None

    @staticmethod
    def now() -> dt.datetime:
        """The time, aware."""
        return dt.datetime.now(dt.UTC)

    @property
    def session_cookie(self) -> str:
        """``__Host-`` makes browsers refuse the cookie from anywhere but this very host over https."""
        return "__Host-khcn_staff" if self.secure else "khcn_staff"

    @property
    def form_cookie(self) -> str:
        """Ties the forms of people who are not signed in to their browser."""
        return "__Host-khcn_form" if self.secure else "khcn_form"

    def set_cookie(self, response: Response, name: str, value: str, *, life: dt.timedelta) -> None:
        """A cookie that scripts cannot read and other sites cannot send along with a form."""
        response.set_cookie(
            name, value, max_age=int(life.total_seconds()), path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def drop_cookie(self, response: Response, name: str) -> None:
        """Make the browser forget a cookie."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")

    async def department(self) -> str:
        """The department's short name, as it was a few seconds ago at most."""
        if self._department is None or time.monotonic() - self._department[0] > NAME_LIFE_S:
            row = await self.database.read(departments.find_department)
            self._department = time.monotonic(), str(row.short_name) if row else ""
        return self._department[1]

    def address(self, request: Request, path: str) -> str:
        """A path as an address that works elsewhere too."""
        scheme = "https" if self.secure else "http"
        return f"{scheme}://{self.public_host or request.url.netloc}{path}"

    async def page(self, template: str, visit: Visit, *, status: int = 200, **values: object) -> Response:
        """A template, filled in for this visit."""
        return render(
            template, status=status, visit=visit, now=self.now(), department=await self.department(), Right=Right,
            **values,
        )  # fmt: skip

    async def problem(self, key: str, visit: Visit, *, status: int) -> Response:
        """What went wrong and the way back, below the head of whoever is signed in."""
        return await self.page("problem.html", visit, status=status, **problem_words(key))


Handler = Callable[[Console, Request, Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """One row of the table of pages. A ``POST`` changes something and needs the form token; a ``GET`` never does.

    ``is_background``: an open page asks for it by itself, which does not keep a session alive. Without one, or before
    the second step, it gets nothing and the word to ask no more: the next click leads to where one signs in.
    """

    method: str
    path: str
    handler: Handler
    right: Right
    is_background: bool = False


def route(console: Console, page: Page) -> Route:
    """A page behind the gate."""
    return _guarded(page.path, page.method, lambda request: _enter(console, page, request))


def missing_route(console: Console) -> Route:
    """What no page has: said below their head to those who are signed in, and to strangers without anything."""

    async def enter(request: Request) -> Response:
        session = request.cookies.get(console.session_cookie, "")
        found = await _who(console, session, touch=False) if session else None
        if found is None:
            return render_problem("missing", 404)
        return await console.problem("missing", _visit(console, session, *found), status=404)

    return _guarded("/staff/{rest:path}", "GET", enter)


def _guarded(path: str, method: str, enter: Callable[[Request], Awaitable[Response]]) -> Route:
    """A route whose failures are said calmly."""

    async def answer(request: Request) -> Response:
        try:
            response = await enter(request)
        except ClientDisconnect:
            response = Response(status_code=400)
        except (SQLAlchemyError, OSError) as error:
            log.warning("console_unavailable", page=path, error=type(error).__name__)
            response = render_problem("away", 503)
        except Exception:
            log.exception("console_failed", page=path)  # the template of the path: a real one may be a secret
            response = render_problem("failure", 500)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return Route(path, answer, methods=[method])


async def _enter(console: Console, page: Page, request: Request) -> Response:
    if page.right is Right.ANYBODY:
        return await _enter_unknown(console, page, request)
    session = request.cookies.get(console.session_cookie, "")
    found = await _who(console, session, touch=not page.is_background) if session else None
    if found is None:
        return _stop_asking() if page.is_background else await _turn_away(console, page, request, session)
    member, step = found
    if step is not None and page.right is not Right.HALF_SIGNED_IN:
        return _stop_asking() if page.is_background else _to_step(step, page, request)
    visit = _visit(console, session, member, step)
    if page.method != "GET":
        visit = replace(visit, form=await read_form(request))
        if not _is_our_form(console, request, visit.form, session):
            return await _refuse_form(console, request, visit)
    if not member.may(page.right):
        return await console.problem("role", visit, status=403)
    return await page.handler(console, request, visit)


def _visit(console: Console, session: str, member: Member, step: Step | None) -> Visit:
    return Visit(member, console.signer.digest("form", session), token_hash(session), step=step)


async def _turn_away(console: Console, page: Page, request: Request, session: str) -> Response:
    """To the sign-in. What was typed into a form whose session has ended goes along."""
    if page.method == "GET":
        return RedirectResponse(f"{SIGN_IN_PATH}?tiep={quote(_path_of(request), safe='')}", 303)
    form = await read_form(request) if session else {}
    if form and console.ask_again is not None and _is_our_form(console, request, form, session):
        owner = await console.database.read(
            lambda c: queries.owner_of_session(c, token_hash(session), department_id=console.department_id)
        )
        # what waits in the form for the code was typed before this one
        kept = open_kept(console.signer, form.get(FIELD, "")) or Kept.of(request.url.path, form, owner)
        if kept is not None:
            return await console.ask_again(console, request, kept)
    return RedirectResponse(SIGN_IN_PATH, 303)


def _stop_asking() -> Response:
    return Response(status_code=STOP_ASKING)


def _to_step(step: Step, page: Page, request: Request) -> Response:
    back = f"?tiep={quote(_path_of(request), safe='')}" if page.method == "GET" and step is Step.CODE else ""
    return RedirectResponse(STEP_PATHS[step] + back, 303)


async def _refuse_form(console: Console, request: Request, visit: Visit) -> Response:
    """A form that is not proven to be ours changes nothing.

    Where the browser itself vouches that it stood on a page of ours (its owner signed in anew in another tab, say),
    what was typed is shown for them to look at and send again.
    """
    kept = Kept.of(request.url.path, visit.form, visit.signed_in.id)
    if kept is None or visit.step is not None or request.headers.get("sec-fetch-site") != "same-origin":
        return await console.problem("form", visit, status=403)
    return await console.page("kept.html", visit, status=403, kept=kept, is_old=True)


async def _enter_unknown(console: Console, page: Page, request: Request) -> Response:
    """A page for people who are not signed in: its forms are tied to a cookie of their own."""
    browser = request.cookies.get(console.form_cookie, "")
    form: Mapping[str, str] = {}
    if page.method != "GET":
        form = await read_form(request)
        if not browser or not _is_our_form(console, request, form, browser):
            return render_problem("form", 403)
    known = bool(browser)
    browser = browser or secrets.token_urlsafe(32)
    session = request.cookies.get(console.session_cookie)
    visit = Visit(None, console.signer.digest("form", browser), token_hash(session) if session else None, form)
    response = await page.handler(console, request, visit)
    if not known:
        console.set_cookie(response, console.form_cookie, browser, life=SESSION_LIFE)
    return response


async def _who(console: Console, session: str, *, touch: bool) -> tuple[Member, Step | None] | None:
    """The member a session cookie belongs to, and the step it lacks; None when it belongs to nobody (any more)."""
    now, key = console.now(), token_hash(session)
    row = await console.database.read(
        lambda c: queries.find_session(
            c, key, department_id=console.department_id, now=now, idle_since=now - SESSION_IDLE
        )
    )
    if row is None:
        return None
    if touch and now - row.last_seen_at > TOUCH_EVERY:
        await console.database.write(lambda c: queries.touch_session(c, key, now=now))
    member = Member(row.member_id, row.login, row.name, StaffRole(row.role))
    return member, missing_step(member.role, has_factor=row.has_factor, is_verified=row.is_verified)


def _is_our_form(console: Console, request: Request, form: Mapping[str, str], browser: str) -> bool:
    """Twice: the token that only our page could hold, and what the browser says about where the form was."""
    return console.signer.is_form_token(form.get("token", ""), browser) and _is_same_site(console, request)


def _is_same_site(console: Console, request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc in {request.headers.get("host"), console.public_host}


def _path_of(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def safe_return(path: str) -> str:
    """Where to go after signing in: a page of the console, whatever somebody put into the address."""
    parts = urlsplit(path)
    ours = path.startswith(HOME_PATH) and not parts.scheme and not parts.netloc and "\\" not in path
    return path if ours and parts.path != SIGN_IN_PATH and path.isprintable() else HOME_PATH


def landing(member: Member, path: str) -> str:
    """Where a member goes who wanted ``path``; whoever wanted nothing else than in, to where their work begins."""
    path = safe_return(path)
    return member.home if path == HOME_PATH else path
