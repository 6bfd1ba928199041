"""Which side of a topic a message asks about, by its wording."""

from __future__ import annotations

import numpy as np

from knowledge.classifier import Trained, log_softmax
from knowledge.features import clause_features, facet_features
from knowledge.reading import Reading
from knowledge.taxonomy import DEFAULT_FACET

_LAST_CLAUSE = 0.5  # what the last clause counts beside the whole message: people tell first and ask last
_LEAST_CLAUSE = 3


class FacetReader:
    """The trained facet classifier, with the last clause heard once more."""

    def __init__(self, trained: Trained) -> None:
        self._model = trained.facets
        self.prior = float(trained.fitted.get("facets", {}).get("introduction", -0.4))

    def read(self, reading: Reading) -> dict[str, float]:
        """The log-probability of every facet; only the introduction where nothing was trained."""
        if self._model is None:
            return {DEFAULT_FACET: 0.0}
        scores = self._model.scores(facet_features(reading))
        asking = [clause for clause in reading.clauses if len(clause) >= _LEAST_CLAUSE]
        if len(asking) > 1:
            scores = (1 - _LAST_CLAUSE) * scores + _LAST_CLAUSE * self._model.scores(clause_features(asking[-1]))
        scores = scores.copy()
        scores[self._model.classes.index(DEFAULT_FACET)] += self.prior
        logs = log_softmax(scores.astype(np.float32))
        return {facet: float(value) for facet, value in zip(self._model.classes, logs, strict=True)}
