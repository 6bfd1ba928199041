"""``make train``: the language model, the topic and facet classifiers and what is fitted on top, reproducibly.

Learns from the content files, the data files of ``knowledge/`` and ``benchmark/fit`` (with ``EVAL_DIR`` also its
``more-*`` sets, for the weights of the fusion only). Writes ``knowledge/weights/``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from tqdm import tqdm

from benchmark.train_data import Example, count_language, facet_examples, topic_examples
from benchmark.train_entries import train_entries
from benchmark.train_fusion import train_fusion
from knowledge.base import KnowledgeBase
from knowledge.classifier import WEIGHTS_FILE, LinearModel, read_models, save_models
from knowledge.features import facet_features, topic_features
from knowledge.leave_one_out import content_hash
from knowledge.loader import load_content
from knowledge.reading import forget_readings, read
from knowledge.spelling import LANGUAGE_FILE

Groups = tuple[dict[str, float], ...]


def _log(message: str) -> None:
    print(message, flush=True)


def fit_linear(
    examples: Sequence[Example], features: object, *, character_share: float, most: int, iterations: int, decay: float,
    name: str,
) -> LinearModel:  # fmt: skip
    """A softmax regression over the features of ``examples``, in 8-bit weights.

    Args:
        examples: Texts with labels and weights.
        features: From a reading to groups of features.
        character_share: Length of the character group beside the words' 1.0.
        decay: Strength of the pull of the weights to nought.
        most: How many features to keep, by the norm of their weights.
        iterations: Of L-BFGS.
        name: For the progress bar.
    """
    assert callable(features)
    groups: list[Groups] = [
        features(read(example.text))
        for example in tqdm(examples, desc=f"{name}: features", disable=not sys.stderr.isatty())
    ]
    counts: Counter[str] = Counter()
    for group in groups:
        for terms in group:
            counts.update(terms.keys())
    vocabulary = {term: row for row, term in enumerate(sorted(term for term, n in counts.items() if n >= 3))}
    idf = np.ones(len(vocabulary), dtype=np.float32)
    for term, row in vocabulary.items():
        idf[row] = np.log((1 + len(groups)) / (1 + counts[term])) + 1
    classes = tuple(sorted({example.label for example in examples}))
    draft = LinearModel(
        classes, vocabulary, idf, np.zeros((0, 0), np.int8), np.zeros(0, np.float32), np.zeros(0, np.float32),
        character_share,
    )  # fmt: skip
    indptr, indices, values = [0], [], []
    for group in groups:
        rows, data = draft.vector(group)
        indices.append(rows)
        values.append(data)
        indptr.append(indptr[-1] + len(rows))
    matrix = sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(indices), np.asarray(indptr)), shape=(len(groups), len(vocabulary))
    )
    labels = np.asarray([classes.index(example.label) for example in examples])
    weights = np.asarray([example.weight for example in examples], dtype=np.float32)
    started = time.perf_counter()
    dense, bias = _softmax_regression(
        matrix, labels, weights, len(classes), iterations=iterations, decay=decay, name=name
    )
    keep = np.sort(np.argsort(-np.linalg.norm(dense, axis=1) * np.sqrt(idf))[:most])
    terms = sorted(vocabulary, key=vocabulary.__getitem__)
    dense = dense[keep]
    scale = np.abs(dense).max(axis=0) / 127
    _log(
        f"{name}: {matrix.shape[0]} examples, {matrix.shape[1]} features, kept {len(keep)},"
        f" {time.perf_counter() - started:.0f} s"
    )
    return LinearModel(
        classes=classes, vocabulary={terms[row]: i for i, row in enumerate(keep)}, idf=idf[keep],
        weights=np.rint(dense / scale).astype(np.int8), scale=scale.astype(np.float32),
        bias=bias, character_share=character_share,
    )  # fmt: skip


def _softmax_regression(
    matrix: sparse.csr_matrix,
    labels: np.ndarray,
    weights: np.ndarray,
    classes: int,
    *,
    iterations: int,
    decay: float,
    name: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Softmax regression with an L2 penalty of ``decay``, by L-BFGS in single precision: minutes, and repeatable."""
    count, width = matrix.shape
    forward, backward = matrix.astype(np.float32), matrix.T.tocsr().astype(np.float32)
    share = (weights / weights.sum()).astype(np.float32)
    rows = np.arange(count)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat[: width * classes].reshape(width, classes).astype(np.float32)
        bias = flat[width * classes :].astype(np.float32)
        scores = forward @ theta + bias
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        total = odds.sum(axis=1)
        value = float((share * (np.log(total) - scores[rows, labels])).sum()) + 0.5 * decay * float(
            (theta * theta).sum()
        )
        odds /= total[:, None]
        odds[rows, labels] -= 1
        odds *= share[:, None]
        gradient = np.concatenate([(backward @ odds + decay * theta).ravel(), odds.sum(axis=0)])
        return value, gradient.astype(np.float64)

    with tqdm(total=iterations, desc=f"{name}: fitting", disable=not sys.stderr.isatty()) as bar:
        found = minimize(
            loss, np.zeros((width + 1) * classes), jac=True, method="L-BFGS-B", callback=lambda _: bar.update(),
            options={"maxiter": iterations, "maxcor": 6},
        )  # fmt: skip
    flat = found.x.astype(np.float32)
    return flat[: width * classes].reshape(width, classes), flat[width * classes :]


def train_language(knowledge: KnowledgeBase) -> None:
    """Count the language model and write it."""
    language = count_language(knowledge)
    LANGUAGE_FILE.parent.mkdir(exist_ok=True)
    LANGUAGE_FILE.write_text(language.to_json() + "\n", encoding="utf-8")
    _log(
        f"language: {len(language.words)} words, {len(language.pairs)} pairs,"
        f" {LANGUAGE_FILE.stat().st_size / 1e6:.2f} MB"
    )


def train_classifiers(knowledge: KnowledgeBase) -> None:
    """Train both classifiers and write them beside the parameters fitted before."""
    topics = fit_linear(
        topic_examples(knowledge),
        topic_features,
        character_share=0.7,
        most=40_000,
        iterations=70,
        decay=2e-6,
        name="topics",
    )
    facets = fit_linear(
        facet_examples(knowledge),
        facet_features,
        character_share=0.5,
        most=20_000,
        iterations=70,
        decay=1.2e-5,
        name="facets",
    )
    fitted = read_models(WEIGHTS_FILE).fitted
    save_models(WEIGHTS_FILE, {"topics": topics, "facets": facets}, fitted=fitted, content_hash=content_hash(knowledge))
    _log(f"classifiers: {WEIGHTS_FILE.stat().st_size / 1e6:.2f} MB")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages, each on what the ones before it wrote."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.train", description=__doc__)
    stages = ["language", "classifiers", "fusion", "entries"]
    parser.add_argument("--stage", choices=stages, action="append", help="only these stages")
    arguments = parser.parse_args(argv)
    chosen = arguments.stage or stages
    knowledge = KnowledgeBase(load_content().records)
    if "language" in chosen:
        train_language(knowledge)
        forget_readings()
    if "classifiers" in chosen:
        train_classifiers(knowledge)
    if "fusion" in chosen:
        train_fusion(knowledge)
    if "entries" in chosen:
        train_entries(knowledge)
    return 0


if __name__ == "__main__":
    sys.exit(main())
