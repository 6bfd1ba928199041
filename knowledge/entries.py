"""Which entry answers: the facet entry of the topic, or a fact entry named by its own words, names, years and numbers.

Every candidate gets a few features; learned weights decide. Fact entries compete across the likeliest topics, so that a
question about one project or one figure finds it even where the topic alone is unsure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge.ranking import Ranker, Ranking
from knowledge.reading import Reading, light_words
from knowledge.schema import Entry
from knowledge.taxonomy import NATIONAL
from knowledge.text import fold

FEATURES = (
    "topic", "facet", "facet_of_fact", "entry", "is_fact", "place_said", "place_otherwise", "place_context",
    "numbers", "numbers_missed", "keywords", "specific",
)  # fmt: skip
DEFAULT_WEIGHTS = {
    "topic": 1.0, "facet": 1.0, "facet_of_fact": 0.2, "entry": 4.0, "is_fact": -2.0, "place_said": 1.0,
    "place_otherwise": -2.0, "place_context": 0.4, "numbers": 1.0, "numbers_missed": -0.3, "keywords": 0.5,
    "specific": 1.0,
}  # fmt: skip
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CITED = 2.0  # log-odds for an entry that stands on the document a message names, and for one of that document's topic
_SAME_TOPIC = 0.8
_TOP_TOPICS = 5
_FACTS = 24

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """A candidate entry, its features and its score; higher is better."""

    entry: Entry
    features: tuple[float, ...]
    score: float


def numbers_in(text: str) -> frozenset[str]:
    """The numbers of a text, each in one form: ``1,5`` and ``1.5`` are the same."""
    return frozenset(number.replace(",", ".").lstrip("0") or "0" for number in _NUMBER.findall(text))


class EntryChooser:
    """Chooses among the entries of one version of the knowledge base."""

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker
        self._knowledge = ranker.knowledge
        fitted = ranker.trained.fitted.get("entries", {})
        self.weights = np.asarray([fitted.get(name, DEFAULT_WEIGHTS[name]) for name in FEATURES], dtype=np.float32)
        self._numbers = [numbers_in(" ".join((e.title, e.answer, *e.questions))) for e in ranker.entries]
        self._keywords = [
            tuple(" ".join(fold(word) for word in light_words(keyword)) for keyword in e.keywords)
            for e in ranker.entries
        ]
        self._is_fact = np.asarray([e.kind == "fact" for e in ranker.entries], dtype=bool)
        self._titles = [
            frozenset(word for word in light_words(e.title) if ranker.entry_index.rarity(f"w:{word}") > 3.0)
            for e in ranker.entries
        ]

    def candidates(self, ranking: Ranking, province: str) -> list[int]:
        """Entry numbers worth weighing: the facet entries of the likeliest topics and the best facts."""
        knowledge, ranker = self._knowledge, self._ranker
        topics = [number for number in ranking.order if number < ranker.topic_count][:_TOP_TOPICS]
        found: dict[int, None] = {}
        for number in topics[:3]:
            topic = ranking.classes[number]
            for facet in knowledge.facets(topic, province):
                entry = knowledge.facet_entry(topic, facet, province)
                if entry is not None:
                    found[ranker.entry_number[entry.id]] = None
        scores = np.where(self._is_fact, ranking.entry_scores, 0.0)
        if len(scores):
            best = np.argpartition(-scores, min(_FACTS, len(scores) - 1))[:_FACTS]
            for number in best:
                if scores[number] > 0:
                    found[int(number)] = None
        return list(found)

    def choose(
        self, reading: Reading, ranking: Ranking, facets: dict[str, float], *, province: str, said: str | None,
        cited: frozenset[str] = frozenset(), topic: str | None = None,
    ) -> list[Choice]:  # fmt: skip
        """Candidates with their scores, best first.

        Args:
            reading: The message.
            ranking: Its classes and entry scores.
            facets: The log-probability of every facet.
            province: The person's province.
            said: The province named in the message, if any.
            cited: Entries that stand on the document the message names; they go before others.
            topic: The topic of that document.
        """
        ranker = self._ranker
        numbers = self.candidates(ranking, province)
        if cited:
            numbers = list(
                dict.fromkeys((*numbers, *(ranker.entry_number[e] for e in cited if e in ranker.entry_number)))
            )
            numbers = [n for n in numbers if ranker.entries[n].id in cited or ranker.entries[n].topic == topic]
        if not numbers:
            return []
        asked, words = numbers_in(reading.folded), frozenset(reading.words)
        rows = [self._features(n, reading, ranking, facets, province, said, asked, words) for n in numbers]
        scores = np.asarray(rows, dtype=np.float32) @ self.weights
        if cited:
            scores += [
                _CITED * (ranker.entries[n].id in cited) + _SAME_TOPIC * (ranker.entries[n].topic == topic)
                for n in numbers
            ]
        order = np.argsort(-scores, kind="stable")
        return [Choice(ranker.entries[numbers[i]], tuple(rows[i]), float(scores[i])) for i in order]

    def _features(
        self, number: int, reading: Reading, ranking: Ranking, facets: dict[str, float], province: str,
        said: str | None, asked: frozenset[str], words: frozenset[str],
    ) -> list[float]:  # fmt: skip
        ranker = self._ranker
        entry = ranker.entries[number]
        fact = entry.kind == "fact"
        topic = max(-8.0, float(ranking.log_probabilities[ranker.class_number(entry.topic)]))
        facet = max(-6.0, facets.get(entry.facet, -6.0))
        elsewhere = entry.province != NATIONAL and entry.province != (said or province)
        shared = len(asked & self._numbers[number]) if fact else 0
        folded = f" {reading.folded} "
        hits = sum(f" {keyword} " in folded for keyword in self._keywords[number]) if self._keywords[number] else 0
        title = self._titles[number]
        return [
            topic,
            0.0 if fact else facet,
            facet if fact else 0.0,
            float(ranking.entry_scores[number]) / max(ranking.entry_most, 1e-6),
            1.0 if fact else 0.0,
            1.0 if said and entry.province == said else 0.0,
            1.0 if said and elsewhere else 0.0,
            (1.0 if entry.province == province != NATIONAL else -1.0 if elsewhere else 0.0) if not said else 0.0,
            float(min(shared, 3)),
            float(min(len(asked) - shared, 3)) if fact else 0.0,
            float(min(hits, 3)),
            len(title & words) / max(len(title), 2) if fact else 0.0,
        ]
