"""Softmax regressions over the shared table of features: built once, solved in minutes, the same every time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from tqdm import tqdm

from knowledge.classifier import Table
from knowledge.features import WORDS, Features, reading_features
from knowledge.reading import read

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


def look_at(texts: Sequence[str], name: str) -> list[Features]:
    """The features of texts; their words are given numbers first."""
    readings = [read(text) for text in tqdm(texts, desc=f"{name}: reading", disable=not sys.stderr.isatty())]
    for reading in readings:
        for word in reading.everything:
            WORDS.intern(word)
    return [reading_features(reading) for reading in readings]


def make_table(features: Sequence[Features], *, least: int) -> Table:
    """The terms that at least ``least`` texts hold, with their inverse document frequency."""
    parts = []
    for found in (
        np.concatenate([f.codes for f in features]), np.concatenate([f.characters for f in features]),
    ):  # fmt: skip
        distinct, counts = np.unique(found, return_counts=True)
        keep = counts >= least
        idf = np.log((1 + len(features)) / (1 + counts[keep])) + 1
        parts.append((distinct[keep], idf.astype(np.float32)))
    return Table(parts[0][0], parts[1][0], np.concatenate((parts[0][1], parts[1][1])))


def matrix_of(table: Table, features: Sequence[Features]) -> sparse.csr_matrix:
    """Texts × terms."""
    indptr, indices, values = [0], [], []
    for found in features:
        rows, data = table.vector(found)
        indices.append(rows.astype(np.int32))
        values.append(data)
        indptr.append(indptr[-1] + len(rows))
    return sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(indices), np.asarray(indptr)), shape=(len(features), len(table.idf))
    )


@dataclass(frozen=True)
class Solution:
    """Weights (terms × classes) and one bias a class."""

    weights: Floats
    bias: Floats


def solve(
    matrix: sparse.csr_matrix, labels: Numbers, weights: Floats, classes: int, *, iterations: int, decay: float,
    start: Solution | None = None, name: str = "",
) -> Solution:  # fmt: skip
    """Softmax regression by L-BFGS in single precision.

    Args:
        matrix: Texts × terms.
        labels: The class of each text.
        weights: How much each text counts.
        classes: How many classes there are.
        iterations: At most so many.
        decay: Strength of the pull of the weights to ``start``, to nought where there is none.
        start: Where to begin.
        name: For the progress bar.
    """
    count, width = matrix.shape
    forward = matrix.astype(np.float32)
    backward = forward.T.tocsr()
    share = (weights / weights.sum()).astype(np.float32)
    rows = np.arange(count)
    begun = start.weights if start else np.zeros((width, classes), dtype=np.float32)
    begun_bias = start.bias if start else np.zeros(classes, dtype=np.float32)

    def loss(flat: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        moved = flat[: width * classes].reshape(width, classes).astype(np.float32)
        scores = forward @ (begun + moved) + (begun_bias + flat[width * classes :].astype(np.float32))
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        total = odds.sum(axis=1)
        value = float((share * (np.log(total) - scores[rows, labels])).sum())
        value += 0.5 * decay * float((moved * moved).sum())
        odds /= total[:, None]
        odds[rows, labels] -= 1
        odds *= share[:, None]
        gradient = np.concatenate([(backward @ odds + decay * moved).ravel(), odds.sum(axis=0)])
        return value, gradient.astype(np.float64)

    with tqdm(total=iterations, desc=f"{name}: fitting", disable=not sys.stderr.isatty()) as bar:
        found = minimize(
            loss, np.zeros((width + 1) * classes), jac=True, method="L-BFGS-B", callback=lambda _: bar.update(),
            options={"maxiter": iterations, "maxcor": 6},
        )  # fmt: skip
    flat = found.x.astype(np.float32)
    return Solution(begun + flat[: width * classes].reshape(width, classes), begun_bias + flat[width * classes :])
