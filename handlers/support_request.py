"""Filing a support request: one thing at a time, kept at every step, until it is confirmed.

The form itself is a row of the desk; a turn gets it with what the desk knows (``context.desk``) and returns it as
``SaveForm``. While ``state.awaiting`` is ``form`` the next text answers the form's step; anything else the person does
leaves the form where it is, and «tiếp tục» goes on.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace

from desk.filing import OPEN_LIMIT
from handlers import form_answers, form_files, form_places, form_prompts
from handlers.commands import Command, DiscardForm, FileRequest, MakeFormLink, RecordConsent, SaveForm
from handlers.context import Decision, TurnContext, choice
from handlers.form import EDITABLE, OPTIONAL, PURPOSES, Answered, Form, Step, Wrong, begin
from handlers.messages import IncomingMessage, Reply, SharedContact
from handlers.standing import OwnRequest
from handlers.state import DialogueState
from handlers.texts import say
from knowledge.text import clean, fold
from knowledge.understanding import Outcome, QuestionContext

AWAITING = "form"
QUESTION_CONFIDENCE = 0.6
SENT_JUST_NOW = dt.timedelta(minutes=10)
_ASKS = re.compile(
    r" (?:gì|gi|nào|nao|sao|đâu|dau|bao nhiêu|bao nhieu|bao lâu|bao lau|mấy|thế nào|the nao|như nào|ai|hả|được không|"
    r"duoc khong|phải không|có cần|co can|có được|co duoc)[ ?!.,]"
)

SKIP = frozenset({
    "bo qua", "khong co", "khong can", "bo", "skip", "qua", "khong", "ko", "chua co", "khong nho", "khong biet",
})  # fmt: skip
DONE = frozenset({"xong", "xong roi", "het roi", "du roi", "hoan tat"})
BACK = frozenset({"quay lai", "lui lai", "truoc"})
AGAIN = frozenset({"lam lai", "viet lai", "bat dau lai", "lam lai tu dau", "viet lai tu dau"})
SEND = frozenset({"gui", "gui di", "gui luon", "xac nhan", "dong y gui"})
CHANGE = frozenset({"sua", "sua lai", "thay doi"})


def current(context: TurnContext) -> Form | None:
    """The form that was begun, if any."""
    kept = context.desk.form
    return Form.from_json(kept.data) if kept else None


def offer() -> tuple[str, str]:
    """Key and data of the button that begins a request."""
    return "request.offer", "s"


# -- beginning, going on, stopping ----------------------------------------------------------------------------------


def start(context: TurnContext, state: DialogueState) -> Decision:
    """Begin a request, or go on with the one that was begun."""
    if current(context) is not None:
        return resume(context, state, before=say("form.kept"))
    return begin_anew(context, state)


def begin_anew(context: TurnContext, state: DialogueState) -> Decision:
    """Begin a request, prefilled with what the conversation is about."""
    open_codes = [request.code for request in context.desk.open_requests]
    if len(open_codes) >= OPEN_LIMIT:
        body = say("desk.too_many_open", limit=OPEN_LIMIT, codes=", ".join(open_codes))
        return _reply(state, Reply(body, choices=(choice("request.mine", "r"),)))
    form = begin(context.desk, topic=state.topic, question=state.question, kind=None)
    form = replace(form, takes_files=context.traits.takes_files)
    if context.traits.form_on_web:
        link = Reply(say("form.on_web"), choices=(choice("form.on_web_button", "s:web"),))
        if context.traits.form_only_on_web:
            return replace(_reply(state, link), commands=(DiscardForm(), SaveForm(form.to_json())))
        return _ask(context, state, form, before=(link,), commands=(DiscardForm(),))
    return _ask(context, state, form, before=(Reply(say("form.begin")),), commands=(DiscardForm(),))


def resume(context: TurnContext, state: DialogueState, *, before: str | None = None) -> Decision:
    """Ask again what the form waits for."""
    form = current(context)
    if form is None:
        return _reply(
            state, Reply(say("form.none"), choices=(choice("request.offer", "s"), choice("menu.button", "m")))
        )
    said = (Reply(before, choices=()),) if before else ()
    return _ask(context, state, form, before=said, keep=False)


def stop(context: TurnContext, state: DialogueState) -> Decision:
    """The person wants to stop: what they wrote is kept unless they say otherwise."""
    choices = (choice("form.go_on", "s:go"), choice("form.drop", "s:drop"))
    return _reply(state, Reply(say("form.stopped", days=context.desk.periods.draft), choices=choices))


def drop(context: TurnContext, state: DialogueState) -> Decision:
    """Forget what was written."""
    if current(context) is None:
        return resume(context, state)
    reply = Reply(say("form.dropped"), choices=(choice("request.offer", "s"), choice("menu.button", "m")))
    return replace(_reply(state, reply), commands=(DiscardForm(),))


def web_link(context: TurnContext, state: DialogueState) -> Decision:
    """A one-time link to the form on our own page."""
    if not context.traits.form_on_web:
        return start(context, state)
    kept = context.desk.form
    form = Form.from_json(kept.data) if kept else begin(
        context.desk, topic=state.topic, question=state.question, kind=None
    )  # fmt: skip
    return Decision(replace(state, choices=(), awaiting=None), commands=(SaveForm(form.to_json()), MakeFormLink()))


def _reply(state: DialogueState, reply: Reply) -> Decision:
    return Decision(replace(state, choices=reply.choices, awaiting=None), (reply,))


def _ask(
    context: TurnContext, state: DialogueState, form: Form, *, before: Sequence[Reply] = (),
    commands: Sequence[Command] = (), keep: bool = True,
) -> Decision:  # fmt: skip
    """Keep the form and ask what comes next, in one message with what is said before."""
    kept = context.desk.form
    step = form.next_step(context.desk)
    is_old = kept is not None and not any(isinstance(command, DiscardForm) for command in commands)
    reply = form_prompts.prompt(
        context, form, step, kept.files if kept and is_old else (), kept.key if kept and is_old else ""
    )
    if before and not before[-1].choices:
        said = before[-1].body
        body = f"{said}\n{reply.heading}\n{reply.body}" if reply.heading else f"{said}\n{reply.body}"
        reply, before = replace(reply, body=body, heading=None), before[:-1]
    state = replace(state, choices=reply.choices, awaiting=AWAITING)
    saved = (SaveForm(form.to_json()),) if keep else ()
    return Decision(state, (*before, reply), commands=(*commands, *saved))


# -- text and files while the form waits ----------------------------------------------------------------------------


def hear(context: TurnContext, state: DialogueState, text: str) -> Decision | None:
    """A text while the form waits; None when it is something else: a question, which the form outlives."""
    form = current(context)
    if form is None:
        return None
    step = form.next_step(context.desk)
    words = " ".join(fold(text).strip(" .!").split())
    if words in AGAIN:
        return begin_anew(context, state)
    if words in BACK:
        return _ask(context, state, form.previous())
    if words in SKIP and step in OPTIONAL:
        return _ask(context, state, form_files.skipped(form, step))
    if step in PURPOSES:
        agreed = form_answers.read_choice(text)
        if agreed is not None:
            return choose(context, state, step, agreed=agreed)
        return None if is_question(context, text) else _again(context, state, form, say("consent.unclear"))
    if step is Step.FILES:
        if words in DONE:
            return _ask(context, state, form.answered(step))
        return None if is_question(context, text) else _again(context, state, form, say("form.files_text"))
    if step is Step.REVIEW:
        return _hear_review(context, state, form, words, text)
    if step is not Step.NEED and is_question(context, text):
        return None
    return _take(context, state, form, step, text)


def _hear_review(context: TurnContext, state: DialogueState, form: Form, words: str, text: str) -> Decision | None:
    if words in SEND:
        return send(context, state, None)
    if words in CHANGE:
        return edit(context, state, None)
    return None if is_question(context, text) else _again(context, state, form, say("form.review_text"))


def _take(context: TurnContext, state: DialogueState, form: Form, step: Step, text: str) -> Decision:
    if step is Step.NEED and not form.is_plain and (kind := form_answers.reads_as(text)):
        return _refuse(context, state, kind)
    result = form_answers.read_answer(context, form, step, text, near=context.province(state))
    if isinstance(result, Wrong):
        return _again(context, state, form, result)
    return _go_on(context, state, result)


def _go_on(context: TurnContext, state: DialogueState, result: Answered) -> Decision:
    before = (Reply(result.remark),) if result.remark else ()
    return _ask(context, state, result.form, before=before)


def _again(context: TurnContext, state: DialogueState, form: Form, wrong: Wrong | str) -> Decision:
    """Say what is wrong and leave the same step open."""
    step = form.next_step(context.desk)
    kept = context.desk.form
    files, key = (kept.files, kept.key) if kept else ((), "")
    usual = form_prompts.prompt(context, form, step, files, key)
    if isinstance(wrong, str):
        wrong = Wrong(wrong)
    ask = usual.ask if usual.ask != "contact" else None  # the messenger's form stands above, once is enough
    reply = Reply(wrong.text, choices=tuple(dict.fromkeys((*wrong.choices, *usual.choices))), ask=ask)
    saved = (SaveForm(wrong.form.to_json()),) if wrong.form else ()
    return Decision(replace(state, choices=reply.choices, awaiting=AWAITING), (reply,), commands=saved)


def _refuse(context: TurnContext, state: DialogueState, kind: str) -> Decision:
    """What the chat does not take: where it goes instead; a plain question still may be asked."""
    choices = (choice("form.plain_question", f"s:plain:{kind}"), choice("form.drop", "s:drop"))
    reply = Reply(say(f"form.not_taken_{kind}", department=context.department.name), choices=choices)
    return Decision(replace(state, choices=choices, awaiting=AWAITING), (reply,))


def is_question(context: TurnContext, text: str) -> bool:
    """Whether a text asks something the knowledge answers, rather than telling the form something.

    It must be worded as a question and be one by itself: read in the light of the subject, a mere name would do.
    """
    if not (text.rstrip().endswith("?") or _ASKS.search(f" {clean(text).lower()} ")):
        return False
    understanding = context.understander.understand(text, QuestionContext())
    return understanding.outcome is Outcome.ANSWER and understanding.confidence >= QUESTION_CONFIDENCE


def share_phone(context: TurnContext, state: DialogueState, number: str) -> Decision | None:
    """The person's own number, shared with one tap; None when nobody asked for it."""
    form = current(context)
    if form is None or state.awaiting != AWAITING or form.next_step(context.desk) is not Step.PHONE:
        return None
    return _take(context, state, form, Step.PHONE, number)


