"""Photos, documents and voice notes of the form: taken, refused with a reason, removed with one word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from desk.files import COUNT_LIMIT, SIZE_LIMIT
from handlers import form_places
from handlers.commands import AddFormFile, Command, RemoveFiles
from handlers.context import Decision, TurnContext, choice
from handlers.form import Form, Step
from handlers.messages import Choice, IncomingMessage, Reply, SentFile
from handlers.standing import KeptFile
from handlers.state import DialogueState
from handlers.texts import say

_VALUES = {
    Step.NAME: "name", Step.ORGANISATION: "organisation", Step.TAX: "tax_code", Step.PHONE: "phone",
}  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """What becomes of some files: what is said, what is kept, what may be tapped."""

    text: str
    commands: tuple[Command, ...] = ()
    choices: tuple[Choice, ...] = ()


def skipped(form: Form, step: Step) -> Form:
    """The form without an answer to an optional step; what was answered before is taken back."""
    if step in (Step.PLACE, Step.COMMUNE):
        return form_places.skipped(form, step)
    return form.answered(step, **({_VALUES[step]: None} if step in _VALUES else {}))


def sort_files(messages: Sequence[IncomingMessage], *, room: int) -> tuple[list[SentFile], list[str]]:
    """The files that can be kept, and what is to be said about each of the others."""
    good: list[SentFile] = []
    problems: list[str] = []
    for message in messages:
        if not message.files:
            problems.append(say("file.not_received"))
        for file in message.files:
            if file.problem or not file.content_hash:
                problems.append(say(f"file.{file.problem or 'not_received'}", limit=SIZE_LIMIT // 1024 // 1024))
            elif len(good) >= room:
                problems.append(say("file.too_many", limit=COUNT_LIMIT))
            else:
                good.append(file)
    return good, list(dict.fromkeys(problems))


def take(context: TurnContext, kept: tuple[KeptFile, ...], messages: Sequence[IncomingMessage]) -> Taken:
    """Files for the form, with the warning that a photo may show an identity card."""
    del context
    good, lines = sort_files(messages, room=COUNT_LIMIT - len(kept))
    choices: tuple[Choice, ...] = ()
    if good:
        lines.insert(0, say("file.kept", count=len(kept) + len(good), limit=COUNT_LIMIT))
    if any(file.may_be_identity_card for file in good):
        lines.append(say("file.identity_card"))
        choices = (choice("file.remove", "s:rm:last"),)
    return Taken("\n".join(lines), tuple(AddFormFile(file) for file in good), choices)


def remove(context: TurnContext, state: DialogueState, which: str) -> Decision:
    """Remove the last file, or every file, of the form."""
    kept = context.desk.form
    if kept is None or not kept.files:
        return Decision(replace(state, choices=()), (Reply(say("file.none")),))
    gone = kept.files if which == "all" else kept.files[-1:]
    left = len(kept.files) - len(gone)
    choices = (choice("form.files_done", "s:done"),)
    reply = Reply(say("file.removed", count=left), choices=choices, ask="files")
    command = RemoveFiles(tuple(file.id for file in gone))
    return Decision(replace(state, choices=choices, awaiting="form"), (reply,), commands=(command,))
