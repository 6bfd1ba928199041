"""BM25 over many short texts at once, in three flat arrays: quick to build, a single pass to ask.

The terms are those of ``features.word_features``: words and pairs, with diacritics and without. A term with diacritics
counts beside its bare form, so that an exact match beats a folded twin.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

K1 = 1.1
B = 0.35
# what a term of each kind counts: a word with and without diacritics, a pair with and without
KIND_WEIGHTS = {"w": 0.6, "u": 0.6, "b": 0.45, "v": 0.45}

Floats = NDArray[np.float32]
_DENSE_ROWS = 200  # up to so many rows the whole index is a matrix; beyond, lists of rows by term


class Index:
    """An immutable index over rows of weighted terms."""

    def __init__(self, rows: Iterable[Mapping[str, float]], *, lengths: Sequence[float] | None = None) -> None:
        self._terms: dict[str, int] = {}
        terms, texts, counts, sizes = array("i"), array("i"), array("f"), array("f")
        lookup = self._terms
        number = -1
        for number, row in enumerate(rows):
            size = 0.0
            for term, count in row.items():
                terms.append(lookup.setdefault(term, len(lookup)))
                texts.append(number)
                counts.append(count)
                size += count
            sizes.append(size)
        self.size = number + 1
        count_of_terms = len(lookup)
        term_ids = np.frombuffer(terms, dtype=np.int32) if terms else np.zeros(0, dtype=np.int32)
        order = np.argsort(term_ids, kind="stable")
        self._rows = np.asarray(texts, dtype=np.int32)[order]
        values = np.asarray(counts, dtype=np.float32)[order]
        document_counts = np.bincount(term_ids, minlength=count_of_terms)
        self._starts = np.concatenate(([0], np.cumsum(document_counts))).astype(np.int64)
        norm = np.asarray(lengths if lengths is not None else sizes, dtype=np.float32)
        norm = 1 - B + B * norm / max(float(norm.mean()) if self.size else 1.0, 1e-6)
        self.idf = np.log1p((self.size - document_counts + 0.5) / (document_counts + 0.5)).astype(np.float32)
        kinds = np.asarray([KIND_WEIGHTS.get(term[0], 0.5) for term in lookup], dtype=np.float32)
        self._weight = self.idf * kinds
        repeated = np.repeat(self._weight, document_counts)
        self._impacts = (repeated * values * (K1 + 1) / (values + K1 * norm[self._rows])).astype(np.float32)
        self._dense = self._as_matrix(count_of_terms) if self.size <= _DENSE_ROWS else None
        self._unknown = float(np.log1p(2 * self.size + 1)) if self.size else 1.0

    def _as_matrix(self, count_of_terms: int) -> NDArray[np.float16]:
        """Terms × rows: where there are few rows, a query is one small product."""
        matrix = np.zeros((count_of_terms, self.size), dtype=np.float16)
        terms = np.repeat(np.arange(count_of_terms), np.diff(self._starts))
        matrix[terms, self._rows] = self._impacts
        return matrix

    def scores(self, query: Mapping[str, float], *, least_weight: float = 0.0) -> tuple[Floats, float]:
        """One score a row, and what a row holding every term of the query would get at about.

        Terms that weigh less than ``least_weight`` (in nearly every row) are left out.
        """
        most = 0.0
        find = self._terms.get
        if self._dense is not None:
            found = [(number, count) for term, count in query.items() if (number := find(term)) is not None]
            most = sum(count for term, count in query.items() if term[0] == "u" and term not in self._terms)
            most *= self._unknown * KIND_WEIGHTS["u"]
            if not found:
                return np.zeros(self.size, dtype=np.float32), most
            numbers = [number for number, _ in found]
            counts = np.asarray([count for _, count in found], dtype=np.float32)
            return counts @ self._dense[numbers].astype(np.float32), most + float(counts @ self._weight[numbers])
        rows: list[NDArray[np.int32]] = []
        impacts: list[Floats] = []
        starts, weights = self._starts, self._weight
        for term, count in query.items():
            number = find(term)
            if number is None:
                if term[0] == "u":
                    most += count * self._unknown * 0.6
                continue
            weight = float(weights[number])
            most += count * weight
            if weight < least_weight:
                continue
            start, end = starts[number], starts[number + 1]
            rows.append(self._rows[start:end])
            impacts.append(self._impacts[start:end] * count if count != 1.0 else self._impacts[start:end])
        if not rows:
            return np.zeros(self.size, dtype=np.float32), most
        total = np.bincount(np.concatenate(rows), weights=np.concatenate(impacts), minlength=self.size)
        return total.astype(np.float32), most

    def rarity(self, term: str) -> float:
        """The inverse document frequency of a term; high for a term the index lacks."""
        number = self._terms.get(term)
        return self._unknown if number is None else float(self.idf[number])
