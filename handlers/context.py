"""What a handler may use, and what it gives back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from handlers.commands import Command
from handlers.messages import Choice, Reply
from handlers.standing import ChannelTraits, DeskNeeded, Lookup, Standing
from handlers.state import DialogueState
from handlers.texts import say
from knowledge.base import KnowledgeBase
from knowledge.taxonomy import NATIONAL
from knowledge.understanding import QuestionContext, Understander, Understanding

VIETNAM = dt.timezone(dt.timedelta(hours=7), "Asia/Ho_Chi_Minh")


@dataclass(frozen=True)
class DepartmentProfile:
    """The department a conversation belongs to. None means unknown, and is said to be."""

    id: int
    name: str
    short_name: str
    province: str = NATIONAL
    address: str | None = None
    phones: tuple[str, ...] = ()
    hours: str | None = None
    website: str | None = None
    privacy_contact: str | None = None


@dataclass(frozen=True)
class TurnContext:
    """Everything one turn may look at. ``now`` is aware; ``turn_key`` names the turn in buttons.

    ``standing`` is None until a turn needs it: see ``desk``.
    """

    understander: Understander
    department: DepartmentProfile
    now: dt.datetime
    turn_key: str
    retention_days: int = 30
    page_url: str | None = None
    traits: ChannelTraits = field(default_factory=ChannelTraits)
    standing: Standing | None = None

    @property
    def desk(self) -> Standing:
        """What the desk knows of the person.

        Raises:
            DeskNeeded: It was not loaded yet: the caller loads it and decides again.
        """
        if self.standing is None:
            raise DeskNeeded
        return self.standing

    def look_up(self, code: str) -> Lookup:
        """What may be told about any request by its code. Raises DeskNeeded like ``desk``."""
        if self.standing is None or self.standing.lookup is None or self.standing.lookup.code != code:
            raise DeskNeeded(code)
        return self.standing.lookup

    @property
    def knowledge(self) -> KnowledgeBase:
        """The published state this turn is answered from."""
        return self.understander.knowledge

    @property
    def today(self) -> dt.date:
        """The day in Vietnam."""
        return self.now.astimezone(VIETNAM).date()

    def province(self, state: DialogueState) -> str:
        """The person's province, or the one the deployment serves."""
        return state.province or self.department.province

    def question_context(self, state: DialogueState) -> QuestionContext:
        """What the knowledge needs to know of the conversation."""
        return QuestionContext(
            province=self.province(state), audience=state.audience, topic=state.topic, facet=state.facet,
            recent_topics=state.recent_topics, question=state.question,
        )  # fmt: skip


@dataclass(frozen=True)
class Feedback:
    """A person's verdict on an earlier turn: ``useful`` or ``wrong``."""

    turn_key: str
    verdict: str


@dataclass(frozen=True)
class TurnLog:
    """What the log keeps of a turn. ``sources`` and ``choices`` are those of the contract's output line."""

    text: str | None = None
    understanding: Understanding | None = None
    outcome: str | None = None
    topic: str | None = None
    facet: str | None = None
    article: str | None = None
    province: str | None = None
    sources: tuple[dict[str, Any], ...] = ()
    agency: str | None = None


@dataclass(frozen=True)
class Decision:
    """The outcome of one turn: the next state, the replies, what to log, and what else to record or do."""

    state: DialogueState
    replies: tuple[Reply, ...] = ()
    log: TurnLog = field(default_factory=TurnLog)
    feedback: Feedback | None = None
    commands: tuple[Command, ...] = ()


Say = Callable[..., str]


def choice(key: str, data: str, **fields: object) -> Choice:
    """A choice labelled by a text of the catalogue."""
    return Choice(say(key, **fields), data)
