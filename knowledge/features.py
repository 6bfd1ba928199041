"""The features of a reading that the classifiers weigh; the same code in training and in the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from knowledge.reading import Reading
from knowledge.text import fold

BESIDE = 0.5  # what a word looked up beside counts, against one that was typed
_MAX_CHARACTERS = 420


def word_features(words: Sequence[str], beside: Sequence[str] = ()) -> dict[str, float]:
    """Words and pairs with diacritics (``w:``, ``b:``) and without (``u:``, ``v:``)."""
    folded = [fold(word) for word in words]
    found: Counter[str] = Counter()
    for word, bare in zip(words, folded, strict=True):
        found[f"w:{word}"] += 1
        found[f"u:{bare}"] += 1
    for left, right in pairwise(words):
        found[f"b:{left} {right}"] += 1
    for left, right in pairwise(folded):
        found[f"v:{left} {right}"] += 1
    result = {term: float(count) ** 0.5 for term, count in found.items()}
    for word in beside:
        for term in (f"w:{word}", f"u:{fold(word)}"):
            result.setdefault(term, BESIDE)
    for left, right in pairwise(beside):
        for term in (f"b:{left} {right}", f"v:{fold(left)} {fold(right)}"):
            result.setdefault(term, BESIDE)
    return result


def character_features(words: Sequence[str]) -> dict[str, float]:
    """Runs of three to five characters of the text without diacritics, across word borders."""
    text = f" {' '.join(fold(word) for word in words)} "[:_MAX_CHARACTERS]
    found: dict[str, float] = {}
    for size in (3, 4, 5):
        for start in range(len(text) - size + 1):
            found[text[start : start + size]] = 1.0
    return found


def topic_features(reading: Reading) -> tuple[dict[str, float], dict[str, float]]:
    """Word and character features for the topic classifier."""
    return word_features(reading.words, reading.beside), character_features(reading.words)


def facet_features(reading: Reading) -> tuple[dict[str, float], dict[str, float]]:
    """Word and character features for the facet classifier: the same, because the wording around the subject counts."""
    return word_features(reading.words, reading.beside), character_features(reading.words)


def clause_features(clause: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """The features of one clause, for messages in which only the last part asks."""
    return word_features(clause), character_features(clause)
