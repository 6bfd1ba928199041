"""From a message to what it is about: topic, facet, entry, or an honest reason why not.

The decisions come in this order: something fixed (small talk, danger), a document by number, a matter of another agency,
then topic, facet and entry by themselves. ``Understander`` holds the indexes of one version of the knowledge base.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml

from knowledge.base import KnowledgeBase
from knowledge.documents import DocumentMatch
from knowledge.places import find_province
from knowledge.reading import Reading, read
from knowledge.schema import Entry
from knowledge.search import Bm25
from knowledge.taxonomy import DEFAULT_FACET, NATIONAL, SOURCES_FACET
from knowledge.text import fold


class Outcome(StrEnum):
    """How a question ends; part of the outward contract."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    NO_ANSWER = "no_answer"
    SMALL_TALK = "small_talk"
    SENSITIVE = "sensitive"


class Reason(StrEnum):
    """Why there is no answer."""

    OTHER_AGENCY = "other_agency"
    NOT_IN_KB = "not_in_kb"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Candidate:
    """One reading of a message. ``score`` lies between 0 and 1; ``article`` is the entry that would answer it."""

    topic: str
    facet: str
    article: str | None
    score: float


@dataclass(frozen=True)
class QuestionContext:
    """What is known before the message is read."""

    province: str = NATIONAL
    audience: str | None = None
    topic: str | None = None
    facet: str | None = None
    recent_topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Understanding:
    """What a message is about. ``alternatives`` are other readings worth offering, best first.

    ``phrase`` names the kind of small talk or of sensitive matter; ``referral`` is the card of another agency;
    ``explain`` holds what the decision rests on, for people who look into a logged question.
    """

    outcome: Outcome
    confidence: float
    topic: str | None = None
    facet: str | None = None
    article: str | None = None
    candidates: tuple[Candidate, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    also: Candidate | None = None
    reason: Reason | None = None
    referral: str | None = None
    phrase: str | None = None
    document: DocumentMatch | None = None
    province: str | None = None
    explain: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Thresholds:
    """Where an answer becomes a question, and a question a refusal: probabilities between 0 and 1."""

    answer: float = 0.5
    clarify: float = 0.22
    runner_up: float = 0.15
    follow_up_words: int = 7


@dataclass(frozen=True)
class _Row:
    """One phrase of the index and where it leads."""

    topic: str | None
    facet: str | None
    article: str | None
    referral: str | None
    province: str = NATIONAL


def _load_phrases() -> dict[str, Any]:
    path = Path(__file__).with_name("phrases.yaml")
    return cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8")))


def _padded(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "


_FACET_MARKS: dict[str, list[str]] = cast(
    "dict[str, list[str]]",
    yaml.safe_load(Path(__file__).with_name("facets.yaml").read_text(encoding="utf-8")),
)
_ASKS_BACK = re.compile(r"\b(?:the|vay|con|roi|thi|no|cai do|vu do|viec do|do|nay|ay)\b")


class Understander:
    """Reads questions against one version of the knowledge base. Thread-safe: nothing changes after construction."""

    def __init__(self, knowledge: KnowledgeBase, thresholds: Thresholds | None = None) -> None:
        self.knowledge = knowledge
        self.thresholds = thresholds or Thresholds()
        self._rows: list[_Row] = []
        texts: list[list[str]] = []

        def add(text: str, row: _Row) -> None:
            self._rows.append(row)
            texts.append(list(read(text).words))

        for topic in knowledge.topics.values():
            for name in (topic.label, *topic.names, *topic.situations):
                add(name, _Row(topic.id, None, None, None))
        for entry in knowledge.entries.values():
            row = _Row(entry.topic, entry.facet, entry.id, None, entry.province)
            for question in (entry.title, *entry.questions):
                add(question, row)
            for keyword in entry.keywords:
                add(keyword, row)
        for referral in knowledge.referrals.values():
            row = _Row(None, None, None, referral.id)
            for question in (referral.title, *referral.questions, *referral.keywords):
                add(question, row)
        self._index = Bm25(texts)
        self._phrases = _load_phrases()
        self._topic_of = np.asarray([r.topic or f"ref:{r.referral}" for r in self._rows])

    # -- the decisions, in order ------------------------------------------------------------------------------------

    def understand(self, text: str, context: QuestionContext | None = None) -> Understanding:
        """Decide what ``text`` is about. Never raises for any text."""
        context = context or QuestionContext()
        reading = read(text)
        said_province = find_province(reading.folded)
        province = said_province or context.province
        fixed = self._fixed(reading)
        if fixed:
            return fixed
        match = self.knowledge.register.find(text, province=province)
        if match:
            return self._document(match, reading, province, said_province)
        return self._search(reading, context, province, said_province)

    def _fixed(self, reading: Reading) -> Understanding | None:
        folded = _padded(reading.folded.split())
        for kind, phrases in self._phrases["sensitive"].items():
            if any(f" {fold(phrase)} " in folded for phrase in phrases):
                return Understanding(Outcome.SENSITIVE, 0.95, phrase=kind)
        if not reading.words:
            return Understanding(Outcome.NO_ANSWER, 0.9, reason=Reason.UNCLEAR)
        rest = " ".join(fold(word) for word in reading.words)
        for kind in ("goodbye", "thanks", "who", "identity", "greeting", "acknowledgement"):
            if rest in {fold(phrase) for phrase in self._phrases[kind]}:
                return Understanding(Outcome.SMALL_TALK, 0.95, phrase=kind)
        return None

    def _document(
        self, match: DocumentMatch, reading: Reading, province: str, said_province: str | None
    ) -> Understanding:
        if match.best is None and not match.others:
            return Understanding(
                Outcome.NO_ANSWER, 0.9, reason=Reason.NOT_IN_KB, document=match, province=said_province
            )
        if match.best is None:
            options = tuple(Candidate(d.topic, SOURCES_FACET, d.article, 1 / len(match.others)) for d in match.others)
            return Understanding(
                Outcome.CLARIFY, options[0].score, candidates=options[:5], alternatives=options[:4], document=match,
                province=said_province,
            )  # fmt: skip
        document = match.best
        facet, strength = self._facet(reading)
        article, shown = document.article, SOURCES_FACET
        if strength >= 2 and facet in {"muc-ho-tro", "ho-so", "doi-tuong", "thu-tuc", "chi-phi"}:
            entry = self.knowledge.facet_entry(document.topic, facet, province)
            if entry and entry.facet == facet:
                article, shown = entry.id, facet
        best = Candidate(document.topic, shown, article, 0.95)
        others = tuple(Candidate(d.topic, SOURCES_FACET, d.article, 0.3) for d in match.others)
        return Understanding(
            Outcome.ANSWER, 0.95, document.topic, shown, article, candidates=(best, *others)[:5],
            alternatives=others[:3], document=match, province=said_province,
        )  # fmt: skip

    # -- topic, facet, entry ----------------------------------------------------------------------------------------

    def _search(
        self, reading: Reading, context: QuestionContext, province: str, said_province: str | None
    ) -> Understanding:
        scores = self._index.scores(reading.words)
        facet, strength = self._facet(reading)
        ranked = self._rank(scores)
        coverage = self._coverage(scores, reading)
        probabilities = self._probabilities(ranked, coverage)
        if self._is_follow_up(reading, context, probabilities, strength):
            assert context.topic is not None
            return self._answer(context.topic, facet, 0.8, reading, province, said_province, scores, ranked=[])
        if not ranked or probabilities[0] < self.thresholds.clarify:
            return self._refuse(ranked, probabilities, province, said_province, facet)
        best = ranked[0][0]
        if best.startswith("ref:"):
            referral = best.removeprefix("ref:")
            return Understanding(
                Outcome.NO_ANSWER, probabilities[0], reason=Reason.OTHER_AGENCY, referral=referral,
                candidates=self._candidates(ranked, probabilities, facet, province), province=said_province,
            )  # fmt: skip
        candidates = self._candidates(ranked, probabilities, facet, province)
        if probabilities[0] < self.thresholds.answer:
            options = tuple(c for c in candidates if c.score >= self.thresholds.runner_up * 0.4)[:4]
            if len(options) >= 2:
                return Understanding(
                    Outcome.CLARIFY, probabilities[0], candidates[0].topic, candidates[0].facet, None,
                    candidates=candidates, alternatives=options, province=said_province,
                )  # fmt: skip
        return self._answer(
            best, facet, probabilities[0], reading, province, said_province, scores, ranked=list(candidates)
        )

    def _rank(self, scores: np.ndarray[Any, np.dtype[np.float32]]) -> list[tuple[str, float]]:
        """Topics and referral cards by their best rows: the best counts fully, the next ones a little."""
        top = np.argsort(scores)[::-1][:200]
        by_topic: dict[str, list[float]] = defaultdict(list)
        for number in top:
            if scores[number] <= 0:
                break
            by_topic[str(self._topic_of[number])].append(float(scores[number]))
        totals = {
            topic: values[0] + 0.25 * sum(values[1:4]) / 3 + 0.15 * math.log1p(len(values))
            for topic, values in by_topic.items()
        }
        return sorted(totals.items(), key=lambda pair: -pair[1])[:8]

    def _coverage(self, scores: np.ndarray[Any, np.dtype[np.float32]], reading: Reading) -> float:
        """How much of the message's weight its best row explains, between 0 and about 1.5."""
        weight = self._index.weight(reading.words)
        return float(scores.max(initial=0.0)) / weight if weight else 0.0

    @staticmethod
    def _probabilities(ranked: list[tuple[str, float]], coverage: float) -> list[float]:
        if not ranked:
            return []
        top = np.asarray([score for _, score in ranked])
        odds = np.exp((top - top[0]) / max(1.5, 0.12 * top[0]))
        share = odds / odds.sum()
        known = 1 / (1 + math.exp(-9 * (coverage - 0.38)))
        return [float(value * known) for value in share]

    def _facet(self, reading: Reading) -> tuple[str, float]:
        """The facet a message asks about by its wording, and how many words say so (0: none)."""
        best, strength = DEFAULT_FACET, 0.0
        text = _padded(reading.folded.split())
        for facet, phrases in _FACET_MARKS.items():
            found = max(
                (len(phrase.split()) + 0.01 * len(phrase) for phrase in phrases if f" {phrase} " in text), default=0
            )
            if found > strength:
                best, strength = facet, found
        return best, strength

    def _is_follow_up(
        self, reading: Reading, context: QuestionContext, probabilities: list[float], strength: float
    ) -> bool:
        if context.topic is None or strength == 0:
            return False
        if len(reading.words) > self.thresholds.follow_up_words:
            return False
        subject = [word for word in reading.words if self._index.idf.get(f"f:{fold(word)}", 9.0) > 5.0]
        return len(subject) == 0 or (not probabilities) or probabilities[0] < self.thresholds.clarify

    def _candidates(
        self, ranked: list[tuple[str, float]], probabilities: list[float], facet: str, province: str
    ) -> tuple[Candidate, ...]:
        found: list[Candidate] = []
        for (topic, _), probability in zip(ranked, probabilities, strict=False):
            if topic.startswith("ref:"):
                continue
            entry = self.knowledge.facet_entry(topic, facet, province)
            found.append(
                Candidate(topic, entry.facet if entry else facet, entry.id if entry else None, round(probability, 4))
            )
        return tuple(found[:5])

    def _answer(
        self, topic: str, facet: str, confidence: float, reading: Reading, province: str, said_province: str | None,
        scores: np.ndarray[Any, np.dtype[np.float32]], *, ranked: list[Candidate],
    ) -> Understanding:  # fmt: skip
        entry = self._entry(topic, facet, province, said_province, reading, scores)
        if entry is None:
            return Understanding(
                Outcome.NO_ANSWER, 0.6, topic, facet, reason=Reason.NOT_IN_KB, candidates=tuple(ranked),
                province=said_province,
            )  # fmt: skip
        best = Candidate(topic, entry.facet, entry.id, round(confidence, 4))
        others = tuple(c for c in ranked if c.topic != topic)
        near = tuple(c for c in others if c.score >= self.thresholds.runner_up)
        return Understanding(
            Outcome.ANSWER, round(confidence, 4), topic, entry.facet, entry.id, candidates=(best, *others)[:5],
            alternatives=near[:3], province=said_province,
        )  # fmt: skip

    def _entry(
        self, topic: str, facet: str, province: str, said_province: str | None, reading: Reading,
        scores: np.ndarray[Any, np.dtype[np.float32]],
    ) -> Entry | None:  # fmt: skip
        """The topic's facet entry, unless a fact entry is named by its own words."""
        general = self.knowledge.facet_entry(topic, facet, province)
        best: dict[str, float] = defaultdict(float)
        for number in np.flatnonzero(self._topic_of == topic):
            article = self._rows[number].article
            if article is not None:
                best[article] = max(best[article], float(scores[number]))
        standard = best.get(general.id, 0.0) if general else 0.0
        fact, fact_score = None, 0.0
        for entry in self.knowledge.facts(topic):
            score = best.get(entry.id, 0.0)
            if entry.province not in (NATIONAL, province):
                score *= 0.6 if said_province else 0.8
            elif entry.province == province != NATIONAL:
                score *= 1.1
            hits = sum(f" {fold(keyword)} " in _padded(reading.folded.split()) for keyword in entry.keywords)
            score += 1.5 * min(hits, 3)
            if score > fact_score:
                fact, fact_score = entry, score
        if fact and fact_score > max(1.15 * standard, 9.0):
            return fact
        return general

    def _refuse(
        self, ranked: list[tuple[str, float]], probabilities: list[float], province: str, said_province: str | None,
        facet: str,
    ) -> Understanding:  # fmt: skip
        candidates = self._candidates(ranked, probabilities, facet, province)
        reason = Reason.UNCLEAR if not ranked else Reason.NOT_IN_KB
        return Understanding(
            Outcome.NO_ANSWER, round(1 - (probabilities[0] if probabilities else 0.0), 4), reason=reason,
            candidates=candidates, province=said_province,
        )  # fmt: skip
