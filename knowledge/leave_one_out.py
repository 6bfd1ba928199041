"""How well the content holds by itself: questions left out must still be answered on their topic.

Left out of the indexes, and of the classifier too: ``make train`` stores what a classifier made without a question says
of it. A question written since then is left to the indexes alone. Also says whether the content has changed since the
training.
"""

from __future__ import annotations

import hashlib
import math
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.base import KnowledgeBase
from knowledge.classifier import load_trained
from knowledge.entries import EntryChooser
from knowledge.places import find_province
from knowledge.ranking import Evidence, Ranker
from knowledge.reading import read

FOLDS = 2
LEFT_OUT_FILE = Path(__file__).with_name("weights") / "left-out.npz"
_FLOOR = -9.0  # log-probability of a class that is not among the stored ones


@dataclass(frozen=True)
class LeftOutScores:
    """The likeliest classes of every question by a classifier that has not seen it; ``keys`` ascend."""

    KEPT = 4
    PARTS = 5

    classes: tuple[str, ...]
    keys: NDArray[np.uint32]
    best: NDArray[np.uint8]
    scores: NDArray[np.float16]

    @staticmethod
    def key(question: str) -> int:
        """A number that stands for a question."""
        return zlib.crc32(question.encode())

    @classmethod
    def part(cls, question: str) -> int:
        """Which fifth of the questions one is left out with."""
        return cls.key(question) % cls.PARTS

    @classmethod
    def of(cls, found: Mapping[int, tuple[Sequence[str], Sequence[float]]], classes: tuple[str, ...]) -> LeftOutScores:
        """From keys with their classes and log-probabilities."""
        keys = sorted(found)
        numbers = {label: number for number, label in enumerate(classes)}
        return cls(
            classes, np.asarray(keys, dtype=np.uint32),
            np.asarray([[numbers[label] for label in found[key][0]] for key in keys], dtype=np.uint8),
            np.asarray([found[key][1] for key in keys], dtype=np.float16),
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Write them beside the weights."""
        names = np.frombuffer("\n".join(self.classes).encode(), dtype=np.uint8)
        np.savez_compressed(path, classes=names, keys=self.keys, best=self.best, scores=self.scores)

    @classmethod
    def load(cls, path: Path = LEFT_OUT_FILE) -> LeftOutScores | None:
        """The stored ones; None where there are none."""
        if not path.exists():
            return None
        with np.load(path) as arrays:
            classes = tuple(arrays["classes"].tobytes().decode().split("\n"))
            return cls(classes, arrays["keys"], arrays["best"], arrays["scores"])

    def find(self, question: str) -> dict[str, float] | None:
        """The log-probabilities of the likeliest classes; None for a question of later."""
        key = self.key(question)
        at = int(np.searchsorted(self.keys, key))
        if at >= len(self.keys) or int(self.keys[at]) != key:
            return None
        return {self.classes[n]: float(s) for n, s in zip(self.best[at], self.scores[at], strict=True)}


@dataclass(frozen=True)
class LeftOut:
    """The share of sampled questions that find their topic, and those that do not with the topic found instead."""

    rate: float
    count: int
    missed: tuple[tuple[str, str, str], ...]


def content_hash(knowledge: KnowledgeBase) -> str:
    """A hash over everything the classifiers learn from in the content."""
    digest = hashlib.sha256()
    for topic in sorted(knowledge.topics.values(), key=lambda t: t.id):
        digest.update("|".join((topic.id, topic.label, *topic.names, *topic.situations)).encode())
    for entry in sorted(knowledge.entries.values(), key=lambda e: e.id):
        digest.update("|".join((entry.id, entry.facet, entry.title, *entry.questions)).encode())
    for card in sorted(knowledge.referrals.values(), key=lambda r: r.id):
        digest.update("|".join((card.id, card.title, *card.questions, *card.keywords)).encode())
    return digest.hexdigest()[:16]


def retraining_due(knowledge: KnowledgeBase) -> bool:
    """Whether the content differs from what the committed weights were trained on."""
    return load_trained().content_hash != content_hash(knowledge)


def leave_one_out_rate(
    knowledge: KnowledgeBase, *, sample: int = 500, seed: int = 1, progress: Callable[[int], object] | None = None
) -> LeftOut:
    """Leave questions out of the indexes, half of the sample at a time, and ask them.

    Args:
        knowledge: The content.
        sample: How many questions to ask.
        seed: Which ones; the same seed asks the same.
        progress: Called with 1 after every question.
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable sample, no secret
    pool = sorted((question, entry.id) for entry in knowledge.entries.values() for question in entry.questions)
    chosen = rng.sample(pool, min(sample, len(pool)))
    stored = LeftOutScores.load()
    # any side of a topic may answer: what is asked here is the topic of the answer
    facets = dict.fromkeys(knowledge.taxonomy.facets, -math.log(len(knowledge.taxonomy.facets)))
    found = 0
    missed: list[tuple[str, str, str]] = []
    for fold in range(FOLDS):
        part = chosen[fold::FOLDS]
        if not part:
            continue
        indexes = Ranker(
            knowledge, load_trained().without_classifiers(), left_out=frozenset(question for question, _ in part)
        )
        whole = indexes.with_weights_of(load_trained())
        chooser = EntryChooser(indexes)
        for question, owner in part:
            entry = knowledge.entries[owner]
            reading = read(question)
            evidence = indexes.look(reading)
            known = stored.find(question) if stored else None
            ranking = indexes.rank(evidence) if known is None else whole.rank(_with(evidence, indexes, known))
            choices = chooser.choose(
                reading, ranking, facets, province=entry.province, said=find_province(reading.folded)
            )
            best = choices[0].entry.topic if choices else ""
            if best == entry.topic:
                found += 1
            else:
                missed.append((question, entry.topic, best))
            if progress is not None:
                progress(1)
    return LeftOut(rate=found / max(1, len(chosen)), count=len(chosen), missed=tuple(missed))


def _with(evidence: Evidence, ranker: Ranker, known: Mapping[str, float]) -> Evidence:
    """Evidence with the stored opinion in place of the classifier's."""
    signals = evidence.signals.copy()
    signals[0] = _FLOOR
    for label, score in known.items():
        if label in ranker.classes:
            signals[0, ranker.class_number(label)] = score
    return replace(evidence, signals=signals)
