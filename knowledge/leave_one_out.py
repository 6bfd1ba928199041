"""How well the content holds by itself: questions left out of the index must still find their topic.

The trained classifier has seen every question, so it is set aside here: only the indexes answer. Also says whether the
content has changed since the classifier was trained.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from knowledge.base import KnowledgeBase
from knowledge.classifier import load_trained
from knowledge.ranking import Ranker
from knowledge.reading import read

FOLDS = 2


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
    pool = sorted((question, entry.topic) for entry in knowledge.entries.values() for question in entry.questions)
    chosen = rng.sample(pool, min(sample, len(pool)))
    without_classifier = replace(load_trained(), topics=None)
    found = 0
    missed: list[tuple[str, str, str]] = []
    for fold in range(FOLDS):
        part = chosen[fold::FOLDS]
        if not part:
            continue
        ranker = Ranker(knowledge, without_classifier, left_out=frozenset(question for question, _ in part))
        for question, topic in part:
            ranking = ranker.rank(read(question))
            best = next(ranking.classes[n] for n in ranking.order if n < ranker.topic_count)
            if best == topic:
                found += 1
            else:
                missed.append((question, topic, best))
            if progress is not None:
                progress(1)
    return LeftOut(rate=found / max(1, len(chosen)), count=len(chosen), missed=tuple(missed))
