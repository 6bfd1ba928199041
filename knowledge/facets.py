"""Which side of a topic a message asks about, by its wording."""

from __future__ import annotations

import numpy as np

from knowledge.classifier import Trained, log_softmax
from knowledge.features import features_of
from knowledge.ranking import Evidence
from knowledge.taxonomy import DEFAULT_FACET

_LAST_CLAUSE = 0.5  # what the last clause counts beside the whole message: people tell first and ask last
_LEAST_CLAUSE = 3


class FacetReader:
    """The trained facet classifier, with the last clause heard once more."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self._head = trained.heads.get("facets")
        fitted = trained.fitted.get("facets", {})
        self._bias = np.asarray(
            [float(fitted.get(name, 0.0)) for name in self._head.classes] if self._head else [], dtype=np.float32
        )
        self.last_clause = float(fitted.get("last_clause", _LAST_CLAUSE))

    def read(self, evidence: Evidence) -> dict[str, float]:
        """The log-probability of every facet; only the introduction where nothing was trained."""
        if self._head is None:
            return {DEFAULT_FACET: 0.0}
        scores = evidence.scores[self._head.columns]
        asking = [clause for clause in evidence.reading.clauses if len(clause) >= _LEAST_CLAUSE]
        if len(asking) > 1:
            last = self.trained.scores(features_of(asking[-1]))[self._head.columns]
            scores = (1 - self.last_clause) * scores + self.last_clause * last
        logs = log_softmax(scores + self._bias)
        return {facet: float(value) for facet, value in zip(self._head.classes, logs, strict=True)}
