"""Which topic, referral card or nothing at all a reading is about: several signals, fused by learned weights.

Signals, each one number a class: the trained classifier; BM25 over everything people are known to say about a class;
the best matching entry with its answer text; the longest name that stands in the message word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowledge.base import KnowledgeBase
from knowledge.classifier import Trained, load_trained, log_softmax
from knowledge.features import topic_features, word_features
from knowledge.reading import Reading, light_words, load_yaml
from knowledge.search import Index

OFFTOPIC = "off"
BARE = "bare"  # a question that names no matter: a follow-up where there is something to follow
SIGNALS = ("classifier", "topic", "entry", "name")
# used until ``make train`` has fitted better ones
DEFAULT_WEIGHTS = {"classifier": 1.0, "topic": 3.0, "entry": 2.0, "name": 0.8}

_SLOT = re.compile(r"\{\w+\}")

Floats = NDArray[np.float32]


def reference_class(card: str) -> str:
    """The class of a referral card."""
    return f"ref:{card}"


@dataclass(frozen=True)
class Ranking:
    """Every class with its log-probability, and the signals they come from (signals × classes)."""

    classes: tuple[str, ...]
    log_probabilities: Floats
    signals: Floats
    coverage: float
    entry_scores: Floats
    entry_most: float

    @cached_property
    def order(self) -> list[int]:
        """Class numbers, likeliest first."""
        return [int(i) for i in np.argsort(-self.log_probabilities, kind="stable")]

    def probability(self, number: int) -> float:
        """The probability of a class."""
        return float(np.exp(self.log_probabilities[number]))


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
        self.trained = trained or load_trained()
        self.classes: tuple[str, ...] = (
            *knowledge.topics, *(reference_class(card) for card in knowledge.referrals), BARE, OFFTOPIC,
        )  # fmt: skip
        self.topic_count = len(knowledge.topics)
        self._number = {label: number for number, label in enumerate(self.classes)}
        self._build_topics(left_out)
        self._build_entries(left_out)
        self._build_names()
        self._map_classifier()
        # weights fitted beside the classifier say nothing about the others where there is none
        fitted = self.trained.fitted.get("fusion", {}) if self.trained.topics else {}
        self.weights = np.asarray([fitted.get(name, DEFAULT_WEIGHTS[name]) for name in SIGNALS], dtype=np.float32)
        self.bias_refusal = float(fitted.get("bias_refusal", 0.0))
        self.bias_bare = float(fitted.get("bias_bare", 0.0))
        self.bias_off = float(fitted.get("bias_off", 0.0))

    # -- building ---------------------------------------------------------------------------------------------------

    def _phrases(self, left_out: frozenset[str]) -> Iterator[_Row]:
        knowledge = self.knowledge
        for topic in knowledge.topics.values():
            for text in (topic.label, *topic.names, *topic.situations):
                yield _Row(topic.id, light_words(text))
        for entry in knowledge.entries.values():
            if entry.topic not in self._number:
                continue
            for text in (entry.title, *entry.questions):
                if text not in left_out:
                    yield _Row(entry.topic, light_words(text))
        for topic_id, phrases in load_yaml("cues").items():
            if topic_id in self._number:
                for phrase in phrases:
                    yield _Row(topic_id, light_words(phrase))
        for label, templates in load_yaml("situations")["topics"].items():
            if label in self._number:
                for template in templates:
                    yield _Row(label, light_words(_SLOT.sub(" ", template)))
        for card in knowledge.referrals.values():
            for text in (card.title, *card.questions, *card.keywords):
                yield _Row(reference_class(card.id), light_words(text))
        for phrases in load_yaml("facets").values():
            for phrase in phrases:
                yield _Row(BARE, light_words(phrase))
        for phrases in load_yaml("offtopic").values():
            for phrase in phrases:
                yield _Row(OFFTOPIC, light_words(phrase))

    def _build_topics(self, left_out: frozenset[str]) -> None:
        """One text a class: everything people are known to say about it, and nothing of the answers."""
        by_class: list[dict[str, float]] = [{} for _ in self.classes]
        for row in self._phrases(left_out):
            target = by_class[self._number[row.label]]
            for term, count in word_features(row.words).items():
                target[term] = target.get(term, 0.0) + count
        self._topic_index = Index(by_class)

    def _build_entries(self, left_out: frozenset[str]) -> None:
        self.entries = [e for e in self.knowledge.entries.values() if e.topic in self._number]
        self.entries.sort(key=lambda e: (self._number[e.topic], e.id))
        rows = []
        for entry in self.entries:
            terms: dict[str, float] = {}
            for text, weight in (
                (entry.title, 2.0), *((q, 1.0) for q in entry.questions if q not in left_out),
                (" ; ".join(entry.keywords), 1.5),
                (entry.answer, 0.5),
            ):  # fmt: skip
                for term, count in word_features(light_words(text)).items():
                    terms[term] = terms.get(term, 0.0) + weight * count
            rows.append(terms)
        self.entry_index = Index(rows)
        self.entry_number = {entry.id: number for number, entry in enumerate(self.entries)}
        labels = np.asarray([self._number[e.topic] for e in self.entries], dtype=np.int32)
        self._entry_starts = np.searchsorted(labels, np.arange(self.topic_count))
        self._entry_empty = np.bincount(labels, minlength=self.topic_count)[: self.topic_count] == 0

    def _build_names(self) -> None:
        """Names and cues of two words or more, by their bare form, with the classes they name."""
        self._names: dict[str, dict[int, float]] = {}
        for topic in self.knowledge.topics.values():
            for name in (topic.label, *topic.names):
                self._add_name(name, topic.id, 1.0)
        for topic_id, phrases in load_yaml("cues").items():
            if topic_id in self._number:
                for phrase in phrases:
                    self._add_name(phrase, topic_id, 1.0)
        for card in self.knowledge.referrals.values():
            for keyword in card.keywords:
                self._add_name(keyword, reference_class(card.id), 1.0)
        self._longest_name = max((key.count(" ") + 1 for key in self._names), default=1)

    def _add_name(self, name: str, label: str, weight: float) -> None:
        words = light_words(name)
        if 2 <= len(words) <= 7:
            self._names.setdefault(" ".join(words), {})[self._number[label]] = weight

    def _map_classifier(self) -> None:
        model = self.trained.topics
        trained = {label: i for i, label in enumerate(model.classes)} if model else {}
        self._trained_at = np.asarray([trained.get(label, -1) for label in self.classes], dtype=np.int32)
        self._untrained = self._trained_at < 0

    def forget(self, label: str) -> None:
        """Treat a class as unknown to the classifier, as one published after the training is. For tests."""
        self._trained_at[self._number[label]] = -1
        self._untrained = self._trained_at < 0

    # -- asking -----------------------------------------------------------------------------------------------------

    def class_number(self, label: str) -> int:
        """The number of a class."""
        return self._number[label]

    def signals(self, reading: Reading) -> tuple[Floats, Floats, float]:
        """The signals (signals × classes), the entries' scores and what an entry holding everything would get."""
        words, characters = topic_features(reading)
        count = len(self.classes)
        result = np.zeros((len(SIGNALS), count), dtype=np.float32)
        if self.trained.topics is not None:
            scores = self.trained.topics.log_probabilities((words, characters))
            result[0] = np.where(self._untrained, 0.0, scores[self._trained_at])
        topic_scores, topic_most = self._topic_index.scores(words)
        result[1] = topic_scores / max(topic_most, 1e-6)
        entry_scores, entry_most = self.entry_index.scores(words)
        if len(entry_scores):
            best = np.maximum.reduceat(entry_scores, np.minimum(self._entry_starts, len(entry_scores) - 1))
            best[self._entry_empty] = 0.0
            result[2, : self.topic_count] = best / max(entry_most, 1e-6)
        self._name_signal(reading, result[3])
        if self._untrained.any():
            self._stand_in(result)
        return result, entry_scores, entry_most

    def _stand_in(self, result: Floats) -> None:
        """A class published after the training has no classifier: its other signals, beside the best, speak for it."""
        known = ~self._untrained
        others = result[1:3].sum(axis=0)
        best_known = float(others[known].max(initial=0.0))
        top = float(result[0][known].max(initial=-1.0)) if known.any() else 0.0
        result[0][self._untrained] = top + 12.0 * np.minimum(others[self._untrained] - best_known, 0.15) - 0.5

    def _name_signal(self, reading: Reading, into: Floats) -> None:
        words = reading.words
        size = len(words)
        for start in range(size):
            for length in range(min(self._longest_name, size - start), 1, -1):
                found = self._names.get(" ".join(words[start : start + length]))
                if found:
                    for number, weight in found.items():
                        into[number] = max(into[number], weight * length)
                    break
        np.log1p(into, out=into)

    def rank(
        self, reading: Reading, *, prior: Mapping[str, float] | None = None, subject: str | None = None
    ) -> Ranking:
        """Every class with its probability; ``prior`` adds to the log-probability of classes by name.

        ``subject`` is the topic under discussion; what names no matter goes to it.
        """
        signals, entry_scores, entry_most = self.signals(reading)
        scores = self.weights @ signals
        scores[self.topic_count : -2] += self.bias_refusal
        scores[-2] += self.bias_bare
        scores[-1] += self.bias_off
        for label, bonus in (prior or {}).items():
            if label in self._number:
                scores[self._number[label]] += bonus
        if subject is not None and subject in self._number:
            # what names no matter is about the matter under discussion
            at = self._number[subject]
            scores[at] = np.logaddexp(scores[at], scores[-2])
            scores[-2] = -30.0
        coverage = float(signals[1].max(initial=0.0))
        return Ranking(self.classes, log_softmax(scores), signals, coverage, entry_scores, entry_most)
