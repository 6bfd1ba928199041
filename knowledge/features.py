"""What a reading is compared by, as numbers: words and pairs with and without diacritics, runs of characters.

Words get a number once and keep it, so that the indexes and the classifiers of one process look a message up together.
The same code runs in training and in the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowledge.reading import Reading
from knowledge.text import fold

BESIDE = 0.5  # what a word looked up beside counts, against one that was typed
MAX_CHARACTERS = 420
SIZES = (3, 4)  # lengths of the runs of characters
KINDS = "wubv"  # a word, a bare word, a pair, a bare pair
KIND_AT = 42
FIRST_AT = 21
_PAIR_KINDS = np.asarray([[2 << KIND_AT], [3 << KIND_AT]], dtype=np.int64)
_BARE_WORDS = np.asarray([1 << KIND_AT, 2 << KIND_AT], dtype=np.int64)
_CHARACTERS = 40
_LETTERS = np.full(256, 39, dtype=np.int64)
for _i, _c in enumerate(" abcdefghijklmnopqrstuvwxyz0123456789/"):
    _LETTERS[ord(_c)] = _i

Codes = NDArray[np.int64]
Floats = NDArray[np.float32]


class Words:
    """A number for every word of our own texts. Grows while indexes are built; asking never adds a word."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._numbers: dict[str, int] = {}
        self._bare: list[int] = []
        self._read: dict[str, tuple[int, int, str]] = {}  # number, number and text without diacritics

    def intern(self, word: str) -> int:
        """The number of a word, given now if it has none."""
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self.words)
            self.words.append(word)
            self._bare.append(number)
            bare = fold(word)
            if bare != word:
                self._bare[number] = self.intern(bare)
            self._read[word] = number, self._bare[number], bare
        return number

    def find(self, word: str) -> int:
        """The number of a word, -1 for none."""
        return self._numbers.get(word, -1)

    def bare(self, number: int) -> int:
        """The number of the same word without diacritics."""
        return self._bare[number]

    def look_up(self, words: Iterable[str]) -> list[tuple[int, int, str]]:
        """Of each word its number, and its number and text without diacritics; -1 for what no text of ours holds."""
        known = self._read.get
        return [known(word) or self._look_up_bare(fold(word)) for word in words]

    def _look_up_bare(self, bare: str) -> tuple[int, int, str]:
        return -1, self._numbers.get(bare, -1), bare

    def term(self, code: int) -> str:
        """A code as text, e.g. ``b:nhãn hiệu``; the inverse of ``code``."""
        kind, first, second = code >> KIND_AT, (code >> FIRST_AT) & (2**FIRST_AT - 1), code & (2**FIRST_AT - 1)
        text = self.words[first]
        return f"{KINDS[kind]}:{text} {self.words[second]}" if kind >= 2 else f"{KINDS[kind]}:{text}"

    def code(self, term: str) -> int:
        """The code of a term; its words are given numbers."""
        kind = KINDS.index(term[0])
        parts = [self.intern(word) for word in term[2:].split(" ")]
        return (kind << KIND_AT) | (parts[0] << FIRST_AT) | (parts[1] if kind >= 2 else 0)


WORDS = Words()


def term_codes(written: Codes, bare: Codes) -> Codes:
    """The codes of every word and pair of a row of word numbers; words without a number are left out."""
    count = len(written)
    if count and written.min() >= 0:
        firsts = written << FIRST_AT, bare << FIRST_AT
        codes = np.empty(4 * count - 2, dtype=np.int64)
        codes[:count] = firsts[0]
        np.bitwise_or(firsts[1], 1 << KIND_AT, out=codes[count : 2 * count])
        pairs = codes[2 * count :].reshape(2, count - 1)
        np.bitwise_or(firsts[0][:-1], written[1:], out=pairs[0])
        np.bitwise_or(firsts[1][:-1], bare[1:], out=pairs[1])
        pairs |= _PAIR_KINDS
        return codes
    left, right = written[:-1], written[1:]
    both = (left >= 0) & (right >= 0)
    bare_left, bare_right = bare[:-1], bare[1:]
    bare_both = (bare_left >= 0) & (bare_right >= 0)
    return np.concatenate(
        (
            written[written >= 0] << FIRST_AT,
            (1 << KIND_AT) | (bare[bare >= 0] << FIRST_AT),
            (2 << KIND_AT) | (left[both] << FIRST_AT) | right[both],
            (3 << KIND_AT) | (bare_left[bare_both] << FIRST_AT) | bare_right[bare_both],
        )
    )


