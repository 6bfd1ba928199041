"""A small network beside the regressions: one hidden layer over the shared table of features, a softmax a task.

Half of the words of a text are left out at random whenever it is learnt from, so that no single word decides: what a
person tells in words of their own is then read better than by a regression, and the two together better than by either
(docs/decisions/0008).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

HIDDEN = 96
_EPOCHS = 8
_BATCH = 512
_RATE = 1e-2
_WARM_UP = 100  # batches until the full rate
_LEFT_OUT, _HIDDEN_LEFT_OUT = 0.5, 0.2
_BEGIN = 0.03  # spread of the weights at the beginning
_MOMENT, _SQUARES, _EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Targets:
    """What one task wants of rows of the matrix: a class each, how much it counts, and the task's share of the loss."""

    rows: Numbers
    labels: Numbers
    weights: Floats
    classes: int
    share: float


@dataclass(frozen=True)
class Network:
    """Weights of the hidden layer (terms × hidden) and of the softmaxes (hidden × all classes), each with its bias."""

    first: Floats
    first_bias: Floats
    top: Floats
    top_bias: Floats


class _Adam:
    """Adam (Kingma and Ba, 2015) for one array; of a large one only the rows that a batch touches."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._moment, self._squares = np.zeros_like(values), np.zeros_like(values)

    def step(self, gradient: Floats, at: Numbers | slice, rate: float, count: int) -> None:
        moment = _MOMENT * self._moment[at] + (1 - _MOMENT) * gradient
        squares = _SQUARES * self._squares[at] + (1 - _SQUARES) * gradient * gradient
        self._moment[at], self._squares[at] = moment, squares
        rate *= np.sqrt(1 - _SQUARES**count) / (1 - _MOMENT**count)
        self.values[at] -= (rate * moment / (np.sqrt(squares) + _EPSILON)).astype(np.float32)


def _wanted(tasks: Sequence[Targets]) -> tuple[Numbers, Floats, Floats]:
    """Each row once: its share of every class of every task, and how much it counts for each task."""
    rows = np.unique(np.concatenate([task.rows for task in tasks]))
    parts, counts = [], []
    for task in tasks:
        part = np.zeros((len(rows), task.classes), dtype=np.float32)
        np.add.at(part, (rows.searchsorted(task.rows), task.labels), task.weights)
        count = part.sum(axis=1)
        parts.append(part / np.maximum(count, 1e-9)[:, None])
        counts.append(task.share * count / count.mean())
    return rows, np.concatenate(parts, axis=1), np.stack(counts, axis=1)


def train_network(matrix: sparse.csr_matrix, tasks: Sequence[Targets], *, seed: int = 0, name: str = "") -> Network:
    """Fit by Adam in batches, with the rate falling to nought; the same data give the same network.

    Args:
        matrix: Texts × terms.
        tasks: What is wanted of which texts; a text may serve several tasks.
        seed: For the beginning, the order and what is left out.
        name: For the progress bar.
    """
    rng = np.random.default_rng(seed)
    rows, wanted, counts = _wanted(tasks)
    texts = matrix[rows].astype(np.float32)
    ends = np.cumsum([0, *(task.classes for task in tasks)])
    begin = (rng.normal(size=(matrix.shape[1], HIDDEN)) * _BEGIN).astype(np.float32)
    top = (rng.normal(size=(HIDDEN, ends[-1])) / np.sqrt(HIDDEN)).astype(np.float32)
    first, above = _Adam(begin), _Adam(top)
    first_bias, above_bias = _Adam(np.zeros(HIDDEN, np.float32)), _Adam(np.zeros(ends[-1], np.float32))
    batches = len(rows) // _BATCH
    total = _EPOCHS * batches
    everything = slice(None)
    done = 0
    with tqdm(total=total, desc=f"{name}: network", disable=not sys.stderr.isatty()) as bar:
        for _ in range(_EPOCHS):
            order = rng.permutation(len(rows))
            for batch in range(batches):
                chosen = order[batch * _BATCH : (batch + 1) * _BATCH]
                found = texts[chosen]
                values = found.data * _kept(rng, found.data.shape, _LEFT_OUT)
                terms, places = np.unique(found.indices, return_inverse=True)
                some = sparse.csr_matrix((values, places, found.indptr), shape=(len(chosen), len(terms)))
                sums = some @ first.values[terms] + first_bias.values
                passed = (sums > 0) * _kept(rng, sums.shape, _HIDDEN_LEFT_OUT)
                hidden = sums * passed
                scores = hidden @ above.values + above_bias.values
                pull = np.empty_like(scores)
                for task, (start, end) in enumerate(pairwise(ends)):
                    odds = np.exp(scores[:, start:end] - scores[:, start:end].max(axis=1, keepdims=True))
                    odds /= odds.sum(axis=1, keepdims=True)
                    pull[:, start:end] = counts[chosen, task, None] * (odds - wanted[chosen, start:end]) / _BATCH
                below = (pull @ above.values.T) * passed
                done += 1
                rate = _RATE * min(1.0, done / _WARM_UP) * (1 - done / (total + 1))
                above.step(hidden.T @ pull, everything, rate, done)
                above_bias.step(pull.sum(axis=0), everything, rate, done)
                first_bias.step(below.sum(axis=0), everything, rate, done)
                first.step(some.T @ below, terms, rate, done)
                bar.update()
    return Network(first.values, first_bias.values, above.values, above_bias.values)


def _kept(rng: np.random.Generator, shape: tuple[int, ...], left_out: float) -> Floats:
    """Nought for what is left out; the others stand in for it."""
    return (rng.random(shape, dtype=np.float32) >= left_out) * np.float32(1 / (1 - left_out))
