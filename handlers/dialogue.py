"""One turn: messages and a state in, a decision out. Pure: the same input always decides the same.

The order of the decisions: what kind of message it is, a tap, a command, the number of a choice, then a question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from handlers import answers, desk_turn, menu
from handlers.context import Decision, Feedback, TurnContext, TurnLog, choice
from handlers.masking import mask_personal_data
from handlers.messages import IncomingMessage, MessageKind, Reply
from handlers.provinces import named_province
from handlers.state import DialogueState
from handlers.texts import say
from handlers.times import reading_time
from knowledge.taxonomy import NATIONAL
from knowledge.text import clean, fold
from knowledge.understanding import Outcome, Reason, Understanding

TEXT_READ = 2000
OPTIONS_SHOWN = 3  # beside «none of these»
DOUBLE_TAP_S = 10.0
LOGGED_TEXT = 500

_COMMANDS: dict[str, str] = {
    "menu": "menu", "danh muc": "menu", "/menu": "menu", "muc luc": "menu",
    "thoi": "cancel", "huy": "cancel", "/huy": "cancel", "huy bo": "cancel", "/cancel": "cancel", "dung": "cancel",
    "giup": "help", "giup do": "help", "help": "help", "/help": "help", "huong dan": "help", "tro giup": "help",
    "gap can bo": "person", "gap nguoi": "person", "gap nhan vien": "person", "noi chuyen voi nguoi": "person",
    "doi tinh": "province", "chon tinh": "province", "/tinh": "province",
    "toi la ai": "audience", "doi doi tuong": "audience",
    "rieng tu": "privacy", "quyen rieng tu": "privacy", "/riengtu": "privacy", "bao mat": "privacy",
    "/start": "start", "bat dau": "start",
}  # fmt: skip
_NUMBER = desk_turn.CHOICE_NUMBER


def decide(context: TurnContext, state: DialogueState, messages: Sequence[IncomingMessage]) -> Decision:
    """Decide one turn.

    Args:
        context: What the turn may look at.
        state: What the conversation remembers.
        messages: Either one message of any kind, or several texts that are read as one.

    Returns:
        The next state, the replies in order, what to log and what else to write. Nothing is stored or sent here.

    Raises:
        DeskNeeded: The turn is about requests and ``context.standing`` is missing: load it and decide again.
    """
    first = messages[0]
    decision = _remember_offer(desk_turn.remind(context, state, _route(context, state, messages)))
    if state.greeted or first.kind is MessageKind.START:
        return decision
    if decision.log.outcome == Outcome.SMALL_TALK and decision.log.understanding is not None:
        introduction = introduce(context, replace(decision.state, greeted=True))
        return replace(introduction, log=decision.log)
    greeting = Reply(say("intro_short", department=context.department.name))
    return replace(decision, state=replace(decision.state, greeted=True), replies=(greeting, *decision.replies))


def _remember_offer(decision: Decision) -> Decision:
    """What was offered last is what a number answers: channels without buttons number every choice they show."""
    offered = next((reply.choices for reply in reversed(decision.replies) if reply.choices), None)
    if offered is None or offered == decision.state.choices:
        return decision
    return replace(decision, state=replace(decision.state, choices=offered))


def _route(context: TurnContext, state: DialogueState, messages: Sequence[IncomingMessage]) -> Decision:
    first = messages[0]
    if first.kind is MessageKind.TAP:
        return _tap(context, state, first.data)
    if first.kind is MessageKind.START:
        return introduce(context, replace(state, greeted=True))
    if not _is_command(first) and (of_the_desk := desk_turn.route(context, state, messages)) is not None:
        return of_the_desk
    if first.kind is not MessageKind.TEXT:
        return Decision(state, (Reply(say(f"media.{first.kind.value}")),), TurnLog(text=f"[{first.kind.value}]"))
    text = " ".join(filter(None, (clean(message.text) for message in messages)))
    return _text(context, state, text)


def _is_command(message: IncomingMessage) -> bool:
    """Whether a text is one of the words that mean the same everywhere; what stops a form is the form's."""
    words = fold(clean(message.text)).strip(" .!?")
    return message.kind is MessageKind.TEXT and _COMMANDS.get(words, "cancel") != "cancel"


