"""Which topic, referral card or nothing at all a reading is about: several signals, fused by learned weights.

Signals, each one number a class: the trained classifier, and BM25 over everything people are known to say about a
class. The nearest entry of each topic speaks for topics that were published after the training.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowledge.base import KnowledgeBase
from knowledge.classifier import Trained, load_trained, log_softmax
from knowledge.features import Features, reading_features
from knowledge.followups import Earlier
from knowledge.reading import Reading, light_words, load_yaml
from knowledge.search import Index, TextCollector

OFFTOPIC = "off"
BARE = "bare"  # a question that names no matter: a follow-up where there is something to follow
SIGNALS = ("classifier", "topic")
# used until ``make train`` has fitted better ones
DEFAULT_WEIGHTS = {"classifier": 0.8, "topic": 6.0}

_LEAST_JOINT = -10.0
_LEAD = 6.0  # log-odds of the topic under discussion where a message names nothing else
_LIKELY = 8  # topics whose entries are weighed in full where there are very many
_LEADING = 32
_SLOT = re.compile(r"\{\w+\}")

Floats = NDArray[np.float32]


def reference_class(card: str) -> str:
    """The class of a referral card."""
    return f"ref:{card}"


@dataclass(frozen=True)
class Evidence:
    """What a message shows, whatever was said before it.

    ``signals``: signals × classes; ``scores``: the classifiers' columns; ``entry_scores``: 0 to about 1 by entry.
    """

    reading: Reading
    signals: Floats
    scores: Floats
    features: Features
    entry_scores: Floats


@dataclass(frozen=True)
class Ranking:
    """Every class with its log-probability, and what they come from."""

    classes: tuple[str, ...]
    log_probabilities: Floats
    evidence: Evidence

    @property
    def signals(self) -> Floats:
        """Signals × classes."""
        return self.evidence.signals

    @property
    def coverage(self) -> float:
        """How much of the message the best class's own texts hold, 0 to 1."""
        return float(self.evidence.signals[SIGNALS.index("topic")].max(initial=0.0))

    @cached_property
    def order(self) -> list[int]:
        """Class numbers, likeliest first."""
        found: list[int] = np.argsort(-self.log_probabilities, kind="stable").tolist()
        return found

    @cached_property
    def leading(self) -> list[int]:
        """The first of ``order``, found without ordering very many."""
        logs = self.log_probabilities
        if len(logs) <= _LEADING * 8:
            return self.order[:_LEADING]
        first = (logs >= np.partition(logs, -_LEADING)[-_LEADING]).nonzero()[0]
        found: list[int] = first[np.argsort(-logs[first], kind="stable")][:_LEADING].tolist()
        return found

    def likeliest(self) -> Iterator[int]:
        """``order``, one class after the other."""
        yield from self.leading
        yield from self.order[len(self.leading) :]

    def probability(self, number: int) -> float:
        """The probability of a class."""
        return math.exp(self.log_probabilities[number])


@dataclass(frozen=True)
class _Row:
    label: str
    words: tuple[str, ...]


