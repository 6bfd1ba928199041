"""One turn at a time per conversation: read, decide, store.

A turn reads and decides without any lock and takes the write lock only for its one short write, which the
conversation's version guards: if anybody else (another process, an officer, a timer) wrote first, the turn is read and
decided again. Within this process a conversation has at most one task.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from bot import desk_commands
from bot.desk_standing import load_standing
from bot.knowledge_store import KnowledgeStore
from bot.live import Live, Switch
from bot.metrics import DECIDE_SECONDS, TURN_SECONDS, TURNS
from bot.rates import RateLimit
from db.engine import Database
from db.errors import StaleConversation
from db.models import SwitchMode
from db.queries import channels, conversations
from desk.errors import DeskError
from handlers import desk_turn
from handlers.bursts import is_file, is_free_text
from handlers.context import Decision, DepartmentProfile, TurnContext, TurnLog
from handlers.dialogue import LOGGED_TEXT, decide
from handlers.masking import mask_personal_data, mask_within
from handlers.messages import IncomingMessage, Reply, SentFile
from handlers.standing import ChannelTraits, DeskNeeded, Standing
from handlers.state import DialogueState
from handlers.texts import say
from knowledge.text import fold

log = structlog.get_logger()

TURNS_AT_ONCE = 32
SWEEP_S = 1.0
FOREIGN_AFTER = dt.timedelta(seconds=2)
RETRY_S = 1.0
STALE_TRIES = 20
FAILURES_BEFORE_GIVING_UP = 3
LOOKUPS_PER_MINUTE = 60  # of codes that are not one's own, by everybody together
DECIDED_AGAIN = 3
PAUSED = "paused"

FetchFile = Callable[[str, SentFile], Awaitable[SentFile]]


def split_turn(messages: Sequence[Row[Any]]) -> tuple[list[Row[Any]], list[IncomingMessage]]:
    """The rows the next turn reads: the first alone, or the run of free texts, or of one kind of file, it begins."""
    parsed = [IncomingMessage.from_json(row.message) for row in messages]
    count = 1
    if is_free_text(parsed[0]):
        while count < len(parsed) and is_free_text(parsed[count]):
            count += 1
    elif is_file(parsed[0]):
        while count < len(parsed) and parsed[count].kind is parsed[0].kind:
            count += 1
    return list(messages[:count]), parsed[:count]


def _under_way(messages: Sequence[IncomingMessage]) -> bool:
    """Whether files of these messages are still to come: no later message ends the wait for them."""
    return any(file.reference for message in messages for file in message.files)


class Dispatcher:
    """Takes the turns of all conversations of this process."""

    def __init__(
        self, database: Database, store: KnowledgeStore, live: Live, *, retention_days: int,
        pull_channels: frozenset[str], page_url: str | None = None,
        traits_of: Callable[[str], ChannelTraits] = lambda _channel: ChannelTraits(),
        fetch_file: FetchFile | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._store = store
        self._live = live
        self._retention_days = retention_days
        self._pull_channels = pull_channels
        self._page_url = page_url
        self._traits_of = traits_of
        self._fetch_file = fetch_file
        self._lookups = RateLimit(LOOKUPS_PER_MINUTE)
        self._slots = asyncio.Semaphore(TURNS_AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._closing = False
        self.on_replies: Callable[[str, int], None] = lambda _channel, _conversation_id: None

    @property
    def _department(self) -> DepartmentProfile:
        return self._live.department

    def wake(self, conversation_id: int, delay_s: float = 0.0) -> None:
        """Take the conversation's turn soon; a message stored meanwhile is seen by the same task."""
        if self._closing:
            return
        if delay_s > 0:
            asyncio.get_running_loop().call_later(delay_s, self.wake, conversation_id)
            return
        if conversation_id in self._tasks:
            self._again.add(conversation_id)
            return
        task = asyncio.create_task(self._run(conversation_id), name=f"turn-{conversation_id}")
        self._tasks[conversation_id] = task
        task.add_done_callback(lambda _: self._finished(conversation_id))

    def _finished(self, conversation_id: int) -> None:
        self._tasks.pop(conversation_id, None)
        if conversation_id in self._again:
            self._again.discard(conversation_id)
            self.wake(conversation_id)

    async def _run(self, conversation_id: int) -> None:
        async with self._slots:
            stale = 0
            while not self._closing:
                try:
                    again = await self._take_turn(conversation_id)
                except StaleConversation:
                    stale += 1
                    if stale >= STALE_TRIES:
                        log.error("turn_always_stale", conversation_id=conversation_id)
                        return
                    continue
                except (SQLAlchemyError, OSError) as error:
                    log.warning("turn_postponed", conversation_id=conversation_id, error=type(error).__name__)
                    await self._count_failure(conversation_id, type(error).__name__)
                    self.wake(conversation_id, delay_s=RETRY_S)
                    return
                except Exception as error:  # a fault of ours must not stop the other conversations
                    log.exception("turn_broken", conversation_id=conversation_id)
                    await self._count_failure(conversation_id, type(error).__name__)
                    self.wake(conversation_id, delay_s=RETRY_S)
                    return
                if not again:
                    return

    async def _count_failure(self, conversation_id: int, error: str) -> None:
        """Note that the turn failed; after three times it ends with an apology instead of another try."""
        with contextlib.suppress(SQLAlchemyError, OSError):
            await self._database.write(lambda c: conversations.count_failure(c, conversation_id, error=error))

    async def _take_turn(self, conversation_id: int) -> bool:
        """One turn; True when more messages may be waiting."""
        waiting = await self._database.read(lambda c: conversations.read_turn(c, conversation_id))
        if waiting is None:
            return False
        switch = self._live.switch(waiting.conversation.channel)
        if switch.mode is SwitchMode.OFF:
            return False  # the sweep finds it when the channel is on again
        now = dt.datetime.now(dt.UTC)
        rows, messages = split_turn(waiting.messages)
        due = max(row.due_at for row in rows) if _under_way(messages) else min(row.due_at for row in waiting.messages)
        if due > now:
            self.wake(conversation_id, delay_s=(due - now).total_seconds() + 0.005)
            return False
        paused_until = waiting.conversation.paused_until
        if paused_until is not None and paused_until > now:
            await self._stay_silent(waiting.conversation, rows, messages, now)
            return len(rows) < len(waiting.messages)
        if switch.mode is SwitchMode.PAUSED:
            await self._say_paused(waiting.conversation, rows, messages, switch, now)
            return len(rows) < len(waiting.messages)
        key = secrets.token_hex(6)
        decision = await self._decide(waiting.conversation, messages, now, key, attempts=rows[0].attempts)
        try:
            await self._write_turn(waiting.conversation, rows, decision, key, now)
        except DeskError as error:  # something changed since the turn was read; nothing of it was written
            log.info("desk_refused", conversation_id=conversation_id, key=error.key)
            refused = Decision(DialogueState.from_json(waiting.conversation.state))
            decision = replace(refused, replies=(Reply(desk_commands.explain(error)),))
            await self._write_turn(waiting.conversation, rows, decision, key, now)
        channel = waiting.conversation.channel
        TURNS.labels(channel, decision.log.outcome or "other").inc()
        TURN_SECONDS.labels(channel).observe((dt.datetime.now(dt.UTC) - rows[0].received_at).total_seconds())
        if decision.replies or decision.commands:
            self.on_replies(channel, conversation_id)
        return len(rows) < len(waiting.messages)

    async def _write_turn(
        self, conversation: Row[Any], rows: Sequence[Row[Any]], decision: Decision, key: str, now: dt.datetime
    ) -> None:
        """Write everything a turn decided, or nothing. Raises StaleConversation and DeskError."""
        turn = conversations.FinishedTurn(
            conversation_id=conversation.id, version=conversation.version, inbox_ids=[row.id for row in rows],
            state=decision.state.to_json(), replies=[reply.to_json() for reply in decision.replies],
            pull=conversation.channel in self._pull_channels, now=now, log=self._log_values(decision, key),
            feedback=(decision.feedback.turn_key, decision.feedback.verdict) if decision.feedback else None,
            in_reply_to=rows[-1].external_id,
        )  # fmt: skip

        def write(connection: Connection) -> None:
            conversations.finish_turn(connection, turn)
            if decision.commands:
                desk_commands.run(
                    connection, decision.commands, department_id=self._department.id, conversation_id=conversation.id,
                    channel=conversation.channel, inbox_id=rows[-1].id, now=now, page_url=self._page_url,
                )  # fmt: skip

        await self._database.write(write)

    async def _stay_silent(
        self, conversation: Row[Any], rows: Sequence[Row[Any]], messages: Sequence[IncomingMessage], now: dt.datetime
    ) -> None:
        """A human answers in this conversation: the messages go to them, nothing is said."""
        messages = await self._fetch(conversation.channel, messages)
        turn = conversations.FinishedTurn(
            conversation_id=conversation.id, version=conversation.version, inbox_ids=[row.id for row in rows],
            state=conversation.state, replies=[], pull=True, now=now,
        )  # fmt: skip

        def write(connection: Connection) -> None:
            conversations.finish_turn(connection, turn)
            desk_commands.tell_officer(
                connection, messages, department_id=self._department.id, conversation_id=conversation.id,
                inbox_id=rows[-1].id, now=now,
            )  # fmt: skip

        await self._database.write(write)
        TURNS.labels(conversation.channel, "paused").inc()

    async def _say_paused(
        self, conversation: Row[Any], rows: Sequence[Row[Any]], messages: Sequence[IncomingMessage], switch: Switch,
        now: dt.datetime,
    ) -> None:  # fmt: skip
        """The channel is paused: the person is told once, and what they write stands in the list of questions."""
        told = switch.has_told(conversation.pause_told_at) or not switch.notice
        # what answers a form is personal and is not logged; the person goes on with it when the channel is back
        said = [] if conversation.has_form else [message.text for message in messages]
        text = mask_personal_data("\n".join(said), keep=self._department.phones)
        turn = conversations.FinishedTurn(
            conversation_id=conversation.id, version=conversation.version, inbox_ids=[row.id for row in rows],
            state=conversation.state, replies=[] if told else [Reply(switch.notice).to_json()],
            pull=conversation.channel in self._pull_channels, now=now, in_reply_to=rows[-1].external_id,
            log={
                "key": secrets.token_hex(6), "text": text[:LOGGED_TEXT] or None, "outcome": PAUSED, "details": {},
                "text_folded": fold(text[:LOGGED_TEXT]) or None,
                "province": DialogueState.from_json(conversation.state).province,
            },
        )  # fmt: skip

        def write(connection: Connection) -> None:
            conversations.finish_turn(connection, turn)
            if not told:
                channels.mark_pause_told(connection, conversation.id, now=now)

        await self._database.write(write)
        TURNS.labels(conversation.channel, PAUSED).inc()
        if not told:
            self.on_replies(conversation.channel, conversation.id)

    async def _fetch(self, channel: str, messages: Sequence[IncomingMessage]) -> Sequence[IncomingMessage]:
        """The messages with the files that are still at the messenger fetched; each refused one says why."""
        fetch = self._fetch_file
        if fetch is None or not any(file.reference for message in messages for file in message.files):
            return messages
        fetched = []
        for message in messages:
            files = [await fetch(channel, file) if file.reference else file for file in message.files]
            fetched.append(replace(message, files=tuple(files)))
        return fetched

    async def _decide(
        self, conversation: Row[Any], messages: Sequence[IncomingMessage], now: dt.datetime, key: str, *, attempts: int
    ) -> Decision:
        """The decision, or one calm sentence when it failed: the conversation stays usable either way."""
        state = DialogueState()
        failed = Decision(DialogueState(greeted=True), (Reply(say("failure")),), TurnLog(outcome="failure"))
        if attempts >= FAILURES_BEFORE_GIVING_UP:
            return failed
        try:
            state = DialogueState.from_json(conversation.state)
            standing = None
            if conversation.has_form or conversation.has_requests:
                standing = await self._standing(conversation, now)
            context = TurnContext(
                understander=self._store.understander, department=self._department, now=now, turn_key=key,
                retention_days=self._retention_days, page_url=self._page_url,
                traits=self._traits_of(conversation.channel), standing=standing,
            )  # fmt: skip
            if desk_turn.wants_files(context, state):
                messages = await self._fetch(conversation.channel, messages)
            return await self._decide_with(context, state, messages, conversation)
        except (SQLAlchemyError, OSError):
            raise
        except Exception:
            log.exception("turn_failed", conversation_id=conversation.id)
            return replace(failed, state=state)

    async def _decide_with(
        self, context: TurnContext, state: DialogueState, messages: Sequence[IncomingMessage], conversation: Row[Any]
    ) -> Decision:
        """Decide; a turn that turns out to need the desk is decided again with what it needs."""
        for _ in range(DECIDED_AGAIN):
            started = time.perf_counter()
            try:
                return decide(context, state, messages)
            except DeskNeeded as need:
                standing = await self._standing(conversation, context.now, need.code)
                context = replace(context, standing=standing)
            finally:
                DECIDE_SECONDS.observe(time.perf_counter() - started)
        raise AssertionError("a turn that always needs more")

    async def _standing(self, conversation: Row[Any], now: dt.datetime, code: str | None = None) -> Standing:
        may_look_up = code is None or self._lookups.allows("all")
        return await self._database.read(
            lambda c: load_standing(
                c, conversation_id=conversation.id, department_id=self._department.id, now=now, code=code,
                may_look_up=may_look_up,
            )
        )  # fmt: skip

    def _log_values(self, decision: Decision, key: str) -> dict[str, Any] | None:
        entry = decision.log
        if entry.outcome is None and entry.text is None:
            return None
        understanding = entry.understanding
        details: dict[str, Any] = {}
        if understanding is not None:
            details = {
                "candidates": [[c.topic, c.facet, c.article, c.score] for c in understanding.candidates],
                "alternatives": [c.topic for c in understanding.alternatives],
                "explain": mask_within(understanding.explain),
            }
        return {
            "key": key, "text": entry.text, "text_folded": fold(entry.text) if entry.text else None,
            "outcome": entry.outcome, "topic": entry.topic, "facet": entry.facet,
            "article": entry.article, "province": entry.province or decision.state.province,
            "reason": understanding.reason.value if understanding and understanding.reason else None,
            "confidence": understanding.confidence if understanding else None, "details": details,
            "knowledge_version": self._store.understander.knowledge.version,
        }  # fmt: skip

    async def sweep(self) -> None:
        """Find messages whose process died or whose time has come: at once at the start, then every second."""
        first = True
        while not self._closing:
            now = dt.datetime.now(dt.UTC)
            since = now if first else now - FOREIGN_AFTER
            try:
                waiting = await self._database.read(
                    lambda c, s=since, n=now: conversations.waiting_conversations(
                        c, received_before=s, now=n, without=self._live.off_channels()
                    )  # type: ignore[misc]
                )
                first = False
                for conversation_id in waiting:
                    self.wake(conversation_id)
            except (SQLAlchemyError, OSError) as error:
                log.warning("sweep_failed", error=type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def close(self) -> None:
        """Let the turns under way finish; the rest waits in the inbox."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=10)
