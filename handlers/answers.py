"""An entry, a document or a referral as a reply: text, source and validity in one line, what to ask next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from handlers.context import TurnContext, choice
from handlers.messages import Choice, Reply
from handlers.texts import say
from knowledge.base import short_code
from knowledge.schema import Confidence, Document, DocumentStatus, Entry
from knowledge.taxonomy import NATIONAL
from knowledge.understanding import Candidate

TEXT_LIMIT = 1500
SOURCES_SHOWN = 2


def show_date(date: dt.date | str) -> str:
    """A date as people write it: 21/11/2026; a year or a month stays what it is."""
    return date.strftime("%d/%m/%Y") if isinstance(date, dt.date) else date


def document_name(document: Document) -> str:
    """``Quyết định 2205/QĐ-TTg``, or the title where there is no number."""
    return f"{document.kind} {document.number}" if document.number else document.title


def source_of(document: Document, clause: str | None) -> dict[str, Any]:
    """One source in the shape of the outward contract."""
    return {
        "number": document.number or document.title, "issuer": document.issuer,
        "date": str(document.date) if document.date else None, "clause": clause,
        "status": document.status.value, "url": document.url,
    }  # fmt: skip


def sources_of(context: TurnContext, entry: Entry) -> tuple[dict[str, Any], ...]:
    """The sources of an entry in the shape of the outward contract."""
    documents = context.knowledge.documents
    return tuple(source_of(documents[s.document], s.clause) for s in entry.sources if s.document in documents)


def _source_line(context: TurnContext, entry: Entry) -> str:
    named: list[str] = []
    for source in entry.sources:
        document = context.knowledge.documents.get(source.document)
        if document is None:
            continue
        name = document_name(document)
        if source.clause and len(source.clause) <= 40:
            name = say("source.clause", document=name, clause=source.clause)
        if document.kind == "Trang thông tin":
            named.append(name)
        else:
            named.append(f"{name} ({say(f'status.{document.status.value}')})")
    text = "; ".join(named[:SOURCES_SHOWN])
    if len(named) > SOURCES_SHOWN:
        text = say("source.and_more", sources=text, count=len(named) - SOURCES_SHOWN)
    return say("answer.source", source=text)


def _caveats(context: TurnContext, entry: Entry) -> Iterable[str]:
    if entry.valid_to and entry.valid_to < context.today:
        yield say("answer.expired", date=show_date(entry.valid_to))
    if entry.valid_from and entry.valid_from > context.today:
        yield say("answer.not_yet", date=show_date(entry.valid_from))
    if entry.province != NATIONAL:
        place = context.knowledge.taxonomy.provinces[entry.province]
        yield say("answer.old_province", old=place.name, now=place.now_name)
    if entry.as_of:
        yield say("answer.as_of", as_of=entry.as_of)
    if entry.confidence is Confidence.LOW:
        yield say("answer.low_confidence")


def _note(context: TurnContext, entry: Entry) -> str:
    lines = [*_caveats(context, entry)]
    lines.append(f"{_source_line(context, entry)} {say('answer.checked', date=show_date(entry.checked))}")
    return "\n".join(lines)


def facet_choice(topic: str, facet: str) -> Choice:
    """A button that asks another facet of a topic."""
    return choice(f"facet.{facet}", f"q:{topic}:{facet}")


def candidate_choice(context: TurnContext, candidate: Candidate, *, as_question: bool = False) -> Choice:
    """A button for another reading of the message: a document by its number, a topic by its name."""
    document = context.knowledge.document_of(candidate.article or "")
    if document is not None:
        return Choice(document_name(document), f"e:{short_code(document.article)}")
    label = context.knowledge.label(candidate.topic)
    if as_question:
        label = say("answer.did_you_mean", label=label)
    return Choice(label, f"q:{candidate.topic}:{candidate.facet}")


def feedback_choices(context: TurnContext) -> tuple[Choice, Choice]:
    """The two verdicts a person may give on this turn."""
    return (choice("feedback.useful", f"u:{context.turn_key}"), choice("feedback.wrong", f"w:{context.turn_key}"))


def render_entry(
    context: TurnContext,
    entry: Entry,
    *,
    province: str,
    alternatives: Iterable[Candidate] = (),
    may_choose_province: bool = False,
) -> Reply:
    """The first reply of an entry, with what the person may tap next.

    ``may_choose_province``: the person has not chosen one, and may where a province answers differently.
    """
    choices: list[Choice] = []
    if entry.details:
        choices.append(choice("answer.more", f"x:{short_code(entry.id)}"))
    choices += [candidate_choice(context, other, as_question=True) for other in alternatives]
    available = context.knowledge.facets(entry.topic, province)
    wanted = [facet for facet in entry.next_steps if facet in available and facet != entry.facet]
    choices += [facet_choice(entry.topic, facet) for facet in wanted]
    if may_choose_province and context.knowledge.differs_by_province(entry.topic, entry.facet):
        choices.append(choice("menu.province", "p"))
    choices += feedback_choices(context)
    return Reply(entry.answer, heading=entry.title, note=_with_department(context, entry), choices=tuple(choices))


def _with_department(context: TurnContext, entry: Entry) -> str:
    """The note; answers about whom to contact also give the department as far as it is known."""
    note = _note(context, entry)
    if entry.facet == "lien-he":
        note = f"{contact_lines(context)}\n{note}"
    room = TEXT_LIMIT - len(entry.title) - len(entry.answer) - 4
    return note if len(note) <= room else note[: room - 1].rstrip() + "…"


def contact_lines(context: TurnContext) -> str:
    """The department's address, phones and hours; what is missing is named as unknown."""
    department = context.department
    known = {
        "address": department.address, "phones": ", ".join(department.phones) or None, "hours": department.hours,
    }  # fmt: skip
    lines = [say(f"contact.{key}", **{key: value}) for key, value in known.items() if value]
    if department.website:
        lines.append(say("contact.website", website=department.website))
    missing = [say(f"contact.what.{key}") for key, value in known.items() if not value]
    if missing:
        lines.append(say("contact.unknown", what=", ".join(missing)))
    return "\n".join([say("contact.person", department=department.name), *lines])