def share_contact(context: TurnContext, state: DialogueState, shared: SharedContact) -> Decision | None:
    """Name, phone and place from the messenger's own form; None when no form of ours waits for them.

    They are the person's claims, read like what is typed: what is not usable is asked for in words. A place that was
    answered before stays.
    """
    form = current(context)
    if form is None or not form.agreed:
        return None
    taken = []
    for step, text in ((Step.NAME, shared.name), (Step.PHONE, shared.phone), (Step.PLACE, shared.place)):
        if not text.strip() or (step is Step.PLACE and step in form.done):
            continue
        result = form_answers.read_answer(context, form, step, text)
        if isinstance(result, Answered):
            form = result.form
            taken.append(step)
    if not taken:
        return _again(context, state, form, say("form.shared_nothing"))
    labels = ", ".join(say(f"form.label.{step.value}").lower() for step in taken)
    return _ask(context, state, form, before=(Reply(say("form.shared", fields=labels)),))


def take_files(context: TurnContext, state: DialogueState, messages: Sequence[IncomingMessage]) -> Decision:
    """Files sent while a form is open belong to it, whatever it asks at the moment."""
    form = current(context)
    assert form is not None and context.desk.form is not None
    outcome = form_files.take(context, context.desk.form.files, messages)
    step = form.next_step(context.desk)
    if state.awaiting == AWAITING and step is not Step.FILES and not outcome.choices:
        return replace(_ask(context, state, form, before=(Reply(outcome.text),), keep=False), commands=outcome.commands)
    choices = (*outcome.choices, choice("form.files_done", "s:done"))
    reply = Reply(outcome.text, choices=choices, ask="files")
    return Decision(replace(state, choices=choices, awaiting=AWAITING), (reply,), commands=outcome.commands)