def introduce(context: TurnContext, state: DialogueState) -> Decision:
    """Who speaks, for whom, how to reach a person, where the notice is; then what can be asked."""
    intro = Reply(say("intro", department=context.department.name))
    return _show(state, menu.main_menu(context), before=(intro,))


def _show(state: DialogueState, reply: Reply, before: tuple[Reply, ...] = (), log: TurnLog | None = None) -> Decision:
    """Send a reply and remember its choices, so that a number answers them."""
    return Decision(replace(state, choices=reply.choices, awaiting=None), (*before, reply), log or TurnLog())


# -- text ---------------------------------------------------------------------------------------------------------


def _text(context: TurnContext, state: DialogueState, text: str) -> Decision:
    before: tuple[Reply, ...] = ()
    if len(text) > TEXT_READ:
        text = text[:TEXT_READ]
        before = (Reply(say("too_long")),)
    words = fold(text).strip(" .!?")
    if command := _COMMANDS.get(words):
        return _command(context, replace(state, last_tap=None), command)
    number = _NUMBER.fullmatch(words)
    if number and state.choices:
        return _number(context, state, int(number.group(1)))
    if typed := next((shown for shown in state.choices if fold(shown.label).strip(" .!?") == words), None):
        return _tap(context, state, typed.data)
    state = replace(state, last_tap=None)  # the same button after a word is no second tap
    if province := named_province(words, asked=state.awaiting == "province"):
        return _set_province(context, state, province)
    decision = answer_question(context, state, text)
    return replace(decision, replies=(*before, *decision.replies)) if before else decision


def _number(context: TurnContext, state: DialogueState, number: int) -> Decision:
    if 1 <= number <= len(state.choices):
        return _tap(context, state, state.choices[number - 1].data)
    return Decision(state, (Reply(say("not_understood_number", number=number, count=len(state.choices))),))


def _command(context: TurnContext, state: DialogueState, command: str) -> Decision:
    match command:
        case "menu":
            return _show(state, menu.main_menu(context))
        case "cancel":
            kept = replace(state, choices=(), awaiting=None, topic=None, facet=None, article=None)
            return Decision(kept, (Reply(say("cancelled"), choices=(choice("menu.button", "m"),)),))
        case "help":
            return _show(state, Reply(say("help"), choices=(choice("menu.button", "m"), choice("menu.contact", "h"))))
        case "person":
            return _person(context, state)
        case "province":
            return _ask_province(context, state)
        case "audience":
            return _show(state, menu.audience_menu(context))
        case "privacy":
            return Decision(state, (Reply(privacy_notice(context)),))
        case _:
            return introduce(context, replace(state, greeted=True))


def privacy_notice(context: TurnContext) -> str:
    """How what people write is kept; the same words in the chat and on the page."""
    contact = context.department.privacy_contact
    line = say("privacy.contact", contact=contact) if contact else say("privacy.no_contact")
    return say("privacy", department=context.department.name, days=context.retention_days, contact=line)


def _person(context: TurnContext, state: DialogueState) -> Decision:
    body = "\n".join([answers.contact_lines(context), reading_time(context.desk.calendar, context.now)])
    own = (choice("request.mine", "r"),) if context.desk.requests else ()
    reply = Reply(body, choices=(choice("request.offer", "s"), *own, choice("menu.button", "m")))
    return Decision(replace(state, choices=reply.choices), (reply,))


def _ask_province(context: TurnContext, state: DialogueState) -> Decision:
    decision = _show(state, menu.province_menu(context))
    return replace(decision, state=replace(decision.state, awaiting="province"))


def _set_province(context: TurnContext, state: DialogueState, province: str) -> Decision:
    """Note where the person is; what they were told last is said again where that province has its own answer."""
    reply = Reply(say("province.set", province=menu.province_name(province)), choices=(choice("menu.button", "m"),))
    state = replace(state, province=province, awaiting=None, choices=reply.choices)
    told = context.knowledge.entries.get(state.article or "")
    if told is not None and told is context.knowledge.facet_entry(told.topic, told.facet, told.province):
        there = context.knowledge.facet_entry(told.topic, told.facet, province)
        if there is not None and there is not told:
            understanding = Understanding(Outcome.ANSWER, 1.0, there.topic, there.facet, there.id)
            answered = _answer(context, state, understanding, None)
            return replace(answered, replies=(replace(reply, choices=()), *answered.replies))
    return Decision(state, (reply,))


# -- taps ---------------------------------------------------------------------------------------------------------


