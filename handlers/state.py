"""What a conversation remembers between turns; kept as JSON in its row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from handlers.messages import Choice

RECENT_TOPICS = 4


@dataclass(frozen=True)
class DialogueState:
    """The memory of one conversation.

    ``choices`` are what was offered last, so that a number answers them; ``last_tap`` and ``last_tap_at`` (seconds
    since 1970) make a double tap do nothing twice. ``question`` is what was asked last, without personal data.
    ``awaiting`` is what the next free text answers: ``province``, ``form``, or an action and a request's code.
    ``misses`` are the times (seconds since 1970) of the latest codes that do not exist.
    """

    greeted: bool = False
    province: str | None = None
    audience: str | None = None
    topic: str | None = None
    facet: str | None = None
    article: str | None = None
    recent_topics: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    awaiting: str | None = None
    last_tap: str | None = None
    last_tap_at: float = 0.0
    question: str | None = None
    misses: tuple[float, ...] = ()

    def about(self, topic: str | None, facet: str | None, article: str | None) -> dict[str, Any]:
        """The changes that make ``topic`` the subject of the conversation, for ``dataclasses.replace``."""
        recent = self.recent_topics
        if topic is not None:
            recent = (topic, *(other for other in recent if other != topic))[:RECENT_TOPICS]
        return {"topic": topic, "facet": facet, "article": article, "recent_topics": recent}

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        data = asdict(self)
        data["choices"] = [[choice.label, choice.data] for choice in self.choices]
        data["recent_topics"] = list(self.recent_topics)
        data["misses"] = list(self.misses)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DialogueState:
        """The state a row holds; a field of another release is dropped, a missing one takes its default."""
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        values["choices"] = tuple(Choice(label, tap) for label, tap in data.get("choices", []))
        values["recent_topics"] = tuple(data.get("recent_topics", []))
        values["misses"] = tuple(data.get("misses", []))
        return cls(**values)
