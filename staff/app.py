"""The staff console: the table of its pages and the routes made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from db.engine import Database
from staff import (
    audit_log,
    calendar_page,
    data_tasks,
    members,
    profile,
    questions,
    request_export,
    undelivered,
    units,
    working_time,
)
from staff import channels as channel_pages
from staff.access import HOME_PATH, QUEUE_PATH, SIGN_IN_PATH, Console, Page, Right, missing_route, route
from staff.account_page import (
    change_password,
    remove_second_factor,
    renew_recovery_codes,
    show_account,
    sign_out_elsewhere,
)
from staff.accounts import LINK_PATH
from staff.bulk_assign import BULK_PATH, assign_chosen
from staff.canned import CANNED_PATH, remove_canned, save_canned, show_canned
from staff.questions import show_overview, show_question
from staff.queue import NEWS_PATH, show_queue
from staff.queue_news import tell_news
from staff.rendering import STATIC
from staff.request_actions import ACTIONS, REQUEST_PATH, handler_of
from staff.request_page import send_file, send_thumbnail, show_request
from staff.second_step import ACCOUNT_PATH, check_code, enrol, show_code, show_enrol
from staff.sessions import CODE_PATH, ENROL_PATH
from staff.sign_in import ask_again, show_link, show_sign_in, sign_in, sign_out, use_link
from staff.signing import Signer
from staff.windows import Window
from staff.zalo_pairing import ZaloPairing

PAGES = (
    Page("GET", SIGN_IN_PATH, show_sign_in, Right.ANYBODY),
    Page("POST", SIGN_IN_PATH, sign_in, Right.ANYBODY),
    Page("GET", LINK_PATH + "{link}", show_link, Right.ANYBODY),
    Page("POST", LINK_PATH + "{link}", use_link, Right.ANYBODY),
    Page("POST", "/staff/dang-xuat", sign_out, Right.HALF_SIGNED_IN),
    Page("GET", CODE_PATH, show_code, Right.HALF_SIGNED_IN),
    Page("POST", CODE_PATH, check_code, Right.HALF_SIGNED_IN),
    Page("GET", ENROL_PATH, show_enrol, Right.HALF_SIGNED_IN),
    Page("POST", ENROL_PATH, enrol, Right.HALF_SIGNED_IN),
    Page("GET", ACCOUNT_PATH, show_account, Right.SIGNED_IN),
    Page("POST", ACCOUNT_PATH + "/mat-khau", change_password, Right.SIGNED_IN),
    Page("POST", ACCOUNT_PATH + "/thoat-noi-khac", sign_out_elsewhere, Right.SIGNED_IN),
    Page("POST", ACCOUNT_PATH + "/ma-du-phong", renew_recovery_codes, Right.SIGNED_IN),
    Page("POST", ACCOUNT_PATH + "/doi-may", remove_second_factor, Right.SIGNED_IN),
    Page("GET", HOME_PATH, show_overview, Right.SEE_QUESTIONS),
    *questions.EXPORTS,
    Page("GET", "/staff/cau-hoi/{turn_id:int}", show_question, Right.SEE_QUESTIONS),
    Page("GET", QUEUE_PATH, show_queue, Right.SEE_REQUESTS),
    Page("GET", NEWS_PATH, tell_news, Right.SEE_REQUESTS, is_background=True),
    Page("POST", BULK_PATH, assign_chosen, Right.WORK_ON_REQUESTS),
    Page("GET", REQUEST_PATH, show_request, Right.SEE_REQUESTS),
    Page("GET", REQUEST_PATH + "/tep/{file_id:int}", send_file, Right.SEE_REQUESTS),
    Page("GET", REQUEST_PATH + "/tep/{file_id:int}/nho", send_thumbnail, Right.SEE_REQUESTS),
    *(Page("POST", f"{REQUEST_PATH}/{form.slug}", handler_of(form), Right.WORK_ON_REQUESTS) for form in ACTIONS),
    Page("GET", CANNED_PATH, show_canned, Right.KEEP_CANNED),
    Page("POST", CANNED_PATH, save_canned, Right.KEEP_CANNED),
    Page("POST", CANNED_PATH + "/xoa", remove_canned, Right.KEEP_CANNED),
    *request_export.PAGES,
    *undelivered.PAGES,
    *members.PAGES,
    *units.PAGES,
    *working_time.PAGES,
    *calendar_page.PAGES,
    *profile.PAGES,
    *channel_pages.PAGES,
    *audit_log.PAGES,
    *data_tasks.PAGES,
)


def staff_routes(
    database: Database, *, department_id: int, key: str, channels: Sequence[str],
    address_of: Callable[[Request], str], files_dir: Path, public_url: str | None = None,
    windows: Mapping[str, Window] | None = None, zalo: ZaloPairing | None = None,
) -> list[BaseRoute]:  # fmt: skip
    """The routes below ``/staff``.

    Args:
        database: Where everything is kept.
        department_id: Whose console this is.
        key: The installation's secret: forms are signed with keys derived from it.
        channels: The channels that are switched on.
        address_of: The network address a request comes from, as far as it can be believed.
        files_dir: Where people's files lie, by their content's hash.
        public_url: What the outside calls us; with https, cookies are for https only.
        windows: For how long people may be written to, of the channels that set a limit.
        zalo: How the Official Account gets new tokens, where it is configured.
    """
    address = urlsplit(public_url or "")
    console = Console(
        database, department_id, Signer(key), address.scheme == "https", tuple(channels), address_of,
        files_dir, address.netloc or None, windows=windows or {}, zalo=zalo, ask_again=ask_again,
    )  # fmt: skip
    return [
        Route("/staff", _home, methods=["GET"]),
        Mount("/staff/static", StaticFiles(directory=STATIC), name="staff-static"),
        *(route(console, page) for page in PAGES),
        *(Route(path, _only_post, methods=["GET"]) for path in only_post()),
        missing_route(console),
    ]


def only_post() -> list[str]:
    """The addresses that change something and have no page of their own."""
    shown = {page.path for page in PAGES if page.method == "GET"}
    return [page.path for page in PAGES if page.path not in shown]


async def _only_post(request: Request) -> Response:
    del request
    return Response(status_code=405, headers={"Allow": "POST"})


async def _home(request: Request) -> Response:
    del request
    return RedirectResponse(HOME_PATH, 308)
