"""Which entry answers: the facet entry of the topic, or a fact entry named by its own words, names, years and numbers.

Every candidate gets a few features; learned weights decide. Fact entries compete across the likeliest topics, so that a
question about one project or one figure finds it even where the topic alone is unsure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

from knowledge.features import FIRST_AT, KIND_AT, WORDS, Codes, positions
from knowledge.ranking import Evidence, Ranker, Ranking
from knowledge.reading import Reading
from knowledge.schema import Entry
from knowledge.taxonomy import NATIONAL
from knowledge.text import fold

FEATURES = (
    "topic", "facet", "facet_of_fact", "entry", "is_fact", "place_said", "place_otherwise", "place_context",
    "numbers", "numbers_missed", "keywords", "specific", "covered", "topic_of_fact",
)  # fmt: skip
(
    _TOPIC, _FACET, _FACET_OF_FACT, _ENTRY, _IS_FACT, _PLACE_SAID, _PLACE_OTHERWISE, _PLACE_CONTEXT, _NUMBERS,
    _NUMBERS_MISSED, _KEYWORDS, _SPECIFIC, _COVERED, _TOPIC_OF_FACT,
) = range(len(FEATURES))  # fmt: skip
DEFAULT_WEIGHTS = {
    "topic": 1.0, "facet": 1.0, "facet_of_fact": 0.2, "entry": 4.0, "is_fact": -2.0, "place_said": 1.0,
    "place_otherwise": -2.0, "place_context": 0.4, "numbers": 1.0, "numbers_missed": -0.3, "keywords": 0.5,
    "specific": 1.0, "covered": 1.0, "topic_of_fact": 0.7,
}  # fmt: skip
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CITED = 2.0  # log-odds for an entry that stands on the document a message names, and for one of that document's topic
_SAME_TOPIC = 0.8
_TOP_TOPICS = 3
_FACTS = 24
_RARE = 3.0
_UNKNOWN_RARITY = 7.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """A candidate entry, its features and its score; higher is better."""

    entry: Entry
    features: Floats
    score: float


@dataclass(frozen=True)
class Choices(Sequence[Choice]):
    """Candidates, best first: their numbers among all ``entries``, the class of each, their features and scores."""

    entries: Sequence[Entry]
    numbers: Sequence[int]
    classes: Sequence[int]
    features: Floats
    scores: Floats

    @overload
    def __getitem__(self, place: int) -> Choice: ...

    @overload
    def __getitem__(self, place: slice) -> Choices: ...

    def __getitem__(self, place: int | slice) -> Choice | Choices:
        if isinstance(place, slice):
            return replace(
                self, numbers=self.numbers[place], classes=self.classes[place], features=self.features[place],
                scores=self.scores[place],
            )  # fmt: skip
        return Choice(self.entries[self.numbers[place]], self.features[place], float(self.scores[place]))

    def __len__(self) -> int:
        return len(self.numbers)

    def of_class(self, number: int) -> Choices:
        """Those of one class."""
        places = [place for place, found in enumerate(self.classes) if found == number]
        return replace(
            self, numbers=[self.numbers[place] for place in places], classes=[number] * len(places),
            features=self.features[places], scores=self.scores[places],
        )  # fmt: skip

    def best_of_class(self) -> dict[int, Entry]:
        """The first entry of each class."""
        first = dict(zip(reversed(self.classes), reversed(self.numbers), strict=True))
        return {number: self.entries[entry] for number, entry in first.items()}


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
        self._keywords, self._keywords_from = self._read_keywords()
        self._class = np.asarray([ranker.class_number(e.topic) for e in ranker.entries], dtype=np.int64)
        self._facet_names = list(self._knowledge.taxonomy.facets)
        self._facet = np.asarray([self._facet_names.index(e.facet) for e in ranker.entries], dtype=np.int64)
        provinces = (NATIONAL, *(p for p in self._knowledge.taxonomy.provinces if p != NATIONAL))
        self._places = {province: number for number, province in enumerate(provinces)}
        self._place = np.asarray([self._places[e.province] for e in ranker.entries], dtype=np.int64)
        self._of_topic: dict[tuple[str, str], tuple[int, ...]] = {}
        self._is_fact = np.asarray([e.kind == "fact" for e in ranker.entries], dtype=bool)
        self._facts = np.flatnonzero(self._is_fact)
        self._place_of_fact = np.cumsum(self._is_fact) - 1
        self._held_by, self._held = self._words_held()
        facts = {number: ranker.entries[number] for number in self._facts.tolist()}
        self._titles = {number: self._telling(ranker.light(e.title)) for number, e in facts.items()}
        self._numbers = {n: numbers_in(" ".join((e.title, e.answer, *e.questions))) for n, e in facts.items()}

    def _read_keywords(self) -> tuple[list[tuple[int, ...]], dict[str, list[tuple[str, int]]]]:
        """The keywords of every entry as numbers; and all of them, padded, with their numbers by their first words."""
        known: dict[str, int] = {}
        of_entry = []
        for entry in self._ranker.entries:
            texts = [" ".join([fold(word) for word in self._ranker.light(keyword)]) for keyword in entry.keywords]
            of_entry.append(tuple(known.setdefault(text, len(known)) for text in texts if text))
        by_first: dict[str, list[tuple[str, int]]] = {}
        for text, number in known.items():
            first = " ".join(text.split(" ")[:2])
            by_first.setdefault(first, []).append((f" {text} ", number))
        return of_entry, by_first

    def _telling(self, words: tuple[str, ...]) -> frozenset[str]:
        """The words of a title that few entries hold."""
        rarity = self._ranker.entry_index.rarity(words)
        return frozenset(word for word, rare in zip(words, rarity, strict=True) if rare > _RARE)

    def _words_held(self) -> tuple[Codes, NDArray[np.uint8]]:
        """What the fact entries say in all their texts: terms without diacritics, and a bit a fact for each."""
        words: list[int] = []
        sizes = []
        for number in self._facts.tolist():
            entry = self._ranker.entries[number]
            asked = [question for question in entry.questions if question not in self._ranker.left_out]
            texts = (entry.title, *asked, *entry.keywords, entry.answer, entry.details or "")
            bare = {WORDS.bare(WORDS.intern(word)) for text in texts for word in self._ranker.light(text)}
            words += bare
            sizes.append(len(bare))
        distinct, rows = np.unique(np.asarray(words, dtype=np.int64), return_inverse=True)
        places = np.arange(len(sizes)).repeat(sizes)
        held = np.zeros((len(distinct), len(sizes) // 8 + 1), dtype=np.uint8)
        np.bitwise_or.at(held, (rows, places >> 3), (1 << (places & 7)).astype(np.uint8))
        return (1 << KIND_AT) | (distinct << FIRST_AT), held

    def _covered(self, numbers: NDArray[np.int64], evidence: Evidence) -> Floats:
        """For each fact entry, the share of the message's telling words that it holds anywhere."""
        bare = evidence.features.codes[evidence.features.bare]
        rarity = self._ranker.entry_index.rarity_of(bare)
        total = float(rarity.sum()) + evidence.features.unknown * _UNKNOWN_RARITY
        if not len(bare) or total <= 0:
            return np.zeros(len(numbers), dtype=np.float32)
        at, known = positions(self._held_by, bare)
        place = self._place_of_fact[numbers]
        held = (self._held[at[known][:, None], place >> 3] >> (place & 7).astype(np.uint8)) & 1
        result: Floats = (rarity[known] / total) @ held.astype(np.float32)
        return result

    def _facet_entries(self, topic: str, province: str) -> tuple[int, ...]:
        """The entries that answer the facets of a topic for a person of ``province``; found once."""
        key = (topic, province)
        if key not in self._of_topic:
            found = self._knowledge.facet_entries(topic, province)
            numbers = self._ranker.entry_number
            self._of_topic[key] = tuple(dict.fromkeys(numbers[entry.id] for entry in found))
        return self._of_topic[key]

    def candidates(self, ranking: Ranking, province: str) -> list[int]:
        """Entry numbers worth weighing: the facet entries of the likeliest topics and the best facts."""
        count = self._ranker.topic_count
        topics = list(islice((number for number in ranking.likeliest() if number < count), _TOP_TOPICS))
        found: dict[int, None] = {}
        for number in topics:
            found.update(dict.fromkeys(self._facet_entries(ranking.classes[number], province)))
        scores = ranking.evidence.entry_scores
        facts = ((scores > 0) & self._is_fact).nonzero()[0]
        if len(facts) > _FACTS:
            facts = facts[np.argpartition(-scores.take(facts), _FACTS)[:_FACTS]]
        found.update(dict.fromkeys(facts.tolist()))
        return list(found)

    def choose(
        self, reading: Reading, ranking: Ranking, facets: dict[str, float], *, province: str, said: str | None,
        cited: frozenset[str] = frozenset(), topic: str | None = None,
    ) -> Choices:  # fmt: skip
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
        if not numbers:
            none = np.zeros((0, len(FEATURES)), dtype=np.float32)
            return Choices(ranker.entries, (), (), none, none[:, 0])
        of_entries = np.asarray(numbers)
        rows = self._features(of_entries, reading, ranking, facets, province, said)
        scores = rows @ self.weights
        if cited:
            scores += [
                _CITED * (ranker.entries[n].id in cited) + _SAME_TOPIC * (ranker.entries[n].topic == topic)
                for n in numbers
            ]
        order = np.argsort(-scores, kind="stable")
        of_entries = of_entries[order]
        classes = self._class[of_entries].tolist()
        return Choices(ranker.entries, of_entries.tolist(), classes, rows[order], scores[order])

    def _features(
        self, numbers: NDArray[np.int64], reading: Reading, ranking: Ranking, facets: dict[str, float], province: str,
        said: str | None,
    ) -> Floats:  # fmt: skip
        """Candidates × features."""
        rows = np.zeros((len(numbers), len(FEATURES)), dtype=np.float32)
        fact = self._is_fact[numbers]
        place = self._place[numbers]
        topic = np.maximum(ranking.log_probabilities[self._class[numbers]], -8.0)
        rows[:, _TOPIC] = np.where(fact, 0.0, topic)
        rows[:, _TOPIC_OF_FACT] = np.where(fact, topic, 0.0)
        by_facet = np.asarray([max(-6.0, facets.get(facet, -6.0)) for facet in self._facet_names], dtype=np.float32)
        facet = by_facet[self._facet[numbers]]
        rows[:, _FACET] = np.where(fact, 0.0, facet)
        rows[:, _FACET_OF_FACT] = np.where(fact, facet, 0.0)
        evidence = ranking.evidence
        rows[:, _ENTRY] = evidence.entry_scores[numbers]
        rows[:, _IS_FACT] = fact
        here = self._places.get(said or province, -1)
        elsewhere = (place != 0) & (place != here)
        if said:
            rows[:, _PLACE_SAID] = place == here
            rows[:, _PLACE_OTHERWISE] = elsewhere
        else:
            rows[:, _PLACE_CONTEXT] = np.where((place == here) & (place != 0), 1.0, np.where(elsewhere, -1.0, 0.0))
        if said_keywords := self._keywords_in(reading.folded):
            held = [self._keywords[number] for number in numbers.tolist()]
            rows[:, _KEYWORDS] = [
                0 if said_keywords.isdisjoint(keywords) else min(sum([k in said_keywords for k in keywords]), 3)
                for keywords in held
            ]
        places = fact.nonzero()[0]
        facts = numbers[places]
        rows[places, _COVERED] = self._covered(facts, evidence)
        words = frozenset(reading.words)
        titles = [self._titles[number] for number in facts.tolist()]
        rows[places, _SPECIFIC] = [len(title & words) / max(len(title), 2) for title in titles]
        if asked := numbers_in(reading.folded):
            shared = np.asarray([len(asked & self._numbers[number]) for number in facts.tolist()], dtype=np.float32)
            rows[places, _NUMBERS] = np.minimum(shared, 3)
            rows[places, _NUMBERS_MISSED] = np.minimum(len(asked) - shared, 3)
        return rows

    def _keywords_in(self, folded: str) -> set[int]:
        """The numbers of the keywords in a text without diacritics."""
        padded, words, known = f" {folded} ", folded.split(" "), self._keywords_from
        firsts = {*words, *map(" ".join, pairwise(words))}
        return {number for first in firsts if first in known for keyword, number in known[first] if keyword in padded}
