"""BM25 over short texts, with and without diacritics at once.

Every ask-able phrase of the knowledge base is one row. A query word counts by its folded form, once more by its exact
form when the person typed diacritics, and pairs of neighbouring words count as a word of their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from knowledge.text import fold, has_diacritics, same_tone_place

K1 = 0.9
B = 0.3
PAIR_WEIGHT = 0.8
EXACT_WEIGHT = 0.6

Scores = NDArray[np.float32]


def features(tokens: Sequence[str], *, exact: bool) -> list[tuple[str, float]]:
    """The terms of a text and their weights; ``exact`` adds the accented forms."""
    folded = [fold(token) for token in tokens]
    terms = [(f"f:{token}", 1.0) for token in folded]
    terms += [(f"p:{a} {b}", PAIR_WEIGHT) for a, b in pairwise(folded)]
    if exact:
        terms += [(f"a:{same_tone_place(token)}", EXACT_WEIGHT) for token in tokens if not token.isascii()]
    return terms


class Bm25:
    """An immutable index over ``rows`` of words."""

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        lengths: list[int] = []
        for number, tokens in enumerate(rows):
            lengths.append(len(tokens))
            for term, count in Counter(term for term, _ in features(tokens, exact=True)).items():
                postings[term].append((number, float(count)))
        self.size = len(lengths)
        norm = np.asarray(lengths, dtype=np.float32)
        norm = 1 - B + B * norm / max(float(norm.mean()) if self.size else 1.0, 1e-6)
        self.idf: dict[str, float] = {}
        self._postings: dict[str, tuple[NDArray[np.int32], Scores]] = {}
        for term, pairs in postings.items():
            ids = np.asarray([pair[0] for pair in pairs], dtype=np.int32)
            counts = np.asarray([pair[1] for pair in pairs], dtype=np.float32)
            idf = float(np.log1p((self.size - len(ids) + 0.5) / (len(ids) + 0.5)))
            self.idf[term] = idf
            self._postings[term] = (ids, (idf * counts * (K1 + 1) / (counts + K1 * norm[ids])).astype(np.float32))

    def scores(self, tokens: Sequence[str]) -> Scores:
        """One score a row; rows that share no word score 0."""
        total = np.zeros(self.size, dtype=np.float32)
        exact = any(has_diacritics(token) for token in tokens)
        for term, weight in features(tokens, exact=exact):
            if found := self._postings.get(term):
                total[found[0]] += weight * found[1]
        return total

    def weight(self, tokens: Sequence[str]) -> float:
        """How much the words weigh together: what a row holding all of them could score at most, roughly."""
        unknown = float(np.log1p(2 * self.size + 1))
        return float(sum(self.idf.get(f"f:{fold(token)}", unknown) for token in tokens))
