"""The weights of the entry choice, from the content alone: a question left out of the index must find its entry."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

from knowledge.base import KnowledgeBase
from knowledge.classifier import WEIGHTS_FILE, load_trained, read_models, save_models
from knowledge.entries import FEATURES, EntryChooser
from knowledge.facets import FacetReader
from knowledge.places import find_province
from knowledge.ranking import Ranker
from knowledge.reading import read
from knowledge.taxonomy import NATIONAL

LEFT_OUT = 0.2
LEAST_TOPIC_WEIGHT = 1.6
LEAST_FACET_OF_FACT = 0.7
_NEVER_NEGATIVE = frozenset(
    {"topic", "facet", "facet_of_fact", "entry", "place_said", "place_context", "numbers", "keywords", "specific"}
)


def train_entries(knowledge: KnowledgeBase, *, seed: int = 11, most: int = 3000) -> None:
    """Fit a conditional logit over the candidates of left-out questions."""
    load_trained.cache_clear()
    rng = random.Random(seed)
    pool = [(question, entry) for entry in knowledge.entries.values() for question in entry.questions]
    chosen = rng.sample(pool, min(most, int(LEFT_OUT * len(pool))))
    ranker = Ranker(knowledge, left_out=frozenset(question for question, _ in chosen))
    chooser, facets = EntryChooser(ranker), FacetReader(ranker.trained)
    cases: list[tuple[np.ndarray[Any, Any], int]] = []
    found = 0
    for question, entry in tqdm(chosen, desc="entries", disable=not sys.stderr.isatty()):
        reading = read(question)
        said = find_province(reading.folded)
        province = entry.province if rng.random() < 0.7 else rng.choice([NATIONAL, "long-an", "ben-tre", "thai-binh"])
        if entry.kind == "facet" and entry.province != NATIONAL:
            province = entry.province
        options = chooser.choose(
            reading, ranker.rank(reading), facets.read(reading), province=said or province, said=said
        )
        right = [i for i, option in enumerate(options) if option.entry.id == entry.id]
        if right:
            found += 1
            cases.append((np.asarray([option.features for option in options]), right[0]))
    weights = np.asarray([float(w) for w in chooser.weights])

    def loss(parameters: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        value, gradient = 0.0, np.zeros_like(parameters)
        for rows, right in cases:
            scores = rows @ parameters
            scores -= scores.max()
            odds = np.exp(scores)
            odds /= odds.sum()
            value -= float(np.log(odds[right] + 1e-12))
            gradient += odds @ rows - rows[right]
        ridge = 1e-3
        return value / len(cases) + ridge * float(parameters @ parameters), gradient / len(
            cases
        ) + 2 * ridge * parameters

    bounds = [(0.0, None) if name in _NEVER_NEGATIVE else (None, None) for name in FEATURES]
    # left-out questions of facts make the topic look less telling than it is for people's own words
    bounds[FEATURES.index("topic")] = (LEAST_TOPIC_WEIGHT, None)
    # and facts are asked about in any wording; a plain question for papers or fees must not fall for one
    bounds[FEATURES.index("facet_of_fact")] = (LEAST_FACET_OF_FACT, None)
    weights[FEATURES.index("facet_of_fact")] = max(weights[FEATURES.index("facet_of_fact")], LEAST_FACET_OF_FACT)
    weights[FEATURES.index("topic")] = max(weights[FEATURES.index("topic")], LEAST_TOPIC_WEIGHT)
    fitted = minimize(loss, weights, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 80}).x
    right = np.mean([int((rows @ fitted).argmax()) == at for rows, at in cases])
    before = np.mean([int((rows @ weights).argmax()) == at for rows, at in cases])
    print(
        f"entries: {len(cases)} of {len(chosen)} left-out reach the choice; right {before:.3f} -> {right:.3f}",
        flush=True,
    )
    trained = read_models(WEIGHTS_FILE)
    assert trained.topics is not None and trained.facets is not None
    entries = {name: round(float(w), 4) for name, w in zip(FEATURES, fitted, strict=True)}
    print("         " + "  ".join(f"{k} {v}" for k, v in entries.items()), flush=True)
    trained = replace(trained, fitted={**trained.fitted, "entries": entries})
    save_models(
        WEIGHTS_FILE, {"topics": trained.topics, "facets": trained.facets}, fitted=trained.fitted,
        content_hash=trained.content_hash or "",
    )  # fmt: skip
    load_trained.cache_clear()
