"""What each step of the form asks, and the screen on which everything is checked before it is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice

from desk.identity import mask_phone, mask_tax_code
from handlers import form_places
from handlers.context import TurnContext, choice
from handlers.form import EDITABLE, OPTIONAL, ORGANISED, Form, Step
from handlers.masking import mask_name, mask_name_in, mask_personal_data
from handlers.messages import Choice, Reply
from handlers.standing import KeptFile
from handlers.texts import say
from handlers.times import show_days, show_months
from knowledge.understanding import QuestionContext

CONSENT_VERSION = "2026-11-22"
STEPS_SHOWN = 3000
TOPICS_SHOWN = 4


def consent_notice(context: TurnContext) -> str:
    """What the person agrees to, or not: who, what for, who sees it, how long, rights, contact."""
    department = context.department
    contact = department.privacy_contact or ", ".join(department.phones) or department.name
    periods = context.desk.periods
    return say(
        "consent.notice", department=department.name, contact=contact, files=show_months(periods.files),
        request=show_months(periods.request), receipt=show_months(periods.consent), draft=show_days(periods.draft),
    )  # fmt: skip


def consent_text(context: TurnContext, step: Step) -> str:
    """The whole text on which a choice is made; its fingerprint goes on the receipt."""
    return consent_notice(context) if step is Step.CONSENT else say(f"consent.{step.value}")


def prompt(context: TurnContext, form: Form, step: Step, files: tuple[KeptFile, ...], key: str) -> Reply:
    """The question of a step, with what can be tapped. ``key`` is the form's, for the button that sends it."""
    match step:
        case Step.CONSENT | Step.SHARE | Step.NEWS:
            choices = (choice("consent.yes", f"s:y:{step.value}"), choice("consent.no", f"s:n:{step.value}"))
            return Reply(consent_text(context, step), choices=choices)
        case Step.KIND:
            audiences = context.knowledge.taxonomy.audiences.items()
            return Reply(say("form.kind"), choices=tuple(Choice(name, f"s:k:{id_}") for id_, name in audiences))
        case Step.NAME if context.traits.shares_contact:
            return Reply(say("form.name_or_share"), choices=_skip(step), ask="contact")
        case Step.PHONE:
            shares = {"phone": context.traits.shares_phone, "contact": context.traits.shares_contact}
            ask = next((way for way, is_there in shares.items() if is_there), None)
            return Reply(say("form.phone"), choices=_skip(step), ask=ask)
        case Step.COMMUNE:
            return Reply(form_places.commune_question(form), choices=(*form_places.commune_choices(form), *_skip(step)))
        case Step.NEED:
            use = (choice("form.use_question", f"s:use:{_mark(form.question)}"),) if form.question else ()
            body = say("form.need_known", question=form.question) if form.question else say("form.need")
            return Reply(body, choices=use)
        case Step.TOPIC:
            about = form.description or form.question or ""
            found = context.understander.understand(about, QuestionContext()).candidates
            topics = dict.fromkeys((*(candidate.topic for candidate in found), *((form.topic,) if form.topic else ())))
            return Reply(
                say("form.topic"), choices=(*topic_choices(context, topics), choice("form.topic_open", "s:t:"))
            )
        case Step.FILES:
            finish = choice("form.files_done", "s:done") if files else choice("form.skip", "s:skip:files")
            return Reply(say("form.files"), choices=(finish,), ask="files")
        case Step.REVIEW:
            return review(context, form, files, key)
        case _:
            return Reply(say(f"form.{step.value}"), choices=_skip(step))


def _skip(step: Step) -> tuple[Choice, ...]:
    return (choice("form.skip", f"s:skip:{step.value}"),) if step in OPTIONAL else ()


def _mark(text: str | None) -> str:
    """A few letters that tell one text from another, so that two buttons of the same kind differ."""
    return hashlib.sha256((text or "").encode()).hexdigest()[:6]


def topic_choices(context: TurnContext, topics: Iterable[str]) -> tuple[Choice, ...]:
    """Topics to tap, at most ``TOPICS_SHOWN``."""
    return tuple(Choice(context.knowledge.label(topic), f"s:t:{topic}") for topic in islice(topics, TOPICS_SHOWN))


# -- review -------------------------------------------------------------------------------------------------------


def shown_fields(context: TurnContext, form: Form, files: tuple[KeptFile, ...]) -> dict[Step, str]:
    """What was filled in, as it may be shown on this channel; nothing for a step that is not asked."""
    masked = context.traits.masks_people
    organised = form.kind in ORGANISED
    values: dict[Step, str | None] = {Step.TOPIC: context.knowledge.label(form.topic)} if form.topic else {}
    if form.agreed:
        values |= {
            Step.KIND: context.knowledge.taxonomy.audiences.get(form.kind or "", "").split(":")[0],
            Step.NAME: mask_name(form.name) if masked and form.name else form.name,
            Step.PHONE: mask_phone(form.phone) if masked and form.phone else _national(form.phone),
            Step.PLACE: form_places.place_text(form, with_rest=not masked),
        }  # fmt: skip
    if form.agreed and organised:
        tax = mask_half(form.tax_code) if masked and form.tax_code else mask_tax_code(form.tax_code or "")
        values |= {Step.ORGANISATION: form.organisation, Step.TAX: tax}
    description = form.description or ""
    values[Step.NEED] = mask_for(context, description, form.name) if masked else description
    if files or form.takes_files:
        values[Step.FILES] = say("form.files_count", count=len(files)) if files else say("form.no_files")
    return {step: values[step] or say("form.empty") for step in EDITABLE if step in values}


def mask_half(code: str) -> str:
    """A tax code of which the last half is hidden."""
    kept = code[: len(code) // 2]
    return kept + "•" * (len(code) - len(kept))


def mask_for(context: TurnContext, text: str, name: str | None) -> str:
    """Free text for a channel that may not show people's data; the person's own name is hidden wherever it stands."""
    return mask_name_in(mask_personal_data(text, keep=context.department.phones), name)


def _national(e164: str | None) -> str | None:
    if not e164 or not e164.startswith("+84"):
        return e164
    digits = "0" + e164[3:]
    return f"{digits[:4]} {digits[4:7]} {digits[7:]}" if len(digits) == 10 else digits


def review(context: TurnContext, form: Form, files: tuple[KeptFile, ...], key: str) -> Reply:
    """Everything on one screen: send it, change something, or not send it."""
    shown = shown_fields(context, form, files)
    lines = [say("form.line", label=say(f"form.label.{step.value}"), value=value) for step, value in shown.items()]
    note = say("form.review_note") if form.agreed else say("form.review_anonymous")
    choices = (
        choice("form.send", f"s:send:{key[:12]}"), choice("form.change", "s:edit"), choice("form.stop", "s:stop"),
    )  # fmt: skip
    return Reply("\n".join(lines)[:STEPS_SHOWN], heading=say("form.review"), note=note, choices=choices)


def edit_menu(context: TurnContext, form: Form) -> Reply:
    """Which answer to change."""
    asked = [step for step in EDITABLE if form.may_change(step, context.desk)]
    choices = [Choice(say(f"form.label.{step.value}"), f"s:e:{step.value}") for step in asked]
    return Reply(say("form.which"), choices=(*choices, choice("form.change_nothing", "s:go")))
