"""The form as a page of ours, opened by a one-time link: personal data need not pass through a messenger.

The token stands behind the hash sign, so that no server log and no next page sees it; the page sends it back with the
answers. One link files one request, for the conversation that asked for it.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot import desk_commands
from bot.page import PageRoutes
from bot.rates import RateLimit
from bot.web import BodyTooLarge, client_address, read_body
from db.models import LinkPurpose
from db.queries import conversations
from desk import drafts, links
from desk.errors import DeskError
from desk.filing import Filed
from desk.settings import load_desk
from handlers import commands, form_answers, form_places
from handlers.context import TurnContext
from handlers.form import OPTIONAL, ORGANISED, PURPOSES, Answered, Form, Step, Wrong
from handlers.form_prompts import CONSENT_VERSION, consent_notice, consent_text
from handlers.standing import Standing
from handlers.texts import say
from handlers.times import show_day

if TYPE_CHECKING:
    from bot.app import Service

log = structlog.get_logger()

PATH = "/yeu-cau"
BODY_LIMIT = 50_000
POSTS_PER_MINUTE = 10
ANSWERS = (Step.KIND, Step.NAME, Step.ORGANISATION, Step.TAX, Step.PHONE, Step.PLACE, Step.NEED)


class LinkGoneError(Exception):
    """The link was used, is over or never was."""


class FormPage:
    """``GET`` and ``POST /yeu-cau``."""

    def __init__(self, service: Service, pages: PageRoutes) -> None:
        self._service = service
        self._pages = pages
        self._limit = RateLimit(POSTS_PER_MINUTE)

    def routes(self) -> list[BaseRoute]:
        """The page and what it sends to."""
        return [Route(PATH, self.show, methods=["GET"]), Route(PATH, self.file, methods=["POST"])]

    async def _context(self) -> TurnContext:
        service = self._service
        desk = await service.database.read(lambda c: load_desk(c, department_id=service.department_id))
        return TurnContext(
            understander=service.store.understander, department=service.department, now=dt.datetime.now(dt.UTC),
            turn_key="", standing=Standing(desk.calendar, desk.periods),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        """The empty form: what it will be filed for is known only once it is sent."""
        del request
        context = await self._context()
        purposes = [(step.value, consent_text(context, step)) for step in PURPOSES if step is not Step.CONSENT]
        return self._pages.page(
            "request_form.html", notice=consent_notice(context).splitlines(), purposes=purposes,
            kinds=context.knowledge.taxonomy.audiences.items(), organised=" ".join(sorted(ORGANISED)),
        )  # fmt: skip

    async def file(self, request: Request) -> Response:
        """File the request, once."""
        if not self._limit.allows(client_address(request, self._service.settings)):
            return JSONResponse({"text": say("slow_down")}, 429)
        try:
            body = orjson.loads(await read_body(request, BODY_LIMIT))
        except (BodyTooLarge, orjson.JSONDecodeError, ClientDisconnect):
            body = None
        if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
            return JSONResponse({"text": say("form_page.broken")}, 400)
        context = await self._context()
        form, problems, places = _read(context, body)
        choices = {step: body.get(step.value) for step in PURPOSES}
        problems |= {
            step.value: say("form_page.choose") for step, value in choices.items() if value not in ("yes", "no")
        }  # fmt: skip
        if problems:
            shown = {"problems": problems, "places": places, "text": say("form_page.look_again")}
            return JSONResponse(shown, 422)
        try:
            filed, conversation = await self._service.database.write(
                lambda c: self._write(c, context, body.get("token", ""), form, choices)
            )
        except LinkGoneError:
            return JSONResponse({"text": say("form_page.gone")}, 404)
        except DeskError as error:
            return JSONResponse({"text": desk_commands.explain(error)}, 409)
        except (SQLAlchemyError, OSError) as error:
            log.warning("form_not_filed", error=type(error).__name__)
            return JSONResponse({"text": say("failure")}, 503)
        self._service.dispatcher.on_replies(conversation.channel, conversation.id)
        due = show_day(filed.due_at, provisional=filed.is_provisional)
        return JSONResponse({"code": filed.code, "text": say("notice.request.filed", code=filed.code, due_at=due)}, 201)

    def _write(
        self, connection: Connection, context: TurnContext, token: str, form: Form, choices: dict[Step, Any]
    ) -> tuple[Filed, Row[Any]]:
        """Use the link up, keep the receipts, file: all or nothing. Raises LinkGoneError and DeskError."""
        department_id, now = self._service.department_id, context.now
        link = links.use(connection, token, purpose=LinkPurpose.FORM, now=now)
        conversation = conversations.get_conversation(connection, link.conversation_id) if link else None
        if conversation is None:
            raise LinkGoneError
        draft = drafts.load(connection, conversation_id=conversation.id, now=now)
        begun = Form.from_json(draft.data) if draft else Form()
        desk = load_desk(connection, department_id=department_id)
        turn = desk_commands.DeskTurn(connection, desk, conversation.id, "web", None, now)
        for step, value in choices.items():
            text = consent_text(context, step)
            desk_commands.carry_out(
                turn, commands.RecordConsent(PURPOSES[step].value, value == "yes", CONSENT_VERSION, text)
            )
        filing = commands.FileRequest(
            draft.key if draft else secrets.token_hex(16), draft.id if draft else None, form.description or "",
            topic=begun.topic, question=begun.question, requester=form.requester(),
        )  # fmt: skip
        return desk_commands.file_request(turn, filing), conversation


def _read(context: TurnContext, body: dict[str, str]) -> tuple[Form, dict[str, str], list[tuple[str, str]]]:
    """The answers as a form, read by the chat's own rules; what is wrong, per field; what the place may mean."""
    form = Form(agreed=body.get(Step.CONSENT) == "yes", kind=body.get(Step.KIND) or None)
    problems: dict[str, str] = {}
    places: list[tuple[str, str]] = []
    if form.kind is not None and form.kind not in context.knowledge.taxonomy.audiences:
        problems[Step.KIND.value] = say("form_page.choose")
    for step in ANSWERS[1:]:
        text = body.get(step.value, "").strip()
        if (not text and step in OPTIONAL) or (step is not Step.NEED and not form.agreed):
            continue
        result = form_answers.read_answer(context, form, step, text)
        if isinstance(result, Wrong) and step is Step.PLACE:
            places = [(choice.label, choice.data.removeprefix("s:")) for choice in result.choices]
            chosen = body.get("place_choice", "")
            if chosen in dict(places).values():
                result = form_places.choose(result.form or form, chosen) or result
        if isinstance(result, Answered):
            form = result.form
        else:
            problems[step.value] = result.text
    kind = form_answers.reads_as(body.get(Step.NEED, ""))
    if kind and body.get("plain") != "yes":
        problems[Step.NEED.value] = say(f"form.not_taken_{kind}", department=context.department.name)
    return form, problems, places