class Ranker:
    """The indexes of one version of the knowledge base, and the trained models. Immutable after construction."""

    def __init__(
        self, knowledge: KnowledgeBase, trained: Trained | None = None, *, left_out: frozenset[str] = frozenset()
    ) -> None:
        self.knowledge = knowledge
        self.left_out = left_out
        self.trained = trained or load_trained()
        self.classes: tuple[str, ...] = (
            *knowledge.topics, *(reference_class(card) for card in knowledge.referrals), BARE, OFFTOPIC,
        )  # fmt: skip
        self.topic_count = len(knowledge.topics)
        self._number = {label: number for number, label in enumerate(self.classes)}
        self._cut: dict[str, tuple[str, ...]] = {}
        self._build_topics(left_out)
        self._build_entries(left_out)
        self.map_classifier()
        # weights fitted beside the classifier say nothing about the others where there is none
        fitted = self.trained.fitted.get("fusion" if "topics" in self.trained.heads else "fusion_untrained", {})
        self.use(fitted)

    def use(self, fitted: Mapping[str, float]) -> None:
        """Weigh the signals by fitted weights; for the training."""
        self.weights = np.asarray([fitted.get(name, DEFAULT_WEIGHTS[name]) for name in SIGNALS], dtype=np.float32)
        self.bias_refusal = float(fitted.get("bias_refusal", 0.0))
        self.bias_bare = float(fitted.get("bias_bare", 0.0))
        self.bias_off = float(fitted.get("bias_off", 0.0))

    def light(self, text: str) -> tuple[str, ...]:
        """The words of a text of ours; every text stands in several indexes, and is cut once."""
        found = self._cut.get(text)
        if found is None:
            found = self._cut[text] = light_words(text)
        return found

    def built(self) -> None:
        """Forget what was only needed while building."""
        self._cut.clear()

    # -- building ---------------------------------------------------------------------------------------------------

    def _phrases(self, left_out: frozenset[str]) -> Iterator[_Row]:
        knowledge = self.knowledge
        for topic in knowledge.topics.values():
            for text in (topic.label, *topic.names, *topic.situations):
                yield _Row(topic.id, self.light(text))
        for entry in knowledge.entries.values():
            if entry.topic not in self._number:
                continue
            for text in (entry.title, *entry.questions):
                if text not in left_out:
                    yield _Row(entry.topic, self.light(text))
        for topic_id, phrases in load_yaml("cues").items():
            if topic_id in self._number:
                for phrase in phrases:
                    yield _Row(topic_id, self.light(phrase))
        for label, templates in load_yaml("situations")["topics"].items():
            if label in self._number:
                for template in templates:
                    yield _Row(label, self.light(_SLOT.sub(" ", template)))
        for card in knowledge.referrals.values():
            for text in (card.title, *card.questions, *card.keywords):
                yield _Row(reference_class(card.id), self.light(text))
        for phrases in load_yaml("facets").values():
            for phrase in phrases:
                yield _Row(BARE, self.light(phrase))
        for phrases in load_yaml("offtopic").values():
            for phrase in phrases:
                yield _Row(OFFTOPIC, self.light(phrase))

    def _build_topics(self, left_out: frozenset[str]) -> None:
        """One text a class: everything people are known to say about it, and nothing of the answers."""
        texts = TextCollector()
        for row in self._phrases(left_out):
            texts.add(self._number[row.label], row.words)
        self._topic_index = Index(texts, len(self.classes))

    def _build_entries(self, left_out: frozenset[str]) -> None:
        self.entries = [e for e in self.knowledge.entries.values() if e.topic in self._number]
        self.entries.sort(key=lambda e: (self._number[e.topic], e.id))
        texts = TextCollector()
        for number, entry in enumerate(self.entries):
            texts.add(number, self.light(entry.title), 2.0)
            for question in entry.questions:
                if question not in left_out:
                    texts.add(number, self.light(question))
            texts.add(number, self.light(" ; ".join(entry.keywords)), 1.5)
            texts.add(number, self.light(entry.answer), 0.5)
        self.entry_index = Index(texts, len(self.entries))
        self.entry_number = {entry.id: number for number, entry in enumerate(self.entries)}
        labels = np.asarray([self._number[e.topic] for e in self.entries], dtype=np.int32)
        self._entry_starts = np.searchsorted(labels, np.arange(self.topic_count))
        self._entry_empty = np.bincount(labels, minlength=self.topic_count)[: self.topic_count] == 0

    def map_classifier(self) -> None:
        """Find the classifier's column of every class."""
        head = self.trained.heads.get("topics")
        at = {label: head.start + i for i, label in enumerate(head.classes)} if head else {}
        self._trained_at = np.asarray([at.get(label, -1) for label in self.classes], dtype=np.int32)
        self._untrained = self._trained_at < 0
        self._columns = head.columns if head else slice(0, 0)

    def is_untrained(self, number: int) -> bool:
        """Whether the classifier does not know a class: one published after the training."""
        return bool(self._untrained[number]) and "topics" in self.trained.heads

    def with_trained(self, trained: Trained) -> Ranker:
        """The same indexes with other classifiers of the same shape; for the training."""
        other = copy.copy(self)
        other.trained = trained
        other.map_classifier()
        return other

    def with_weights_of(self, trained: Trained) -> Ranker:
        """The same indexes, weighing a classifier's opinion as ``trained`` does; for leaving questions out."""
        other = copy.copy(self)
        other.use(trained.fitted.get("fusion", {}))
        return other

    def forget(self, label: str) -> None:
        """Treat a class as unknown to the classifier, as one published after the training is. For tests."""
        self._trained_at[self._number[label]] = -1
        self._untrained = self._trained_at < 0

    # -- asking -----------------------------------------------------------------------------------------------------

    def class_number(self, label: str) -> int:
        """The number of a class."""
        return self._number[label]

    def look(self, reading: Reading) -> Evidence:
        """Everything the indexes and the classifiers say about a message."""
        features = reading_features(reading)
        count = len(self.classes)
        signals = np.zeros((len(SIGNALS), count), dtype=np.float32)
        scores = self._classify(features, signals)
        signals[1] = self._topic_index.scores(features)
        ranges = self._likely_ranges(signals) if self.entry_index.is_large else None
        entry_scores = self.entry_index.scores(features, ranges)
        if "topics" in self.trained.heads and self._untrained.any():
            self._stand_in(signals, entry_scores)
        return Evidence(reading, signals, scores, features, entry_scores)

    def nearest_entry(self, evidence: Evidence, topic: int) -> float:
        """How near the nearest entry of a topic is, 0 to about 1."""
        ends = (*self._entry_starts[topic : topic + 2], len(self.entries))
        return float(evidence.entry_scores[ends[0] : ends[1]].max(initial=0.0))

    def _likely_ranges(self, signals: Floats) -> list[tuple[int, int]]:
        """The rows of the entries of the likeliest topics."""
        scores = (self.weights @ signals)[: self.topic_count]
        best = np.argpartition(-scores, min(_LIKELY, self.topic_count - 1))[:_LIKELY]
        ends = np.append(self._entry_starts, len(self.entries))
        return sorted((int(ends[number]), int(ends[number + 1])) for number in best)

    def _classify(self, features: Features, signals: Floats) -> Floats:
        """The classifiers' scores; fills the first signal."""
        trained = self.trained
        if "topics" not in trained.heads:
            return np.zeros(0, dtype=np.float32)
        scores = trained.scores(features)
        whole = log_softmax(scores[self._columns])
        signals[0] = np.where(self._untrained, 0.0, whole[self._trained_at - self._columns.start])
        return scores

    def _stand_in(self, signals: Floats, entry_scores: Floats) -> None:
        """A class published after the training has no classifier: its other signals, beside the best, speak for it."""
        known = ~self._untrained
        others = signals[1].copy()
        if len(entry_scores):
            best = np.maximum.reduceat(entry_scores, np.minimum(self._entry_starts, len(entry_scores) - 1))
            best[self._entry_empty] = 0.0
            others[: self.topic_count] += best
        lead = 12.0 * np.minimum(others[self._untrained] - float(others[known].max(initial=0.0)), 0.15) - 0.5
        top = float(signals[0][known].max(initial=-1.0)) if known.any() else 0.0
        signals[0][self._untrained] = top + lead

    def fuse(self, evidence: Evidence) -> Floats:
        """One unnormalised log-probability a class, from this message alone."""
        scores: Floats = self.weights @ evidence.signals
        scores[self.topic_count : -2] += self.bias_refusal
        scores[-2] += self.bias_bare
        scores[-1] += self.bias_off
        return scores

    def rank(
        self, evidence: Evidence, *, prior: Mapping[str, float] | None = None, earlier: Earlier | None = None,
        joint: Evidence | None = None,
    ) -> Ranking:  # fmt: skip
        """Every class with its probability.

        Args:
            evidence: What the message shows by itself.
            prior: Log-odds to add to classes by name.
            earlier: What the conversation adds.
            joint: What the message shows together with the one before it.
        """
        scores = self.fuse(evidence)
        for label, bonus in (prior or {}).items():
            if label in self._number:
                scores[self._number[label]] += bonus
        if earlier is not None:
            together = log_softmax(self.fuse(joint)) if joint is not None else None
            scores = self.add_earlier(scores, earlier, together)
        return Ranking(self.classes, log_softmax(scores), evidence)

    def add_earlier(self, scores: Floats, earlier: Earlier, joint: Floats | None) -> Floats:
        """Scores with what the conversation adds; ``joint`` are log-probabilities."""
        scores = log_softmax(scores)
        if joint is not None:
            scores += np.float32(earlier.joint) * np.maximum(joint, _LEAST_JOINT)
        scores[self.topic_count :] += earlier.outside
        for label, bonus in earlier.recent.items():
            if label in self._number:
                scores[self._number[label]] += bonus
        if earlier.subject is not None and earlier.subject in self._number:
            # what names no matter is about the matter under discussion
            at = self._number[earlier.subject]
            scores[at] = np.logaddexp(scores[at] + earlier.bonus, scores[-2])
            scores[-2] = -30.0
            if earlier.asks_on:
                scores[at] = float(scores.max()) + _LEAD
        return scores
