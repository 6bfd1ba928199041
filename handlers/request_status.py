"""After filing: one's requests, a code looked up, words and files added, withdrawing, rating, reopening."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from db.models import RequestStatus
from desk.actions import REOPEN_DAYS
from desk.calendar import VIETNAM
from desk.change import TEXT_LIMIT
from desk.codes import FoundCode
from desk.files import COUNT_LIMIT
from desk.states import Who, allowed
from desk.text import clean_text
from handlers import form_files, form_prompts
from handlers.commands import Close, Command, PersonWrote, Rate, Reopen, Withdraw
from handlers.context import Decision, TurnContext, choice
from handlers.messages import Choice, IncomingMessage, Reply
from handlers.standing import Lookup, OwnRequest
from handlers.state import DialogueState
from handlers.texts import say
from handlers.times import show_day

SHOWN = 8
MISSES = 5
MISSES_WITHIN_S = 600.0
STARS = range(1, 6)
WRITE, REOPEN = "write", "reopen"  # what ``state.awaiting`` may wait for, with the code after a colon
_MARKED = re.compile(
    r"^(?:trả lời|tra loi|bổ sung|bo sung|thêm lời|them loi)\b(?:\s+(?:cán bộ|can bo))?[\s:,]*", re.IGNORECASE
)


def _reply(state: DialogueState, reply: Reply, *commands: Command, awaiting: str | None = None) -> Decision:
    return Decision(replace(state, choices=reply.choices, awaiting=awaiting), (reply,), commands=commands)


def _can(request: OwnRequest, action: str) -> bool:
    return action in allowed(request.status, Who.PERSON)


def may_reopen(context: TurnContext, request: OwnRequest) -> bool:
    """Whether a request may still be taken up again."""
    late = request.closed_at is not None and (context.now - request.closed_at).days >= REOPEN_DAYS
    return _can(request, "reopen") and not late


# -- lists and details ----------------------------------------------------------------------------------------------


def list_own(context: TurnContext, state: DialogueState) -> Decision:
    """The requests this conversation filed, the newest first."""
    own = context.desk.requests[:SHOWN]
    if not own:
        ways_on = (choice("request.offer", "s"), choice("menu.button", "m"))
        return _reply(state, Reply(say("request.none"), choices=ways_on))
    lines = [say("request.line", code=request.code, status=_status(request)) for request in own]
    choices = tuple(choice("request.open", f"r:v:{request.code}", code=request.code) for request in own)
    return _reply(state, Reply("\n".join(lines), heading=say("request.list"), choices=choices))


def _status(request: OwnRequest | Lookup) -> str:
    status = str(request.status)
    text = say(f"request_status.{status}")
    if status in {RequestStatus.NEW, RequestStatus.ACCEPTED, RequestStatus.IN_PROGRESS, RequestStatus.REOPENED} and (
        request.due_at is not None
    ):
        text = say("request.due", status=text, day=show_day(request.due_at, provisional=request.due_provisional))
    return text


def view(context: TurnContext, state: DialogueState, request: OwnRequest) -> Decision:
    """One own request in full, with what can be done about it."""
    lines = [say("request.status", status=_status(request))]
    if request.topic:
        lines.append(say("request.topic", topic=context.knowledge.label(request.topic)))
    lines.append(say("request.filed_on", date=request.created_at.astimezone(VIETNAM).strftime("%d/%m/%Y")))
    if request.description:
        lines.append(say("request.need", text=_shown(context, request, request.description)[:700]))
    if request.result:
        lines.append(say("request.result", text=_shown(context, request, request.result)[:700]))
    if request.rating:
        lines.append(say("request.rated", stars=request.rating))
    heading = say("request.heading", code=request.code)
    return _reply(state, Reply("\n".join(lines), heading=heading, choices=actions_of(context, request)))


def _shown(context: TurnContext, request: OwnRequest, text: str) -> str:
    if not context.traits.masks_people:
        return text
    return form_prompts.mask_for(context, text, request.requester.get("name"))


def actions_of(context: TurnContext, request: OwnRequest) -> tuple[Choice, ...]:
    """What the person may do with a request now."""
    choices: list[Choice] = []
    if _can(request, "person_wrote"):
        key = "request.answer" if request.status == RequestStatus.WAITING else "request.write"
        choices.append(choice(key, f"r:a:{request.code}"))
    if _can(request, "close"):
        choices.append(choice("request.close", f"r:c:{request.code}"))
    if _can(request, "rate") and request.rating is None:
        choices.append(choice("request.rate", f"r:s:{request.code}"))
    if may_reopen(context, request):
        choices.append(choice("request.reopen", f"r:o:{request.code}"))
    if _can(request, "withdraw"):
        choices.append(choice("request.withdraw", f"r:w:{request.code}"))
    return (*choices, choice("request.mine", "r"))


def look_up(context: TurnContext, state: DialogueState, found: FoundCode) -> Decision:
    """A code from anywhere: in full for whoever filed it, otherwise how it stands and no word about anybody.

    Codes that do not exist are counted; after a few the rest must wait.
    """
    own = context.desk.find(found.code)
    if own is not None:
        return view(context, state, own)
    now = context.now.timestamp()
    recent = tuple(at for at in state.misses if now - at < MISSES_WITHIN_S)
    if len(recent) >= MISSES:
        return _reply(replace(state, misses=recent), Reply(say("lookup.wait")))
    missed = replace(state, misses=(*recent, now))
    if not found.is_valid:
        return _reply(missed, Reply(say("lookup.mistyped", code=found.code)))
    lookup = context.look_up(found.code)
    if lookup.refused:
        return _reply(state, Reply(say("lookup.wait")))
    if lookup.status is None:
        return _reply(missed, Reply(say("lookup.unknown", code=found.code)))
    reply = Reply(say("lookup.found", code=lookup.code, status=_status(lookup)), choices=(choice("menu.button", "m"),))
    return _reply(replace(state, misses=recent), reply)


# -- words and files ------------------------------------------------------------------------------------------------


def ask_words(state: DialogueState, request: OwnRequest) -> Decision:
    """Let the person write something for the officer."""
    reply = Reply(say("request.ask_words", code=request.code), choices=(choice("request.no_words", "r"),), ask="files")
    return _reply(state, reply, awaiting=f"{WRITE}:{request.code}")


def write(context: TurnContext, state: DialogueState, request: OwnRequest, text: str) -> Decision:
    """What the person wrote goes to the request."""
    said = clean_text(_MARKED.sub("", text, count=1) or text)
    if len(said) > TEXT_LIMIT:
        body = say("problem.need.too_long", limit=TEXT_LIMIT, length=len(said))
        return _reply(state, Reply(body), awaiting=f"{WRITE}:{request.code}")
    if not _can(request, "person_wrote"):
        return _reply(state, Reply(say("request.is_over", code=request.code), choices=actions_of(context, request)))
    waiting = request.status == RequestStatus.WAITING
    key = "request.answered_officer" if waiting else "request.words_added"
    reply = Reply(say(key, code=request.code), choices=(choice("request.add_more", f"r:a:{request.code}"),))
    return _reply(state, reply, PersonWrote(request.id, said))


def add_files(
    context: TurnContext, state: DialogueState, request: OwnRequest, messages: Sequence[IncomingMessage]
) -> Decision:
    """Files for a request that was filed."""
    good, lines = form_files.sort_files(messages, room=COUNT_LIMIT)
    if good and not _can(request, "person_wrote"):
        return _reply(state, Reply(say("request.is_over", code=request.code), choices=actions_of(context, request)))
    commands: tuple[Command, ...] = ()
    if good:
        lines.insert(0, say("request.files_added", count=len(good), code=request.code))
        commands = (PersonWrote(request.id, files=tuple(good)),)
    if any(file.may_be_identity_card for file in good):
        lines.append(say("file.identity_card_sent"))
    reply = Reply("\n".join(lines), choices=(choice("request.add_more", f"r:a:{request.code}"),))
    # who answers an officer with a picture often explains it in the next message
    awaiting = f"{WRITE}:{request.code}" if request.status == RequestStatus.WAITING else None
    return _reply(state, reply, *commands, awaiting=awaiting)


def waiting_for_answer(context: TurnContext) -> OwnRequest | None:
    """The newest own request whose officer waits for the person."""
    own = context.desk.requests
    return next((request for request in own if request.status == RequestStatus.WAITING), None)


def with_officer(context: TurnContext) -> OwnRequest | None:
    """The request an officer and the person are writing about: one that waits for them, or is being worked on."""
    running = (request for request in context.desk.requests if request.status == RequestStatus.IN_PROGRESS)
    return waiting_for_answer(context) or next(running, None)


# -- ending ---------------------------------------------------------------------------------------------------------


def _ask_stars(state: DialogueState, request: OwnRequest) -> Decision:
    choices = tuple(choice(f"stars.{stars}", f"r:s:{request.code}:{stars}") for stars in STARS)
    return _reply(state, Reply(say("request.ask_stars", code=request.code), choices=choices))


def rate(context: TurnContext, state: DialogueState, request: OwnRequest, stars: int) -> Decision:
    """One to five stars for what was done."""
    if not _can(request, "rate") or stars not in STARS:
        return view(context, state, request)
    again = (choice("request.reopen", f"r:o:{request.code}"),) if may_reopen(context, request) and stars < 3 else ()
    return _reply(state, Reply(say("request.thanks", stars=stars), choices=again), Rate(request.id, stars))


def latest_to_rate(context: TurnContext) -> OwnRequest | None:
    """The newest request that can be rated and was not; otherwise the one that ended last: the last rating counts."""
    ended = [request for request in context.desk.requests if _can(request, "rate")]
    unrated = (request for request in ended if request.rating is None)
    return next(unrated, max(ended, key=lambda request: request.closed_at or request.created_at, default=None))


def _ask_withdraw(context: TurnContext, state: DialogueState, request: OwnRequest) -> Decision:
    if not _can(request, "withdraw"):
        return view(context, state, request)
    choices = (
        choice("request.withdraw_yes", f"r:w:{request.code}:yes"), choice("request.withdraw_no", f"r:v:{request.code}"),
    )  # fmt: skip
    return _reply(state, Reply(say("request.ask_withdraw", code=request.code), choices=choices))


def _withdraw(context: TurnContext, state: DialogueState, request: OwnRequest) -> Decision:
    if not _can(request, "withdraw"):
        return view(context, state, request)
    return Decision(replace(state, choices=(), awaiting=None), commands=(Withdraw(request.id),))


def _ask_reason(context: TurnContext, state: DialogueState, request: OwnRequest) -> Decision:
    if not may_reopen(context, request):
        return _reply(state, Reply(say("request.too_late", code=request.code, days=REOPEN_DAYS),
                                   choices=(choice("request.offer", "s"),)))  # fmt: skip
    reply = Reply(
        say("request.ask_reason", code=request.code), choices=(choice("form.skip", f"r:o:{request.code}:go"),)
    )
    return _reply(state, reply, awaiting=f"{REOPEN}:{request.code}")


def reopen(context: TurnContext, state: DialogueState, request: OwnRequest, reason: str) -> Decision:
    """Take a request up again."""
    if not may_reopen(context, request):
        return _ask_reason(context, state, request)
    command = Reopen(request.id, clean_text(reason)[:TEXT_LIMIT])
    return Decision(replace(state, choices=(), awaiting=None), commands=(command,))


def tap(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    """A button of a request: ``r`` and ``argument``, which names it by its code."""
    action, _, rest = argument.partition(":")
    code, _, extra = rest.partition(":")
    if not action:
        return list_own(context, state)
    request = context.desk.find(code)
    if request is None:
        return list_own(context, state)
    match action:
        case "v":
            return view(context, state, request)
        case "a":
            return ask_words(state, request)
        case "w":
            return (_withdraw if extra == "yes" else _ask_withdraw)(context, state, request)
        case "o":
            return reopen(context, state, request, "") if extra == "go" else _ask_reason(context, state, request)
        case "c" if _can(request, "close"):
            return Decision(replace(state, choices=(), awaiting=None), commands=(Close(request.id),))
        case "s":
            return rate(context, state, request, int(extra)) if extra.isdigit() else _ask_stars(state, request)
        case "f" if state.question:
            return write(context, state, request, state.question)
        case _:
            return view(context, state, request)
