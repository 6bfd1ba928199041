"""Carry out what a decision asks of the desk, in the turn's transaction, right after ``finish_turn``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db.models import ConsentChoice, DataRight, LinkPurpose
from db.queries import outbox, requests
from desk import actions, consent, drafts, files, handover, links, privacy
from desk.change import TEXT_LIMIT
from desk.consent import Purpose
from desk.errors import DeskError, RequestNotFound, TransitionRefused
from desk.filing import Filed, Filing, Requester
from desk.settings import Desk, load_desk
from handlers import commands
from handlers.messages import IncomingMessage, Reply, SentFile
from handlers.texts import say


@dataclass(frozen=True)
class DeskTurn:
    """The turn whose commands are carried out. ``page_url`` is where links lead."""

    connection: Connection
    desk: Desk
    conversation_id: int
    channel: str
    inbox_id: int | None
    now: dt.datetime
    page_url: str | None = None

    @property
    def actor(self) -> actions.Actor:
        """The person of the conversation."""
        return actions.Actor.person(self.conversation_id)


def run(
    connection: Connection, wanted: Sequence[commands.Command], *, department_id: int, conversation_id: int,
    channel: str, inbox_id: int, now: dt.datetime, page_url: str | None = None,
) -> None:  # fmt: skip
    """Carry out all commands in order.

    Raises:
        DeskError: The desk refuses one of them; the whole turn must be undone.
    """
    desk = load_desk(connection, department_id=department_id)
    turn = DeskTurn(connection, desk, conversation_id, channel, inbox_id, now, page_url)
    for command in wanted:
        carry_out(turn, command)


def carry_out(turn: DeskTurn, command: commands.Command) -> None:
    """Carry out one command. Raises DeskError."""
    _RUNNERS[type(command)](turn, command)


def explain(error: DeskError) -> str:
    """A refusal in words."""
    fields = {key: ", ".join(value) if isinstance(value, list) else value for key, value in error.fields.items()}
    return say(f"desk.{error.key.removeprefix('desk.')}", **fields)


def tell_officer(
    connection: Connection, messages: Sequence[IncomingMessage], *, department_id: int, conversation_id: int,
    inbox_id: int, now: dt.datetime,
) -> None:  # fmt: skip
    """While an officer holds the conversation, what the person writes goes to the request it is about."""
    held = handover.find(connection, conversation_id=conversation_id, now=now)
    if held is None:
        return
    request_id = held.request_id
    if request_id is None:
        newest = requests.of_conversation(connection, conversation_id, limit=1, open_only=True)
        request_id = newest[0].id if newest else None
    text = "\n".join(message.text for message in messages if message.text and not message.data)
    sent = [_new_file(file) for message in messages for file in message.files if file.content_hash]
    if request_id is None or not (text.strip() or sent):
        return
    desk = load_desk(connection, department_id=department_id)
    try:
        actions.person_wrote(
            connection, desk, request_id=request_id, actor=actions.Actor.person(conversation_id), now=now,
            text=text[:TEXT_LIMIT], inbox_id=inbox_id, new_files=sent,
        )  # fmt: skip
    except (TransitionRefused, RequestNotFound):
        return  # the request is over: the words stay in the conversation, which the officer reads


def _new_file(file: SentFile) -> files.NewFile:
    return files.NewFile(file.content_hash, file.kind, file.media_type, file.size, file.name, file.is_reencoded)


# -- one function per command ---------------------------------------------------------------------------------------


def _save_form(turn: DeskTurn, command: commands.SaveForm) -> None:
    drafts.save(turn.connection, turn.desk, conversation_id=turn.conversation_id, data=dict(command.data), now=turn.now)


def _discard_form(turn: DeskTurn, command: commands.DiscardForm) -> None:
    del command
    drafts.discard(turn.connection, conversation_id=turn.conversation_id, now=turn.now)


def _add_form_file(turn: DeskTurn, command: commands.AddFormFile) -> None:
    draft = drafts.load(turn.connection, conversation_id=turn.conversation_id, now=turn.now)
    if draft is not None:
        files.add(turn.connection, turn.desk, _new_file(command.file), draft_id=draft.id, now=turn.now)


def _remove_files(turn: DeskTurn, command: commands.RemoveFiles) -> None:
    for file_id in command.file_ids:
        files.remove(turn.connection, file_id=file_id, now=turn.now)


def _record_consent(turn: DeskTurn, command: commands.RecordConsent) -> None:
    consent.record(
        turn.connection, turn.desk, conversation_id=turn.conversation_id, purpose=Purpose(command.purpose),
        choice=ConsentChoice.GRANTED if command.granted else ConsentChoice.REFUSED, text_version=command.text_version,
        text=command.text, channel=turn.channel, inbox_id=turn.inbox_id, now=turn.now,
    )  # fmt: skip


def file_request(turn: DeskTurn, command: commands.FileRequest) -> Filed:
    """File a confirmed form. Raises DeskError."""
    filing = Filing(
        turn.conversation_id, command.key, command.description, command.topic, command.question,
        Requester(**command.requester), draft_id=command.draft_id,
    )  # fmt: skip
    return actions.file(turn.connection, turn.desk, filing=filing, now=turn.now)


def _person_wrote(turn: DeskTurn, command: commands.PersonWrote) -> None:
    actions.person_wrote(
        turn.connection, turn.desk, request_id=command.request_id, actor=turn.actor, now=turn.now, text=command.text,
        inbox_id=turn.inbox_id, new_files=[_new_file(file) for file in command.files],
    )  # fmt: skip


def _withdraw(turn: DeskTurn, command: commands.Withdraw) -> None:
    actions.withdraw(turn.connection, turn.desk, request_id=command.request_id, actor=turn.actor, now=turn.now)


def _reopen(turn: DeskTurn, command: commands.Reopen) -> None:
    actions.reopen(
        turn.connection, turn.desk, request_id=command.request_id, actor=turn.actor, now=turn.now,
        reason=command.reason,
    )  # fmt: skip


def _close(turn: DeskTurn, command: commands.Close) -> None:
    actions.close(turn.connection, turn.desk, request_id=command.request_id, actor=turn.actor, now=turn.now)


def _rate(turn: DeskTurn, command: commands.Rate) -> None:
    actions.rate(
        turn.connection, turn.desk, request_id=command.request_id, actor=turn.actor, now=turn.now, stars=command.stars
    )


def _make_form_link(turn: DeskTurn, command: commands.MakeFormLink) -> None:
    del command
    token = links.make(
        turn.connection, turn.desk, purpose=LinkPurpose.FORM, conversation_id=turn.conversation_id, now=turn.now
    )
    link = f"{turn.page_url or ''}/yeu-cau#{token}"
    reply = Reply(say("form.web_link", link=link))
    outbox.queue_reply(turn.connection, turn.conversation_id, reply.to_json(), now=turn.now)


def _open_privacy_task(turn: DeskTurn, command: commands.OpenPrivacyTask) -> None:
    privacy.open_task(
        turn.connection, turn.desk, conversation_id=turn.conversation_id, right=DataRight(command.right), now=turn.now
    )


def _withdraw_consents(turn: DeskTurn, command: commands.WithdrawConsents) -> None:
    del command
    for purpose in Purpose:
        consent.withdraw(
            turn.connection, turn.desk, conversation_id=turn.conversation_id, purpose=purpose, channel=turn.channel,
            inbox_id=turn.inbox_id, now=turn.now,
        )  # fmt: skip


_RUNNERS: dict[type, Callable[[DeskTurn, Any], object]] = {
    commands.SaveForm: _save_form, commands.DiscardForm: _discard_form, commands.AddFormFile: _add_form_file,
    commands.RemoveFiles: _remove_files, commands.RecordConsent: _record_consent,
    commands.FileRequest: file_request, commands.PersonWrote: _person_wrote, commands.Withdraw: _withdraw,
    commands.Reopen: _reopen, commands.Close: _close, commands.Rate: _rate,
    commands.MakeFormLink: _make_form_link, commands.OpenPrivacyTask: _open_privacy_task,
    commands.WithdrawConsents: _withdraw_consents,
}  # fmt: skip