# -- taps ---------------------------------------------------------------------------------------------------------


def choose(context: TurnContext, state: DialogueState, step: Step, *, agreed: bool) -> Decision:
    """One choice about one purpose; it is recorded at once with the text it was made on."""
    form = current(context)
    if form is None:
        return start(context, state)
    if step in form.done or not form.applies(step, context.desk):
        return _ask(context, state, form, keep=False)
    receipt = RecordConsent(
        PURPOSES[step].value, agreed, form_prompts.CONSENT_VERSION, form_prompts.consent_text(context, step)
    )
    form = form.answered(step, agreed=agreed) if step is Step.CONSENT else form.answered(step)
    before = (Reply(say("consent.declined")),) if step is Step.CONSENT and not agreed else ()
    return _ask(context, state, form, before=before, commands=(receipt,))


def tap(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    """A button of the form: ``s`` and ``argument``."""
    action, _, rest = argument.partition(":")
    match action:
        case "":
            return start(context, state)
        case "new":
            return begin_anew(context, state)
        case "go":
            return resume(context, state)
        case "stop":
            return stop(context, state)
        case "drop":
            return drop(context, state)
        case "web":
            return web_link(context, state)
        case "send":
            return send(context, state, rest)
    form = current(context)
    if form is None:
        return resume(context, state)
    return _tap_step(context, state, form, action, rest)


def _tap_step(context: TurnContext, state: DialogueState, form: Form, action: str, rest: str) -> Decision | None:
    step = form.next_step(context.desk)
    match action:
        case "y" | "n" if rest in {purpose.value for purpose in PURPOSES}:
            return choose(context, state, Step(rest), agreed=action == "y")
        case "skip" if rest == step.value and step in OPTIONAL:
            return _ask(context, state, form_files.skipped(form, step))
        case "k" if rest in context.knowledge.taxonomy.audiences and step is Step.KIND:
            return _ask(context, state, form.answered(step, kind=rest))
        case "p" | "c" | "pk" if step is Step.PLACE or (step is Step.COMMUNE and action == "c"):
            return _tap_place(context, state, form, f"{action}:{rest}")
        case "t" if step is Step.TOPIC and (not rest or rest in context.knowledge.topics):
            return _ask(context, state, form.answered(step, topic=rest or None, asks_topic=False))
        case "use" if step is Step.NEED and form.question:
            return _take(context, state, form, step, form.question)
        case "plain":
            return _ask(context, state, replace(form, is_plain=True), before=(Reply(say("form.plain_ask")),))
        case "done" if step is Step.FILES:
            return _ask(context, state, form.answered(step))
        case "edit":
            return edit(context, state, None)
        case "e" if rest in {editable.value for editable in EDITABLE}:
            return edit(context, state, Step(rest))
        case "rm":
            return form_files.remove(context, state, rest)
        case _:
            return _ask(context, state, form, keep=False)  # a button of a step that is over: what is asked now


def _tap_place(context: TurnContext, state: DialogueState, form: Form, data: str) -> Decision:
    result = form_places.choose(form, data)
    return _ask(context, state, form, keep=False) if result is None else _go_on(context, state, result)


def edit(context: TurnContext, state: DialogueState, step: Step | None) -> Decision:
    """Choose what to change, or change it."""
    form = current(context)
    if form is None:
        return resume(context, state)
    if step is None or not form.may_change(step, context.desk):
        reply = form_prompts.edit_menu(context, form)
        return Decision(replace(state, choices=reply.choices, awaiting=AWAITING), (reply,))
    return _ask(context, state, form.without(step))


def just_filed(context: TurnContext, state: DialogueState) -> OwnRequest | None:
    """The request a second «gửi» is about: filed a moment ago, with nothing else waiting for words."""
    if context.desk.form is not None or state.awaiting is not None:
        return None
    newest = next(iter(context.desk.requests), None)
    return newest if newest is not None and context.now - newest.created_at < SENT_JUST_NOW else None


def sent_already(state: DialogueState, code: str) -> Decision:
    """Confirming again files nothing."""
    return _reply(state, Reply(say("form.sent_already", code=code), choices=(choice("request.mine", "r"),)))


def send(context: TurnContext, state: DialogueState, mark: str | None) -> Decision:
    """Confirm. ``mark`` begins with the form's key, so that an old button never sends a newer form."""
    kept = context.desk.form
    if mark:
        filed = next((request for request in context.desk.requests if (request.key or "").startswith(mark)), None)
        if filed is not None:
            return sent_already(state, filed.code)
    if kept is None or (mark is not None and not (mark and kept.key.startswith(mark))):
        return resume(context, state)
    form = Form.from_json(kept.data)
    if form.next_step(context.desk) is not Step.REVIEW or not form.description:
        return _ask(context, state, form, keep=False)
    if len(context.desk.open_requests) >= OPEN_LIMIT:
        codes = ", ".join(request.code for request in context.desk.open_requests)
        body = say("desk.too_many_open", limit=OPEN_LIMIT, codes=codes)
        return _reply(state, Reply(body, choices=(choice("request.mine", "r"),)))
    filing = FileRequest(
        kept.key, kept.id, form.description, topic=form.topic, question=form.question, requester=form.requester()
    )
    return Decision(replace(state, choices=(), awaiting=None), commands=(filing,))