def render_details(entry: Entry) -> Reply:
    """What stands behind "Xem thêm"."""
    if not entry.details:
        return Reply(say("answer.no_details"))
    heading = say("answer.details_heading", title=entry.title)
    return Reply(entry.details, heading=heading, choices=(facet_choice(entry.topic, "lien-he"),))


def _linked(context: TurnContext, slugs: Iterable[str]) -> str:
    documents = context.knowledge.documents
    return ", ".join(document_name(documents[slug]) if slug in documents else slug for slug in slugs)


def render_document(context: TurnContext, document: Document, others: Iterable[Document] = ()) -> Reply:
    """What the register knows about a document: what it is about, whether it is in force, what came after it."""
    date = say("document.date", date=show_date(document.date)) if document.date else ""
    status = say(f"status.{document.status.value}")
    body = [
        say("document.subject", kind=document.kind, number=document.number or f"«{document.title}»", date=date,
            issuer=document.issuer, subject=document.subject),
        say("document.status_note", status=status, note=document.status_note) if document.status_note
        else say("document.status", status=status),
    ]  # fmt: skip
    chain = {key: getattr(document, key) for key in ("replaced_by", "amended_by", "replaces")}
    body += [say(f"document.{key}", documents=_linked(context, slugs)) for key, slugs in chain.items() if slugs]
    named = [document_name(other) for other in others]
    if named:
        body.append(say("document.others", documents=", ".join(named[:3])))
    if document.status is DocumentStatus.UNKNOWN or document.confidence is Confidence.LOW:
        body.append(say("answer.low_confidence"))
    note = say("answer.checked", date=show_date(document.checked))
    choices = [candidate_choice(context, Candidate(o.topic, "can-cu", o.article, 0)) for o in list(others)[:2]]
    choices.append(choice("document.topic", f"t:{document.topic}", label=context.knowledge.label(document.topic)))
    text = "\n".join(body)[: TEXT_LIMIT - 200]
    return Reply(text, heading=document_name(document), note=note, choices=(*choices, *feedback_choices(context)))
