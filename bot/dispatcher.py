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
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from bot.knowledge_store import KnowledgeStore
from bot.metrics import DECIDE_SECONDS, TURN_SECONDS, TURNS
from db.engine import Database
from db.errors import StaleConversation
from db.queries import conversations
from handlers.bursts import is_file, is_free_text
from handlers.context import Decision, DepartmentProfile, TurnContext, TurnLog
from handlers.dialogue import decide
from handlers.messages import IncomingMessage, Reply
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


class Dispatcher:
    """Takes the turns of all conversations of this process."""

    def __init__(
        self, database: Database, store: KnowledgeStore, department: DepartmentProfile, *, retention_days: int,
        pull_channels: frozenset[str], page_url: str | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._store = store
        self._department = department
        self._retention_days = retention_days
        self._pull_channels = pull_channels
        self._page_url = page_url
        self._slots = asyncio.Semaphore(TURNS_AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._closing = False
        self.on_replies: Callable[[str, int], None] = lambda _channel, _conversation_id: None

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
        now = dt.datetime.now(dt.UTC)
        due = min(row.due_at for row in waiting.messages)
        if due > now:
            self.wake(conversation_id, delay_s=(due - now).total_seconds() + 0.005)
            return False
        rows, messages = split_turn(waiting.messages)
        paused_until = waiting.conversation.paused_until
        if paused_until is not None and paused_until > now:
            await self._stay_silent(waiting.conversation, rows, now)
            return len(rows) < len(waiting.messages)
        decision, key = self._decide(waiting.conversation, messages, now, attempts=rows[0].attempts)
        turn = conversations.FinishedTurn(
            conversation_id=conversation_id, version=waiting.conversation.version, inbox_ids=[row.id for row in rows],
            state=decision.state.to_json(), replies=[reply.to_json() for reply in decision.replies],
            pull=waiting.conversation.channel in self._pull_channels, now=now,
            log=self._log_values(decision, key),
            feedback=(decision.feedback.turn_key, decision.feedback.verdict) if decision.feedback else None,
            in_reply_to=rows[-1].external_id,
        )  # fmt: skip
        await self._database.write(lambda c: conversations.finish_turn(c, turn))
        channel = waiting.conversation.channel
        TURNS.labels(channel, decision.log.outcome or "other").inc()
        TURN_SECONDS.labels(channel).observe((dt.datetime.now(dt.UTC) - rows[0].received_at).total_seconds())
        if decision.replies:
            self.on_replies(channel, conversation_id)
        return len(rows) < len(waiting.messages)

    async def _stay_silent(self, conversation: Row[Any], rows: Sequence[Row[Any]], now: dt.datetime) -> None:
        """A human answers in this conversation: the messages are read, nothing is said."""
        turn = conversations.FinishedTurn(
            conversation_id=conversation.id, version=conversation.version, inbox_ids=[row.id for row in rows],
            state=conversation.state, replies=[], pull=True, now=now,
        )  # fmt: skip
        await self._database.write(lambda c: conversations.finish_turn(c, turn))
        TURNS.labels(conversation.channel, "paused").inc()

    def _decide(
        self, conversation: Row[Any], messages: Sequence[IncomingMessage], now: dt.datetime, *, attempts: int
    ) -> tuple[Decision, str]:
        """The decision, or one calm sentence when it failed: the conversation stays usable either way."""
        key = secrets.token_hex(6)
        state = DialogueState()
        failed = Decision(DialogueState(greeted=True), (Reply(say("failure")),), TurnLog(outcome="failure"))
        if attempts >= FAILURES_BEFORE_GIVING_UP:
            return failed, key
        started = time.perf_counter()
        try:
            state = DialogueState.from_json(conversation.state)
            context = TurnContext(
                understander=self._store.understander, department=self._department, now=now, turn_key=key,
                retention_days=self._retention_days, page_url=self._page_url,
            )  # fmt: skip
            return decide(context, state, messages), key
        except Exception:
            log.exception("turn_failed", conversation_id=conversation.id)
            return replace(failed, state=state), key
        finally:
            DECIDE_SECONDS.observe(time.perf_counter() - started)

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
                "explain": understanding.explain,
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
                    lambda c, s=since, n=now: conversations.waiting_conversations(c, received_before=s, now=n)  # type: ignore[misc]
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
