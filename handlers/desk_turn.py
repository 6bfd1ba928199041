"""What of a turn belongs to the request desk; everything else is the dialogue's.

Nothing here is loaded for an ordinary question: ``context.standing`` is there only for a person who has a form or a
request, or once a turn asked for it (``DeskNeeded``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from desk.codes import find_code
from handlers import privacy, request_status, support_request
from handlers.commands import SaveForm
from handlers.context import Decision, TurnContext, choice
from handlers.form import Step
from handlers.messages import Choice, IncomingMessage, MessageKind, Reply
from handlers.standing import OwnRequest
from handlers.state import DialogueState
from handlers.texts import say
from knowledge.text import clean, fold
from knowledge.understanding import Outcome, QuestionContext

FILES = frozenset({MessageKind.PHOTO, MessageKind.VIDEO, MessageKind.FILE, MessageKind.VOICE})
WORDS_BESIDE_A_CODE = 5

TAPS: dict[str, Callable[[TurnContext, DialogueState, str], Decision | None]] = {
    "s": support_request.tap, "r": request_status.tap, "d": privacy.tap,
}  # fmt: skip
CHOICE_NUMBER = re.compile(r"(?:so |chon |cai )?(\d{1,2})[.)]?")
_START = frozenset({
    "gui yeu cau", "gui yeu cau ho tro", "yeu cau ho tro", "tao yeu cau", "/yeucau", "gui yeu cau cho can bo",
    "toi muon gui yeu cau", "viet yeu cau",
})  # fmt: skip
_MINE = frozenset(
    {"yeu cau cua toi", "xem yeu cau", "cac yeu cau cua toi", "yeu cau cua minh", "/yeucaucuatoi", "tra cuu"}
)
_GO_ON = frozenset({"tiep tuc", "viet tiep", "lam tiep", "tiep"})
_DROP = frozenset({"xoa ban nhap", "huy yeu cau", "huy ban nhap", "xoa ban dang viet"})
_REMOVE = frozenset({"xoa anh", "xoa hinh", "xoa tep", "bo anh", "xoa anh do", "xoa"})
_CANCEL = frozenset({"thoi", "huy", "/huy", "huy bo", "/cancel", "dung"})
_WITHDRAW = re.compile(r"(?:rut|rut lai|huy) yeu cau\b")
_REOPEN = re.compile(r"mo lai\b")
_RATE = re.compile(r"(?:danh gia|cham|cho) ([1-5])(?: sao| diem)?")
_ANSWER = re.compile(r"(?:tra loi|bo sung|them loi)\b")
_WRITE_COMMANDS = frozenset({"tra loi", "bo sung", "them loi", "viet cho can bo", "nhan can bo"})


def is_desk_command(words: str) -> bool:
    """Whether a text (folded) is a command here, so that it is never merged with its neighbours."""
    return words in _START | _MINE | _GO_ON | _DROP | _REMOVE | _WRITE_COMMANDS | privacy.COMMANDS.keys()


def route(context: TurnContext, state: DialogueState, messages: Sequence[IncomingMessage]) -> Decision | None:
    """The decision of a turn that is the desk's; None for any other. Raises DeskNeeded."""
    first = messages[0]
    state = replace(state, last_tap=None)  # the same button after a word is no second tap
    if first.kind is MessageKind.TEXT:
        return _texts(context, state, [clean(message.text) for message in messages], messages)
    if first.kind is MessageKind.CONTACT and first.shared and context.standing is not None:
        return support_request.share_contact(context, state, first.shared)
    if first.kind is MessageKind.CONTACT and first.data and context.standing is not None:
        return support_request.share_phone(context, state, first.data)
    if first.kind in FILES and context.standing is not None:
        return _files(context, state, messages)
    return None


def _files(context: TurnContext, state: DialogueState, messages: Sequence[IncomingMessage]) -> Decision | None:
    """Files go where they are expected; nobody's file is kept without a form or a request."""
    action, _, code = (state.awaiting or "").partition(":")
    request = context.desk.find(code) if action == request_status.WRITE else None
    if not context.traits.takes_files:
        waited_for = context.desk.form is not None or context.desk.open_requests
        return Decision(state, (Reply(say("file.not_here")),)) if waited_for else None
    if request is None and context.desk.form is not None:
        return support_request.take_files(context, state, messages)
    request = request or request_status.waiting_for_answer(context) or _only_open(context)
    return request_status.add_files(context, state, request, messages) if request else None


def wants_files(context: TurnContext, state: DialogueState) -> bool:
    """Whether a file sent now would be kept, so that it is worth fetching."""
    if context.standing is None:
        return False
    action, _, code = (state.awaiting or "").partition(":")
    asked = action == request_status.WRITE and context.desk.find(code) is not None
    waiting = request_status.waiting_for_answer(context) or _only_open(context)
    return context.desk.form is not None or asked or waiting is not None


def _only_open(context: TurnContext) -> OwnRequest | None:
    open_requests = context.desk.open_requests
    return open_requests[0] if len(open_requests) == 1 else None


# -- text -----------------------------------------------------------------------------------------------------------


