"""The weights of the entry choice: a question left out must find its entry, a person's message its facet."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from benchmark.train_classifiers import Folds
from benchmark.train_data import QUESTIONS, fit_lines
from knowledge.base import KnowledgeBase
from knowledge.classifier import load_trained
from knowledge.entries import FEATURES, EntryChooser
from knowledge.facets import FacetReader
from knowledge.places import find_province
from knowledge.ranking import Ranker
from knowledge.reading import read
from knowledge.taxonomy import NATIONAL

_LEFT_OUT_FACTS, _LEFT_OUT_FACETS = 1500, 1000
_PERSON = 1.0  # what a person's message counts beside a question of the content
_NEVER_NEGATIVE = frozenset(
    {
        "topic",
        "facet",
        "facet_of_fact",
        "entry",
        "place_said",
        "place_context",
        "numbers",
        "keywords",
        "specific",
        "covered",
        "topic_of_fact",
    }
)

Case = tuple[NDArray[Any], NDArray[np.bool_], float]  # candidates × features, which are right, how much it counts


def _of_content(knowledge: KnowledgeBase, rng: random.Random) -> list[Case]:
    """Questions left out of the index."""
    pools = {
        kind: [(q, entry) for entry in knowledge.entries.values() if entry.kind == kind for q in entry.questions]
        for kind in ("fact", "facet")
    }
    chosen = rng.sample(pools["fact"], min(_LEFT_OUT_FACTS, len(pools["fact"]) // 4))
    chosen += rng.sample(pools["facet"], min(_LEFT_OUT_FACETS, len(pools["facet"]) // 4))
    ranker = Ranker(knowledge, left_out=frozenset(question for question, _ in chosen))
    chooser, facets = EntryChooser(ranker), FacetReader(ranker.trained)
    cases = []
    for question, entry in tqdm(chosen, desc="entries", disable=not sys.stderr.isatty()):
        reading = read(question)
        said = find_province(reading.folded)
        province = entry.province if rng.random() < 0.7 else rng.choice([NATIONAL, "long-an", "ben-tre", "thai-binh"])
        if entry.kind == "facet" and entry.province != NATIONAL:
            province = entry.province
        evidence = ranker.look(reading)
        options = chooser.choose(
            reading, ranker.rank(evidence), facets.read(evidence), province=said or province, said=said
        )
        right = np.asarray([option.entry.id == entry.id for option in options])
        if right.any():
            cases.append((np.asarray([option.features for option in options]), right, 1.0))
    print(f"entries: {len(cases)} of {len(chosen)} left-out questions reach the choice", flush=True)
    return cases


def _of_people(knowledge: KnowledgeBase, folds: Folds) -> list[Case]:
    """The messages of ``benchmark/fit``, as the classifiers see them that were made without them."""
    ranker = Ranker(knowledge)
    rankers = [ranker.with_trained(fold) for fold in folds.trained]
    chooser = EntryChooser(ranker)
    cases = []
    for position, line in enumerate(fit_lines(QUESTIONS)):
        if not line["facets"]:
            continue
        seen = rankers[Folds.of(position)]
        reading = read(line["text"])
        evidence = seen.look(reading)
        said = find_province(reading.folded)
        options = chooser.choose(
            reading, seen.rank(evidence), FacetReader(seen.trained).read(evidence),
            province=said or line["province"], said=said,
        )  # fmt: skip
        right = np.asarray([o.entry.topic in line["topics"] and o.entry.facet in line["facets"] for o in options])
        if right.any():
            cases.append((np.asarray([option.features for option in options]), right, _PERSON))
    print(f"entries: {len(cases)} messages", flush=True)
    return cases


def train_entries(knowledge: KnowledgeBase, folds: Folds, *, seed: int = 11) -> dict[str, Any]:
    """Fit a conditional logit over the candidates; gives what is to be stored."""
    load_trained.cache_clear()
    content, people = _of_content(knowledge, random.Random(seed)), _of_people(knowledge, folds)
    cases = [*content, *people]
    total = sum(weight for *_, weight in cases)

    def loss(parameters: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        value, gradient = 0.0, np.zeros_like(parameters)
        for rows, right, weight in cases:
            scores = rows @ parameters
            odds = np.exp(scores - scores.max())
            odds /= odds.sum()
            good = np.where(right, odds, 0.0)
            share = float(good.sum()) + 1e-12
            value -= weight * float(np.log(share))
            gradient += weight * ((odds - good / share) @ rows)
        ridge = 1e-3
        return value / total + ridge * float(parameters @ parameters), gradient / total + 2 * ridge * parameters

    start = np.asarray([float(w) for w in EntryChooser(Ranker(knowledge)).weights])
    bounds = [(0.0, None) if name in _NEVER_NEGATIVE else (None, None) for name in FEATURES]
    fitted = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 100}).x

    def share(of: list[Case]) -> float:
        return float(np.mean([right[int((rows @ fitted).argmax())] for rows, right, _ in of]))

    print(f"entries: right for the content {share(content):.3f}, for people {share(people):.3f}", flush=True)
    entries = {name: round(float(w), 4) for name, w in zip(FEATURES, fitted, strict=True)}
    print("         " + "  ".join(f"{k} {v}" for k, v in entries.items()), flush=True)
    return {"entries": entries}
