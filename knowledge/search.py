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
_SMALL = 8_000  # rows of an index that is not large
_RARE = 400  # rows a term may stand in to be looked for everywhere in a large index
_COMMON = 16  # in a small one, a term is common that stands in more rows than this, and in one of so many
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

    def terms(self) -> tuple[Numbers, Codes, Floats]:
        """Rows, codes and weights, ordered by code, then row; a term counts by the root of its times in a text."""
        written = np.asarray(self._numbers, dtype=np.int64)
        if not len(written):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        bare = np.asarray([WORDS.bare(number) for number in range(len(WORDS.words))], dtype=np.int64)[written]
        rows = np.asarray(self._rows, dtype=np.int64)
        # texts are told apart by their place in the order of the rows: then one sort brings together what is added up
        by_row = rows.argsort(kind="stable")
        place = np.empty_like(by_row)
        place[by_row] = np.arange(len(by_row))
        rows, weights = rows[by_row], np.asarray(self._weights, dtype=np.float64)[by_row]
        text = place.repeat(self._sizes)
        first = (text[:-1] == text[1:]).nonzero()[0]
        alone, pairs = np.zeros_like(written), text[first]
        found = [
            _add_up(kind, one, other, of, rows, weights)
            for kind, (one, other, of) in enumerate(
                (
                    (written, alone, text),
                    (bare, alone, text),
                    (written[first], written[first + 1], pairs),
                    (bare[first], bare[first + 1], pairs),
                )
            )
        ]
        return (
            np.concatenate([part for part, _, _ in found]), np.concatenate([codes for _, codes, _ in found]),
            np.concatenate([total for _, _, total in found]),
        )  # fmt: skip


def _starts(changes: NDArray[np.bool_]) -> Numbers:
    """Where runs of the same begin, given where a thing differs from the one before it."""
    return np.concatenate((np.zeros(1, dtype=np.int64), changes.nonzero()[0] + 1))


def _add_up(
    kind: int, first: Codes, second: Codes, text: Numbers, rows: Numbers, weights: NDArray[np.float64]
) -> tuple[Numbers, Codes, Floats]:
    """Rows, codes and weights of the terms of one kind; ``rows`` and ``weights`` are those of the texts."""
    if not len(text):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    word_bits, text_bits = len(WORDS.words).bit_length(), len(rows).bit_length()
    keys = (((first << word_bits) | second) << text_bits) | text
    keys.sort()
    at = _starts(keys[1:] != keys[:-1])
    times = np.diff(at, append=len(keys))
    keys = keys[at]
    text, keys = keys & ((1 << text_bits) - 1), keys >> text_bits
    rows, weights = rows[text], np.sqrt(times) * weights[text]
    at = _starts((keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1]))
    total = np.add.reduceat(weights, at).astype(np.float32)
    keys = keys[at]
    codes = (kind << KIND_AT) | (keys >> word_bits << FIRST_AT) | (keys & ((1 << word_bits) - 1))
    return rows[at], codes, total


