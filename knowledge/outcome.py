"""Whether a message is the department's at all, and how sure the topic is: calibrated by ``make train``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from knowledge.ranking import Evidence, Ranker, Ranking

OURS, NOT_OURS = "ours", "not"
_LIMIT = 8.0
_NEUTRAL = 2.0  # log-odds


def _logit(probability: float) -> float:
    probability = min(max(probability, 1e-6), 1 - 1e-6)
    return max(-_LIMIT, min(_LIMIT, math.log(probability / (1 - probability))))


def outside_share(ranker: Ranker, ranking: Ranking) -> float:
    """The share of probability on matters that are not the department's."""
    return float(np.exp(ranking.log_probabilities[ranker.topic_count :]).sum())


def scope_odds(ranker: Ranker, evidence: Evidence) -> float:
    """Log-odds that a message is ours, by the classifier made for it; 0 where there is none."""
    head = ranker.trained.heads.get("scope")
    if head is None:
        return 0.0
    at = head.start + head.classes.index(OURS), head.start + head.classes.index(NOT_OURS)
    return float(evidence.scores[at[0]] - evidence.scores[at[1]])


def outside_features(ranker: Ranker, ranking: Ranking, joint: Evidence | None = None) -> list[float]:
    """What tells a message of another matter: the fused odds, the classifier made for it, how well it is covered.

    ``joint``: the message together with the one before it, inside a conversation.
    """
    evidence = ranking.evidence
    odds = scope_odds(ranker, evidence)
    count, signals = ranker.topic_count, evidence.signals
    topic = int(ranking.log_probabilities[:count].argmax())
    if ranker.is_untrained(topic):
        # a topic published after the training: the classifier cannot know that it is ours
        odds = max(odds, _NEUTRAL)
    by_classifier, by_words = signals
    return [
        _logit(outside_share(ranker, ranking)), odds, 0.0 if joint is None else scope_odds(ranker, joint),
        ranking.coverage, float(by_words[topic]), float(by_words[count:-2].max(initial=0.0)), float(by_words[-1]),
        *(max(float(value), -_LIMIT) for value in (
            by_classifier[:count].max(), by_classifier[count:-2].max(initial=-_LIMIT), by_classifier[-1],
            by_classifier[-2],
        )),
        ranker.nearest_entry(evidence, topic), math.log1p(len(evidence.reading.words)),
        math.log1p(len(evidence.features.codes)), math.log1p(evidence.features.unknown),
    ]  # fmt: skip


def confidence_features(ranker: Ranker, ranking: Ranking, number: int, outside: float) -> list[float]:
    """What tells how sure a topic is: its share among the topics, its lead, the odds that the matter is not ours."""
    topics = np.exp(ranking.log_probabilities[: ranker.topic_count])
    topics = topics / max(float(topics.sum()), 1e-9)
    own = float(topics[number])
    topics[number] = 0.0
    return [_logit(own), own - float(topics.max(initial=0.0)), _logit(outside), min(ranking.coverage, 1.0)]


def probability(weights: Sequence[float], features: Sequence[float]) -> float:
    """A logistic curve; the constant is the last weight."""
    odds = weights[-1] + sum(w * f for w, f in zip(weights, features, strict=False))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))
