"""BM25 over many short texts at once, in a few flat arrays: quick to build, a single pass to ask.

The terms are the codes of ``features``: words and pairs, with diacritics and without. A term with diacritics counts
beside its bare form, so that an exact match beats a folded twin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from knowledge.features import FIRST_AT, KIND_AT, WORDS, Codes, Features, positions

K1 = 1.1
B = 0.35
_RARE = 400  # rows a term may stand in to be looked for everywhere
# what a term of each kind counts: a word with and without diacritics, a pair with and without
KIND_WEIGHTS = np.asarray([0.6, 0.6, 0.45, 0.45], dtype=np.float32)

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


class TextCollector:
    """Gathers texts for the rows of an index; a text said twice is cut into terms once."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._sizes: list[int] = []
        self._weights: list[float] = []
        self._rows: list[int] = []

    def add(self, row: int, words: Iterable[str], weight: float = 1.0) -> None:
        """Add a text to a row."""
        intern = WORDS.intern
        before = len(self._numbers)
        self._numbers += [intern(word) for word in words]
        self._sizes.append(len(self._numbers) - before)
        self._weights.append(weight)
        self._rows.append(row)

    def terms(self, size: int) -> tuple[Numbers, Codes, Floats]:
        """Rows, codes and weights, ordered by code, then row; a term counts by the root of its times in a text."""
        written = np.asarray(self._numbers, dtype=np.int64)
        if not len(written):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        bare_of = np.asarray([WORDS.bare(number) for number in range(len(WORDS.words))], dtype=np.int64)
        bare = bare_of[written]
        text = np.repeat(np.arange(len(self._sizes)), self._sizes)
        pair = text[:-1] == text[1:]
        first, second = np.flatnonzero(pair), np.flatnonzero(pair) + 1
        codes = np.concatenate(
            (
                written << FIRST_AT,
                (1 << KIND_AT) | (bare << FIRST_AT),
                (2 << KIND_AT) | (written[first] << FIRST_AT) | written[second],
                (3 << KIND_AT) | (bare[first] << FIRST_AT) | bare[second],
            )
        )
        texts = np.concatenate((text, text, text[first], text[first]))
        distinct, codes = np.unique(codes, return_inverse=True)
        keys, counts = np.unique(codes * len(self._sizes) + texts, return_counts=True)
        codes, texts = np.divmod(keys, len(self._sizes))
        weights = np.sqrt(counts) * np.asarray(self._weights)[texts]
        rows = np.asarray(self._rows, dtype=np.int64)[texts]
        keys, inverse = np.unique(codes * size + rows, return_inverse=True)
        total = np.bincount(inverse, weights=weights).astype(np.float32)
        codes, rows = np.divmod(keys, size)
        return rows, distinct[codes], total


class Index:
    """An immutable index over ``size`` rows of weighted terms."""

    def __init__(self, texts: TextCollector, size: int) -> None:
        self.size = size
        rows, codes, counts = texts.terms(max(size, 1))
        self.codes, starts, document_counts = np.unique(codes, return_index=True, return_counts=True)
        self._starts = np.append(starts, len(codes)).astype(np.int64)
        self._rows = rows.astype(np.int32)
        lengths = np.bincount(rows, weights=counts, minlength=max(size, 1))
        norm = (1 - B + B * lengths / max(float(lengths.mean()), 1e-6)).astype(np.float32)
        self.idf = np.log1p((size - document_counts + 0.5) / (document_counts + 0.5)).astype(np.float32)
        self._weight = self.idf * KIND_WEIGHTS[self.codes >> KIND_AT]
        impacts = counts * (K1 + 1) / (counts + K1 * norm[rows])
        self._impacts = (np.repeat(self._weight, document_counts) * impacts).astype(np.float32)
        self._unknown = float(np.log1p(2 * size + 1)) if size else 1.0

    def scores(self, features: Features) -> tuple[Floats, float]:
        """One score a row, and what a row holding every term of the message would get at about."""
        at, known = positions(self.codes, features.codes)
        missed = int(((features.codes[~known] >> KIND_AT) == 1).sum()) + features.unknown
        most = missed * self._unknown * float(KIND_WEIGHTS[1])
        at, values = at[known], features.values[known]
        if not len(at):
            return np.zeros(self.size, dtype=np.float32), most
        most += float(values @ self._weight[at])
        starts = self._starts[at]
        sizes = self._starts[at + 1] - starts
        ends = np.cumsum(sizes)
        where = np.arange(ends[-1]) + np.repeat(starts - ends + sizes, sizes)
        total = np.bincount(
            self._rows[where], weights=self._impacts[where] * np.repeat(values, sizes), minlength=self.size
        )
        return total.astype(np.float32), most

    def scores_near(self, features: Features, ranges: Sequence[tuple[int, int]]) -> tuple[Floats, float]:
        """As ``scores``, for an index of very many rows: every term within ``ranges`` of rows, rare terms anywhere."""
        at, known = positions(self.codes, features.codes)
        missed = int(((features.codes[~known] >> KIND_AT) == 1).sum()) + features.unknown
        most = missed * self._unknown * float(KIND_WEIGHTS[1])
        at, values = at[known], features.values[known]
        total = np.zeros(self.size, dtype=np.float32)
        if not len(at):
            return total, most
        most += float(values @ self._weight[at])
        bounds = np.asarray(ranges, dtype=np.int32).ravel()
        for term, value in zip(at.tolist(), values.tolist(), strict=True):
            start, end = int(self._starts[term]), int(self._starts[term + 1])
            if end - start <= _RARE:
                total[self._rows[start:end]] += self._impacts[start:end] * value
                continue
            cuts = np.searchsorted(self._rows[start:end], bounds) + start
            for first, last in cuts.reshape(-1, 2).tolist():
                if last > first:
                    total[self._rows[first:last]] += self._impacts[first:last] * value
        return total, most

    def rarity(self, words: Sequence[str]) -> Floats:
        """The inverse document frequency of words as written; high for one the index lacks."""
        return self.rarity_of(np.asarray([max(WORDS.find(word), 0) << FIRST_AT for word in words], dtype=np.int64))

    def rarity_of(self, codes: Codes) -> Floats:
        """The inverse document frequency of terms; high for one the index lacks."""
        at, known = positions(self.codes, codes)
        result: Floats = np.where(known, self.idf[at] if len(self.idf) else 0.0, self._unknown).astype(np.float32)
        return result