def _tap(context: TurnContext, state: DialogueState, data: str) -> Decision:
    now = context.now.timestamp()
    if data == state.last_tap and now - state.last_tap_at < DOUBLE_TAP_S:
        return Decision(state)
    state = replace(state, last_tap=data, last_tap_at=now)
    action, _, argument = data.partition(":")
    handler = _TAPS.get(action)
    decision = handler(context, state, argument) if handler else None
    return decision or _old_button(context, state)


def _old_button(context: TurnContext, state: DialogueState) -> Decision:
    return _show(state, menu.main_menu(context), before=(Reply(say("old_button")),))


def _tap_menu(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    del argument
    return _show(state, menu.main_menu(context))


def _tap_field(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    field_id, _, start = argument.partition(":")
    reply = menu.field_menu(context, field_id, int(start) if start.isdigit() else 0)
    return _show(state, reply) if reply else None


def _tap_topic(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    reply = menu.topic_menu(context, argument, context.province(state))
    if reply is None:
        return None
    return _show(replace(state, **state.about(argument, None, None)), reply)


def _tap_facet(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    topic, _, facet = argument.partition(":")
    if topic not in context.knowledge.topics or facet not in context.knowledge.taxonomy.facets:
        return None
    entry = context.knowledge.facet_entry(topic, facet, context.province(state))
    if entry is None:
        return None
    understanding = Understanding(Outcome.ANSWER, 1.0, topic, entry.facet, entry.id)
    return _answer(context, state, understanding, None)


def _tap_entry(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    article = context.knowledge.article(argument)
    if article is None:
        return None
    document = context.knowledge.document_of(article)
    topic, facet = (
        (document.topic, "can-cu")
        if document
        else (context.knowledge.entries[article].topic, context.knowledge.entries[article].facet)
    )
    return _answer(context, state, Understanding(Outcome.ANSWER, 1.0, topic, facet, article), None)


def _tap_details(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    article = context.knowledge.article(argument)
    entry = context.knowledge.entries.get(article or "")
    if entry is None:
        return None
    log = TurnLog(
        outcome=Outcome.ANSWER.value, topic=entry.topic, facet=entry.facet, article=entry.id,
        sources=answers.sources_of(context, entry),
    )  # fmt: skip
    return Decision(state, (answers.render_details(entry),), log)


def _tap_feedback(verdict: str) -> Callable[[TurnContext, DialogueState, str], Decision | None]:
    def record(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
        del context
        if not re.fullmatch(r"[0-9A-Za-z]{6,16}", argument):
            return None
        if verdict == "useful":
            return Decision(state, (Reply(say("feedback.thanks")),), feedback=Feedback(argument, verdict))
        ways_on = (choice("request.offer", "s"), choice("menu.button", "m"), choice("menu.contact", "h"))
        reply = Reply(say("feedback.sorry"), choices=ways_on)
        return replace(_show(state, reply), feedback=Feedback(argument, verdict))

    return record


def _tap_province(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    if not argument:
        return _ask_province(context, state)
    return _set_province(context, state, argument) if argument in context.knowledge.taxonomy.provinces else None


def _tap_audience(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    if not argument:
        return _show(state, menu.audience_menu(context))
    name = context.knowledge.taxonomy.audiences.get(argument)
    if name is None:
        return None
    reply = Reply(say("audience.set", audience=name.split(":")[0]), choices=(choice("menu.button", "m"),))
    return Decision(replace(state, audience=argument, choices=reply.choices), (reply,))


def _tap_none(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    del context, argument
    reply = Reply(say("clarify.none_reply"), choices=(choice("menu.button", "m"), choice("menu.contact", "h")))
    return _show(state, reply)


def _tap_person(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    del argument
    return _person(context, state)


_TAPS: dict[str, Callable[[TurnContext, DialogueState, str], Decision | None]] = {
    "m": _tap_menu, "f": _tap_field, "t": _tap_topic, "q": _tap_facet, "e": _tap_entry, "x": _tap_details,
    "u": _tap_feedback("useful"), "w": _tap_feedback("wrong"), "p": _tap_province, "a": _tap_audience,
    "n": _tap_none, "h": _tap_person, **desk_turn.TAPS,
}  # fmt: skip


# -- questions ----------------------------------------------------------------------------------------------------


def answer_question(context: TurnContext, state: DialogueState, text: str) -> Decision:
    """Answer from the curated entries, ask back, or say honestly why not."""
    understanding = context.understander.understand(text, context.question_context(state))
    if understanding.province and understanding.province != NATIONAL and state.province is None:
        state = replace(state, province=understanding.province)
    logged = mask_personal_data(text)[:LOGGED_TEXT]
    if understanding.outcome in (Outcome.ANSWER, Outcome.CLARIFY, Outcome.NO_ANSWER):
        state = replace(state, question=logged)
    match understanding.outcome:
        case Outcome.ANSWER:
            return _answer(context, state, understanding, logged)
        case Outcome.CLARIFY:
            return _clarify(context, state, understanding, logged)
        case Outcome.SMALL_TALK:
            body = say(f"small_talk.{understanding.phrase}", department=context.department.name)
            return Decision(state, (Reply(body),), _log(understanding, logged))
        case Outcome.SENSITIVE:
            return Decision(state, (Reply(say(f"sensitive.{understanding.phrase}")),), _log(understanding, logged))
        case _:
            return _no_answer(context, state, understanding, logged)


def _log(understanding: Understanding, text: str | None, **extra: object) -> TurnLog:
    return TurnLog(
        text=text, understanding=understanding, outcome=understanding.outcome.value, topic=understanding.topic,
        facet=understanding.facet, article=understanding.article, province=understanding.province, **extra,  # type: ignore[arg-type]
    )  # fmt: skip


def _answer(context: TurnContext, state: DialogueState, understanding: Understanding, text: str | None) -> Decision:
    province = understanding.province or context.province(state)
    document = context.knowledge.document_of(understanding.article or "")
    sources: tuple[dict[str, object], ...]
    if document is not None:
        others = understanding.document.others if understanding.document else ()
        reply = answers.render_document(context, document, others)
        sources = (answers.source_of(document, None),)
    else:
        entry = context.knowledge.entries[str(understanding.article)]
        reply = answers.render_entry(
            context, entry, province=province, alternatives=understanding.alternatives,
            may_choose_province=province == NATIONAL and state.province is None,
        )  # fmt: skip
        sources = answers.sources_of(context, entry)
    reply = desk_turn.offer_request(reply)
    state = replace(
        state, **state.about(understanding.topic, understanding.facet, understanding.article), choices=reply.choices,
        awaiting=None,
    )  # fmt: skip
    replies: tuple[Reply, ...] = (reply,)
    second = context.knowledge.entries.get(understanding.also.article or "") if understanding.also else None
    if second is not None:
        # both answers stand; what may be tapped hangs under the last one, so that a number means one thing
        answer = answers.render_entry(context, second, province=province)
        replies = (replace(reply, choices=()), replace(answer, choices=reply.choices))
    return Decision(state, replies, _log(understanding, text, sources=sources))


def _clarify(context: TurnContext, state: DialogueState, understanding: Understanding, text: str | None) -> Decision:
    shown = understanding.alternatives[:OPTIONS_SHOWN]
    options = [answers.candidate_choice(context, option) for option in shown]
    if understanding.document is not None:
        body = say("document.which", number=understanding.document.named.digits)
    else:
        body = say("clarify")
    reply = Reply(body, choices=(*options, choice("clarify.none", "n")))
    if understanding.topic is not None:  # what was asked back about is what a short next message goes on with
        state = replace(state, **state.about(understanding.topic, None, None))
    return _show(state, reply, log=_log(understanding, text))


def _no_answer(context: TurnContext, state: DialogueState, understanding: Understanding, text: str | None) -> Decision:
    ways_on = (choice("request.offer", "s"), choice("menu.button", "m"), choice("menu.contact", "h"))
    if understanding.reason is Reason.OTHER_AGENCY:
        card = context.knowledge.referrals[str(understanding.referral)]
        body = say("no_answer.other_agency", answer=card.answer, agency=card.agency)
        log = _log(understanding, text, agency=card.agency)
        return _show(state, Reply(body, choices=ways_on[:2]), log=log)
    if understanding.document is not None:
        body = say("document.unknown", number=understanding.document.named.text.strip())
    else:
        body = say(f"no_answer.{understanding.reason}")
    near = tuple(answers.candidate_choice(context, other, as_question=True) for other in understanding.alternatives)
    return _show(state, Reply(body, choices=(*near, *ways_on)), log=_log(understanding, text))