def _texts(
    context: TurnContext, state: DialogueState, texts: list[str], messages: Sequence[IncomingMessage]
) -> Decision | None:
    text = " ".join(filter(None, texts))
    words = " ".join(fold(text).strip(" .!?").split())
    if decision := _command(context, state, words):
        return decision
    if (found := find_code(text)) and len(words.split()) <= WORDS_BESIDE_A_CODE:
        return _with_code(context, state, words, found.code) or request_status.look_up(context, state, found)
    if context.standing is None:
        return None
    if CHOICE_NUMBER.fullmatch(words) and state.choices:
        return None  # the number of a choice, which the dialogue looks up
    if state.awaiting == support_request.AWAITING:
        return _form(context, state, messages)
    action, _, code = (state.awaiting or "").partition(":")
    request = context.desk.find(code) if code else None
    raw = "\n".join(message.text for message in messages)
    if request is not None and action == request_status.WRITE:
        return request_status.write(context, state, request, raw)
    if request is not None and action == request_status.REOPEN:
        return request_status.reopen(context, state, request, raw)
    return _answer_to_officer(context, state, words, raw)


def _command(context: TurnContext, state: DialogueState, words: str) -> Decision | None:
    if words in _START:
        return support_request.start(context, state)
    if words in _MINE:
        return request_status.list_own(context, state)
    if words in _DROP:
        return support_request.drop(context, state)
    if name := privacy.COMMANDS.get(words):
        return privacy.command(context, state, name)
    if context.standing is None:
        return None
    if words in _GO_ON:
        return support_request.resume(context, state)
    if words in _CANCEL and context.desk.form is not None and state.awaiting == support_request.AWAITING:
        return support_request.stop(context, state)
    if words in _REMOVE and context.desk.form is not None and context.desk.form.files:
        return support_request.tap(context, state, "rm:last")
    if (rated := _RATE.fullmatch(words)) and (request := request_status.latest_to_rate(context)):
        return request_status.rate(context, state, request, int(rated.group(1)))
    if words in support_request.SEND and (filed := support_request.just_filed(context, state)):
        return support_request.sent_already(state, filed.code)
    if words in _WRITE_COMMANDS and (request := request_status.waiting_for_answer(context) or _newest_open(context)):
        return request_status.ask_words(state, request)
    return None


def _newest_open(context: TurnContext) -> OwnRequest | None:
    return next(iter(context.desk.open_requests), None)


def _with_code(context: TurnContext, state: DialogueState, words: str, code: str) -> Decision | None:
    """A command about an own request, named by its code."""
    if context.desk.find(code) is None:
        return None
    for pattern, action in ((_WITHDRAW, "w"), (_REOPEN, "o"), (_ANSWER, "a")):
        if pattern.match(words):
            return request_status.tap(context, state, f"{action}:{code}")
    return None


def _form(context: TurnContext, state: DialogueState, messages: Sequence[IncomingMessage]) -> Decision | None:
    """Texts sent one after the other answer one step each; what the person needs may take several."""
    form = support_request.current(context)
    if form is None or len(messages) == 1 or form.next_step(context.desk) is Step.NEED:
        return support_request.hear(context, state, "\n".join(message.text for message in messages))
    first = support_request.hear(context, state, messages[0].text)
    if first is None:
        return None
    saved = next((command for command in reversed(first.commands) if isinstance(command, SaveForm)), None)
    kept = context.desk.form
    if saved is not None and kept is not None:
        context = replace(context, standing=replace(context.desk, form=replace(kept, data=saved.data)))
    if first.state.awaiting != support_request.AWAITING:
        return first
    rest = _form(context, first.state, messages[1:])
    return first if rest is None else replace(rest, commands=(*first.commands, *rest.commands))


def _answer_to_officer(context: TurnContext, state: DialogueState, words: str, raw: str) -> Decision | None:
    """Free words while an officer waits for the person are for the officer, unless they ask the bot something."""
    request = request_status.waiting_for_answer(context)
    if request is None or state.awaiting is not None:
        return None
    if not _ANSWER.match(words):
        understanding = context.understander.understand(raw, QuestionContext())
        if understanding.outcome in (Outcome.SMALL_TALK, Outcome.SENSITIVE) or support_request.is_question(
            context, raw
        ):
            return None
    return request_status.write(context, state, request, raw)


# -- beside the dialogue's own decisions ------------------------------------------------------------------------------


def remind(context: TurnContext, before: DialogueState, decision: Decision) -> Decision:
    """An answer given while a form is open, or an officer works on a request, says how to go on with that."""
    if context.standing is None or not decision.replies or decision.log.outcome is None:
        return decision
    extra: list[Choice] = []
    if context.desk.form is not None and decision.state.awaiting != support_request.AWAITING:
        extra.append(choice("form.go_on", "s:go"))
    request = request_status.with_officer(context)
    if request is not None and decision.state.question and decision.state.question != before.question:
        extra.append(choice("request.forward", f"r:f:{request.code}", code=request.code))
    if not extra:
        return decision
    last = decision.replies[-1]
    choices = (*last.choices, *extra)
    note = "\n".join(part for part in (last.note, say("form.reminder") if extra[0].data == "s:go" else None) if part)
    reply = replace(last, choices=choices, note=note or None)
    state = replace(decision.state, choices=choices)
    return replace(decision, state=state, replies=(*decision.replies[:-1], reply))


def offer_request(reply: Reply) -> Reply:
    """A reply that also offers to write to the department, before the two verdicts."""
    offered = choice(*support_request.offer())
    if any(other.data == offered.data for other in reply.choices):
        return reply
    verdicts = tuple(other for other in reply.choices if other.data[:2] in ("u:", "w:"))
    others = tuple(other for other in reply.choices if other not in verdicts)
    return replace(reply, choices=(*others, offered, *verdicts))