@dataclass(frozen=True)
class Features:
    """A message as numbers.

    ``codes`` ascending, with a value each; ``characters``: the runs of characters, ascending; ``unknown``: how many
    words no text of ours holds, not even without diacritics.
    """

    codes: Codes
    values: Floats
    characters: Codes
    unknown: int

    @cached_property
    def bare(self) -> slice:
        """Where the words without diacritics stand among ``codes``."""
        first, last = self.codes.searchsorted(_BARE_WORDS).tolist()
        return slice(first, last)


def _distinct(codes: Codes) -> tuple[Codes, Codes]:
    """The codes ascending, each once, and where each begins among the sorted; ``codes`` is sorted in place."""
    codes.sort()
    first = np.empty(len(codes), dtype=bool)
    first[:1] = True
    np.not_equal(codes[1:], codes[:-1], out=first[1:])
    starts = first.nonzero()[0]
    return codes.take(starts), starts


def character_codes(bare: Sequence[str]) -> Codes:
    """Runs of three and four characters of words without diacritics, across their borders; each once."""
    text = f" {' '.join(bare)} "[:MAX_CHARACTERS]
    letters = _LETTERS.take(np.frombuffer(text.encode("latin-1", "replace"), dtype=np.uint8))
    run = letters[:-2] * _CHARACTERS**2 + letters[1:-1] * _CHARACTERS + letters[2:]
    runs = [run + 3 * _CHARACTERS**5]
    for size in SIZES[1:]:
        run = run[:-1] * _CHARACTERS + letters[size - 1 :]
        runs.append(run + size * _CHARACTERS**5)
    return _distinct(np.concatenate(runs))[0]


def features_of(words: Sequence[str], beside: Sequence[str] = ()) -> Features:
    """The features of words, and of what is looked up beside them."""
    found = WORDS.look_up(words)
    every = _codes_of(found)
    codes, starts = _distinct(every)
    values = np.empty(len(codes), dtype=np.float32)
    np.subtract(starts[1:], starts[:-1], out=values[:-1], casting="unsafe")
    values[-1:] = len(every) - starts[-1:]
    np.sqrt(values, out=values)
    if beside:
        other, _ = _distinct(_codes_of(WORDS.look_up(beside)))
        _, said = positions(codes, other)
        other = other[~said]
        codes = np.concatenate((codes, other))
        values = np.concatenate((values, np.full(len(other), BESIDE, dtype=np.float32)))
        order = np.argsort(codes)
        codes, values = codes[order], values[order]
    unknown = len({word for word, (_, bare, _) in zip(words, found, strict=True) if bare < 0})
    return Features(codes, values, character_codes([bare for _, _, bare in found]), unknown)


def _codes_of(found: Sequence[tuple[int, int, str]]) -> Codes:
    numbers = np.asarray([(written, bare) for written, bare, _ in found], dtype=np.int64).reshape(-1, 2).T
    return term_codes(numbers[0], numbers[1])


def reading_features(reading: Reading) -> Features:
    """The features of a whole message."""
    return features_of(reading.words, reading.beside)


def positions(table: Codes, wanted: Codes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each of ``wanted`` stands in the ascending ``table``, and whether it is there."""
    if not len(table):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    at = table.searchsorted(wanted)
    np.minimum(at, len(table) - 1, out=at)
    return at, table.take(at) == wanted
