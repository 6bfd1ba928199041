"""Classifiers trained by ``make train`` and run here from plain arrays: no training library in the service.

A regression and a small network give two opinions, and their mean counts. All share one table of features, so that a
message is looked up once for its topic, its facet and whether it is ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.features import WORDS, Codes, Features, positions

WEIGHTS_FILE = Path(__file__).with_name("weights") / "classifiers.npz"
CHARACTER_SHARE = 0.7  # length of the vector of characters beside that of the words

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """The features the classifiers know: codes of words and pairs, codes of runs of characters, and what each weighs.

    ``codes`` and ``characters`` ascend; ``idf`` holds the words first, then the characters.
    """

    codes: Codes
    characters: Codes
    idf: Floats

    def vector(self, features: Features) -> tuple[NDArray[np.int64], Floats]:
        """Rows and values of a message: words and characters each of their own length."""
        at, known = positions(self.codes, features.codes)
        at = at[known]
        words = features.values[known] * self.idf.take(at)
        words /= max(math.sqrt(words @ words), 1e-9)
        runs, known = positions(self.characters, features.characters)
        runs = runs[known] + len(self.codes)
        characters = self.idf.take(runs)
        characters *= CHARACTER_SHARE / max(math.sqrt(characters @ characters), 1e-9)
        return np.concatenate((at, runs)), np.concatenate((words, characters))


@dataclass(frozen=True)
class Head:
    """One classifier: the names of its classes and the columns of the shared matrix they stand in."""

    classes: tuple[str, ...]
    start: int

    @property
    def columns(self) -> slice:
        """Where its scores stand."""
        return slice(self.start, self.start + len(self.classes))


@dataclass(frozen=True)
class Trained:
    """All trained classifiers, the parameters fitted with them, and the hash of the content they were trained on.

    ``weights`` are features × columns in 8-bit steps of ``scale`` per column: the columns of the heads, then those of
    the hidden layer of the network, which ``top`` (hidden × columns of the heads) turns into scores of its own.
    """

    heads: dict[str, Head]
    table: Table
    weights: NDArray[np.int8]
    scale: Floats
    bias: Floats
    top: Floats
    top_bias: Floats
    fitted: dict[str, Any]
    content_hash: str | None

    def scores(self, features: Features) -> Floats:
        """One unnormalised log-probability a column."""
        rows, values = self.table.vector(features)
        sums = (values @ self.weights.take(rows, axis=0).astype(np.float32)) * self.scale + self.bias
        direct, hidden = sums[: len(self.top_bias)], sums[len(self.top_bias) :]
        result: Floats = (direct + np.maximum(hidden, 0.0) @ self.top + self.top_bias) / 2
        return result

    def without_classifiers(self) -> Trained:
        """The fitted parameters alone: what content that no classifier has seen is found by."""
        return replace(self, heads={})


def log_softmax(scores: Floats) -> Floats:
    """Scores as log-probabilities."""
    shifted = scores - scores.max()
    result: Floats = shifted - np.log(np.exp(shifted).sum())
    return result


def untrained() -> Trained:
    """No classifiers at all."""
    none, flat = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    empty = np.zeros((0, 0), dtype=np.float32)
    return Trained({}, Table(none, none, flat), empty.astype(np.int8), flat, flat, empty, flat, {}, None)


def save_trained(path: Path, trained: Trained) -> None:
    """Write the models; the same models always give the same bytes."""
    table = trained.table
    terms = [WORDS.term(int(code)) for code in table.codes]
    order = np.asarray(sorted(range(len(terms)), key=terms.__getitem__), dtype=np.int64)
    rows = np.concatenate((order, np.arange(len(terms), len(terms) + len(table.characters))))
    head = {
        "content_hash": trained.content_hash, "fitted": trained.fitted,
        "heads": {name: [model.start, model.classes] for name, model in trained.heads.items()},
    }  # fmt: skip
    arrays: dict[str, Any] = {
        "head": np.frombuffer(json.dumps(head, sort_keys=True, ensure_ascii=False).encode(), dtype=np.uint8),
        "terms": np.frombuffer("\n".join(terms[row] for row in order).encode(), dtype=np.uint8),
        "characters": table.characters.astype(np.int32),
        "idf": table.idf[rows].astype(np.float16),
        "weights": trained.weights[rows],
        "scale": trained.scale.astype(np.float32),
        "bias": trained.bias.astype(np.float32),
        "top": trained.top.astype(np.float16),
        "top_bias": trained.top_bias.astype(np.float32),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def read_trained(path: Path) -> Trained:
    """The models of a file; none where there is no file."""
    if not path.exists():
        return untrained()
    with np.load(path) as arrays:
        if "top" not in arrays:
            return untrained()
        head = json.loads(arrays["head"].tobytes())
        codes = _codes(arrays["terms"].tobytes().decode().split("\n"))
        order = np.argsort(codes)
        rows = np.concatenate((order, np.arange(len(codes), len(codes) + len(arrays["characters"]))))
        table = Table(codes[order], arrays["characters"].astype(np.int64), arrays["idf"].astype(np.float32)[rows])
        return Trained(
            heads={name: Head(tuple(classes), start) for name, (start, classes) in head["heads"].items()},
            table=table, weights=arrays["weights"][rows], scale=arrays["scale"], bias=arrays["bias"],
            top=arrays["top"].astype(np.float32), top_bias=arrays["top_bias"],
            fitted=head["fitted"], content_hash=head["content_hash"],
        )  # fmt: skip


def _codes(terms: Sequence[str]) -> Codes:
    return np.asarray([WORDS.code(term) for term in terms], dtype=np.int64)


@cache
def load_trained() -> Trained:
    """The committed models, read once."""
    return read_trained(WEIGHTS_FILE)
