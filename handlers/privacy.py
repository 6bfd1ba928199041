"""What a person may ask about their own data: to see it, have it corrected or erased, take their consent back."""

from __future__ import annotations

from dataclasses import replace

from db.models import DataRight
from desk.consent import Purpose
from handlers.commands import Command, OpenPrivacyTask, WithdrawConsents
from handlers.context import Decision, TurnContext, choice
from handlers.form import Form
from handlers.form_prompts import shown_fields
from handlers.messages import Reply
from handlers.state import DialogueState
from handlers.texts import say

COMMANDS = {
    "xem du lieu cua toi": "view", "du lieu cua toi": "view", "xoa du lieu cua toi": "erase",
    "xoa du lieu": "erase", "sua du lieu cua toi": "correct", "sua du lieu": "correct",
    "rut dong y": "withdraw", "rut lai dong y": "withdraw", "rut su dong y": "withdraw",
}  # fmt: skip


def _reply(state: DialogueState, reply: Reply, *commands: Command) -> Decision:
    return Decision(replace(state, choices=reply.choices, awaiting=None), (reply,), commands=commands)


def command(context: TurnContext, state: DialogueState, name: str) -> Decision:
    """One of the rights, asked for in words."""
    match name:
        case "view":
            return view(context, state)
        case "correct":
            return _correct(state)
        case "erase":
            return _ask_erase(context, state)
        case _:
            choices = (choice("privacy.withdraw_yes", "d:w"), choice("privacy.keep", "d:k"))
            return _reply(state, Reply(say("privacy.ask_withdraw"), choices=choices))


def view(context: TurnContext, state: DialogueState) -> Decision:
    """What is kept, at once, as far as the channel may show it; the dated task gives the whole copy."""
    desk = context.desk
    lines = [say("privacy.have_chat", days=context.retention_days)]
    if desk.form is not None:
        form = Form.from_json(desk.form.data)
        lines.append(say("privacy.have_form"))
        shown = shown_fields(context, form, desk.form.files)
        lines += [say("form.line", label=say(f"form.label.{step.value}"), value=value) for step, value in shown.items()]
    if desk.requests:
        codes = ", ".join(request.code for request in desk.requests)
        lines.append(say("privacy.have_requests", count=len(desk.requests), codes=codes))
    for purpose in Purpose:
        if purpose in desk.consents:
            lines.append(say(f"consented.{desk.consents[purpose]}", purpose=say(f"purpose.{purpose.value}")))
    choices = (choice("privacy.correct", "d:c"), choice("privacy.erase", "d:e"))
    reply = Reply("\n".join(lines), heading=say("privacy.have"), choices=choices)
    return _reply(state, reply, OpenPrivacyTask(DataRight.VIEW.value))


def _correct(state: DialogueState) -> Decision:
    reply = Reply(say("privacy.say_what_is_wrong"), choices=(choice("menu.contact", "h"),))
    return _reply(state, reply, OpenPrivacyTask(DataRight.CORRECT.value))


def _ask_erase(context: TurnContext, state: DialogueState) -> Decision:
    open_codes = [request.code for request in context.desk.open_requests]
    if open_codes:
        body = say("desk.open_requests_remain", codes=", ".join(open_codes))
        return _reply(state, Reply(body, choices=(choice("request.mine", "r"),)))
    choices = (choice("privacy.erase_yes", "d:x"), choice("privacy.keep", "d:k"))
    return _reply(state, Reply(say("privacy.ask_erase"), choices=choices))


def tap(context: TurnContext, state: DialogueState, argument: str) -> Decision | None:
    """A button about one's data: ``d`` and ``argument``. What was opened is told by the task's own notice."""
    cleared = replace(state, choices=(), awaiting=None)
    match argument:
        case "c":
            return _correct(state)
        case "e":
            return _ask_erase(context, state)
        case "x" if not context.desk.open_requests:
            return Decision(cleared, commands=(OpenPrivacyTask(DataRight.ERASE.value),))
        case "x":
            return _ask_erase(context, state)
        case "w":
            body = say("privacy.withdrawn")
            return _reply(state, Reply(body), WithdrawConsents(), OpenPrivacyTask(DataRight.WITHDRAW_CONSENT.value))
        case "k":
            return _reply(state, Reply(say("privacy.kept"), choices=(choice("menu.button", "m"),)))
        case _:
            return None