class Index:
    """An immutable index over ``size`` rows of weighted terms.

    Rare terms have postings. Common ones are added up row by row: in a small index each has the impacts of all rows,
    in a large one, of more than ``small`` rows, each row has the impacts of its common terms.
    """

    def __init__(self, texts: TextCollector, size: int, *, small: int = _SMALL) -> None:
        self.size = size
        self.is_large = size > small
        rows, codes, counts = texts.terms()
        starts = _starts(codes[1:] != codes[:-1]) if len(codes) else np.zeros(0, dtype=np.int64)
        document_counts = np.diff(starts, append=len(codes))
        self.codes = codes[starts]
        lengths = np.bincount(rows, weights=counts, minlength=max(size, 1))
        norm = (1 - B + B * lengths / max(float(lengths.mean()), 1e-6)).astype(np.float32)
        self.idf = np.log1p((size - document_counts + 0.5) / (document_counts + 0.5)).astype(np.float32)
        self._weight = self.idf * KIND_WEIGHTS[self.codes >> KIND_AT]
        impacts = counts * (K1 + 1) / (counts + K1 * norm[rows])
        impacts = (self._weight.repeat(document_counts) * impacts).astype(np.float32)
        self._unknown = float(np.log1p(2 * size + 1)) if size else 1.0
        common = document_counts > (_RARE if self.is_large else max(_COMMON, size / _COMMON))
        self._common_at = np.where(common, np.cumsum(common) - 1, -1)
        self._common_count = int(common.sum())
        is_common = common.repeat(document_counts)
        columns = self._common_at.repeat(document_counts)[is_common]
        if self.is_large:
            self._build_forward(rows[is_common], columns, impacts[is_common])
        else:
            self._full = np.zeros((self._common_count, size), dtype=np.float32)
            self._full[columns, rows[is_common]] = impacts[is_common]
        self._starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.where(common, 0, document_counts))))
        self._rows, self._impacts = rows[~is_common].astype(np.int32), impacts[~is_common]

    def _build_forward(self, rows: Numbers, columns: Numbers, impacts: Floats) -> None:
        """The common terms of each row, one row after the other."""
        # one more of no impact for every row, so that none is empty
        rows = np.concatenate((rows, np.arange(self.size)))
        bits = len(rows).bit_length()
        order = (rows << bits) | np.arange(len(rows))
        order.sort()
        order &= (1 << bits) - 1
        self._row_starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.bincount(rows, minlength=self.size))))
        self._columns = np.concatenate((columns, np.zeros(self.size, np.int64)))[order].astype(np.int32)
        self._row_impacts = np.concatenate((impacts, np.zeros(self.size, np.float32)))[order]

    def scores(self, features: Features, ranges: Sequence[tuple[int, int]] | None = None) -> Floats:
        """One score a row, as the share of what a row holding every term of the message would get at about.

        Args:
            features: The message.
            ranges: In a large index, the rows where every term counts; elsewhere only rare ones do.
        """
        at, known = positions(self.codes, features.codes)
        bare = known[features.bare]
        missed = len(bare) - np.count_nonzero(bare) + features.unknown
        most = missed * self._unknown * float(KIND_WEIGHTS[1])
        at, values = at[known], features.values[known]
        if not len(at):
            return np.zeros(self.size, dtype=np.float32)
        most += float(values @ self._weight.take(at))
        values /= np.float32(max(most, 1e-6))
        columns = self._common_at.take(at)
        common = columns >= 0
        if self.is_large:
            total = self._common_near(columns[common], values[common], ranges or ((0, self.size),))
        else:
            total = values[common] @ self._full.take(columns[common], axis=0)
        rare = ~common
        at, values = at[rare], values[rare]
        if len(at):
            starts = self._starts.take(at)
            sizes = self._starts.take(at + 1) - starts
            ends = sizes.cumsum()
            where = np.arange(ends[-1]) + (starts - ends + sizes).repeat(sizes)
            np.add.at(total, self._rows.take(where), self._impacts.take(where) * values.repeat(sizes))
        return total

    def _common_near(self, columns: Numbers, values: Floats, ranges: Sequence[tuple[int, int]]) -> Floats:
        """What common terms add to the rows of ``ranges``."""
        total = np.zeros(self.size, dtype=np.float32)
        weights = np.zeros(self._common_count, dtype=np.float32)
        weights[columns] = values
        for first, last in ranges:
            if last > first:
                starts = self._row_starts[first : last + 1]
                held = slice(int(starts[0]), int(starts[-1]))
                products = weights.take(self._columns[held]) * self._row_impacts[held]
                np.add.reduceat(products, starts[:-1] - starts[0], out=total[first:last])
        return total

    def rarity(self, words: Sequence[str]) -> Floats:
        """The inverse document frequency of words as written; high for one the index lacks."""
        return self.rarity_of(np.asarray([max(WORDS.find(word), 0) << FIRST_AT for word in words], dtype=np.int64))

    def rarity_of(self, codes: Codes) -> Floats:
        """The inverse document frequency of terms; high for one the index lacks."""
        at, known = positions(self.codes, codes)
        result: Floats = np.where(known, self.idf[at] if len(self.idf) else 0.0, self._unknown).astype(np.float32)
        return result
