"""Diacritics put back and slips mended, by what people of this field write.

A word that is known stays as typed. Every other word gets its possible readings (the same letters with diacritics, a
neighbour by one slip, two words run together), and the likeliest sequence is found by a bigram model (Viterbi). The
model is counted by ``make train`` from the content and from ``colloquial.txt``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from knowledge.syllables import is_bare_syllable, is_syllable, put_tone
from knowledge.text import fold, split_tone

LANGUAGE_FILE = Path(__file__).with_name("weights") / "language.json"

_BACKOFF = 0.35  # what a pair never seen is worth beside its words' own frequency
_COST_SLIP = 4.2  # one letter wrong, missing or swapped
_COST_TONE = 2.2  # the same letters, another diacritic, where what was typed is no word we know
_COST_KNOWN = 8.5  # another tone than the one typed, though both are words: only where its neighbours leave no doubt
_COST_UNKNOWN_SYLLABLE = 5.0
_COST_UNKNOWN = 9.0
_COST_BARE = 1.2  # leaving a word bare in a message without diacritics
_COST_SOUND = 2.8
_SOUNDS = tuple(
    (re.compile(pattern), tuple(replacements))
    for pattern, replacements in (
        ("ng$", ["n"]), ("(?<!n)n$", ["ng"]), ("c$", ["t"]), ("(?<!c)t$", ["c"]), ("nh$", ["n", "ng"]), ("^s", ["x"]),
        ("^x", ["s"]), ("^tr", ["ch"]), ("^ch", ["tr"]), ("^gi", ["d", "v", "r"]), ("^d", ["gi", "v", "r"]),
        ("^v", ["d", "gi"]), ("^r", ["d", "g", "gi"]), ("^l", ["n"]), ("^n(?!g|h)", ["l"]), ("^qu", ["h", "c"]),
        ("^h", ["qu"]), ("i$", ["y"]), ("y$", ["i"]), ("u$", ["o"]), ("o$", ["u"]),
        ("iêu", ["iu"]), ("iu$", ["iêu"]), ("ươu", ["iêu", "ưu"]), ("ôi", ["uôi"]), ("ăm", ["âm"]), ("ong$", ["ông"]),
    )
)  # fmt: skip
_MAX_READINGS = 6
_ALWAYS_DROPPED = 0.97
_HARDLY, _MOSTLY = 0.05, 0.5  # shares of the diacritics lost between which a message is of both kinds
_MOST_REMEMBERED = 20_000  # tokens


class Option(NamedTuple):
    """What a token may stand for, with what is known of the word before any message.

    Choosing it costs ``fixed``, and ``lost`` times what a lost diacritic costs in the message. Then follows the word
    itself: ``own`` by its frequency, ``alone`` after a word it was never seen behind, and after the words of ``behind``
    what stands there (always less than ``alone``).
    """

    word: str
    fixed: float
    lost: float
    own: float
    alone: float
    behind: Mapping[str, float]


class Options(NamedTuple):
    """Everything a token may stand for, and the most that the word before it can spare."""

    every: tuple[Option, ...]
    spared: float


@dataclass(frozen=True)
class Language:
    """Counts of words and of pairs of neighbours, in dictionary form, and what each bare form may stand for."""

    words: dict[str, int]
    pairs: dict[str, int]
    readings: dict[str, tuple[str, ...]]
    total: int

    @classmethod
    def count(cls, sentences: Iterable[Sequence[str]], *, least_pair: int = 2) -> Language:
        """A model of ``sentences`` of words with diacritics."""
        words: dict[str, int] = {}
        pairs: dict[str, int] = {}
        for sentence in sentences:
            for word in sentence:
                words[word] = words.get(word, 0) + 1
            for left, right in pairwise(sentence):
                pair = f"{left} {right}"
                pairs[pair] = pairs.get(pair, 0) + 1
        kept = {pair: count for pair, count in pairs.items() if count >= least_pair}
        return cls.of(words, kept)

    @classmethod
    def of(cls, words: dict[str, int], pairs: dict[str, int]) -> Language:
        """A model from stored counts."""
        by_bare: dict[str, list[str]] = {}
        for word in sorted(words, key=lambda w: (-words[w], w)):
            by_bare.setdefault(fold(word), []).append(word)
        readings = {bare: tuple(found[:_MAX_READINGS]) for bare, found in by_bare.items()}
        return cls(words=words, pairs=pairs, readings=readings, total=max(1, sum(words.values())))

    def to_json(self) -> str:
        """The counts, sorted, so that the same training gives the same file."""
        return json.dumps(
            {"words": dict(sorted(self.words.items())), "pairs": dict(sorted(self.pairs.items()))},
            ensure_ascii=False, separators=(",", ":"),
        )  # fmt: skip

    def known(self, word: str) -> bool:
        """Whether the word, as written, is one people of this field use."""
        return word in self.words


@cache
def load_language() -> Language:
    """The trained model; without a file an empty one, which changes nothing."""
    if not LANGUAGE_FILE.exists():
        return Language.of({}, {})
    data = json.loads(LANGUAGE_FILE.read_text(encoding="utf-8"))
    return Language.of(data["words"], data["pairs"])


class Speller:
    """Finds the likeliest reading of every word of a message."""

    def __init__(self, language: Language, *, keep: frozenset[str] = frozenset()) -> None:
        self.language = language
        self._keep = keep
        self._log_total = math.log(language.total + 1)
        self._costs = {word: self._log_total - math.log(count) for word, count in language.words.items()}
        self._accented = [word for word in language.words if len(word) > 2 and word.isalpha()]
        self._bare = [bare for bare in language.readings if len(bare) > 2 and bare.isalpha()]
        self._bare_counts = {
            bare: sum(language.words[word] for word in found) for bare, found in language.readings.items()
        }
        self._slips: dict[str, tuple[tuple[str, float], ...]] = {}
        self._remembered: dict[tuple[str, bool, bool], Options] = {}
        self._unseen = -math.log(_BACKOFF)
        self._behind = self._follow()

    def _follow(self) -> dict[str, dict[str, float]]:
        """For each word, those it was seen behind and what it costs there; only where that is less than alone."""
        words = self.language.words
        same = {word: word for word in words}
        found: dict[str, dict[str, float]] = {}
        for pair, count in self.language.pairs.items():
            left, _, word = pair.partition(" ")
            cost = math.log((words.get(left, 1) + 2.0) / count)
            if cost < self._word_cost(word) + self._unseen:
                found.setdefault(word, {})[same.get(left, left)] = cost
        return found

    def restore(self, tokens: Sequence[str]) -> list[str]:
        """The tokens with diacritics put back and slips mended; as many or, where words were joined, more."""
        if not tokens or not self.language.words:
            return list(tokens)
        tokens = self._split_joined(tokens)
        dropped = self._dropped(tokens)
        options = [self._options(token, dropped) for token in tokens]
        if all(len(option.every) == 1 for option in options):
            return [option.every[0].word for option in options]
        return self._best_path(options, -math.log(dropped))

    # -- how a message was typed ------------------------------------------------------------------------------------

    @staticmethod
    def _dropped(tokens: Sequence[str]) -> float:
        """The share of diacritics the message seems to have lost, between 0.003 and 0.97."""
        letters = [token for token in tokens if token.isalpha()]
        if not letters:
            return _ALWAYS_DROPPED
        marked = sum(not token.isascii() for token in letters) / len(letters)
        return min(_ALWAYS_DROPPED, max(0.003, 1.0 - marked / 0.62))

    # -- what a word may stand for ----------------------------------------------------------------------------------

    def _options(self, token: str, dropped: float) -> Options:
        hardly, mostly = dropped < _HARDLY, dropped > _MOSTLY
        key = (token, hardly, mostly)
        known = self._remembered.get(key)
        if known is None:
            every = tuple(
                self._option(word, *cost) for word, *cost in self._readings(token, hardly=hardly, mostly=mostly)
            )
            known = Options(every, max(o.alone - min(o.behind.values(), default=o.alone) for o in every))
            if token.isalpha() and len(self._remembered) < _MOST_REMEMBERED:
                self._remembered[key] = known
        return known

    def _option(self, word: str, fixed: float, lost: float = 0.0) -> Option:
        own = self._word_cost(word)
        return Option(word, fixed, lost, own, own + self._unseen, self._behind.get(word, {}))

    def _readings(
        self, token: str, *, hardly: bool, mostly: bool
    ) -> Sequence[tuple[str, float] | tuple[str, float, float]]:
        """The words a token may stand for and what each costs: so much, and so many times a lost diacritic.

        Args:
            token: As typed.
            hardly: Whether the message lost hardly any diacritics.
            mostly: Whether it lost most.
        """
        language = self.language
        if not token.isalpha() or token in self._keep:
            return [(token, 0.0)]
        if not token.isascii():
            if language.known(token):
                if mostly or len(token) < 2:
                    return [(token, 0.0)]
                return [
                    (token, 0.0),
                    *(
                        (w, _COST_KNOWN)
                        for w in language.readings.get(fold(token), ())
                        if w != token and not w.isascii()
                    ),
                ]
            same = [(word, _COST_TONE) for word in language.readings.get(fold(token), ()) if not word.isascii()]
            if is_syllable(token):
                return [(token, _COST_UNKNOWN_SYLLABLE), *same, *self._sounds_like(token)]
            return [(token, _COST_UNKNOWN), *same, *self._near(token)]
        readings = language.readings.get(token, ())
        if readings:
            bare = 0.0 if token in language.words else _COST_BARE
            if hardly:
                if token in language.words:
                    return [(token, 0.0)]
                return [(token, _COST_UNKNOWN_SYLLABLE), *((w, 2.0) for w in readings)]
            kept = bare if token in language.words else bare + 1.0
            return [
                *((w, 0.0, 1.0) if w != token else (w, kept) for w in readings),
                *([] if token in readings else [(token, kept + 3.0)]),
            ]
        if is_bare_syllable(token):
            return [(token, _COST_UNKNOWN_SYLLABLE)]
        return [(token, _COST_UNKNOWN), *self._near(token)]

    def _near(self, token: str) -> tuple[tuple[str, float], ...]:
        """Known words one slip away (two from seven letters on), only for what can be no word itself."""
        if token in self._slips:
            return self._slips[token]
        found: list[tuple[str, float]] = []
        if 3 <= len(token) <= 12:
            limit = 2 if len(token) >= 8 else 1
            if not token.isascii():
                hits = process.extract(token, self._accented, scorer=OSA.distance, score_cutoff=limit, limit=8)
                found += [(word, _COST_SLIP * distance) for word, distance, _ in hits]
            bare_hits = process.extract(fold(token), self._bare, scorer=OSA.distance, score_cutoff=limit, limit=8)
            for bare, distance, _ in bare_hits:
                more = 0.0 if token.isascii() else 1.5
                found += [(word, _COST_SLIP * distance + more) for word in self.language.readings[bare][:4]]
        best: dict[str, float] = {}
        for word, cost in found:
            best[word] = min(cost, best.get(word, 99.0))
        result = tuple(sorted(best.items(), key=lambda pair: (pair[1], pair[0]))[:14])
        if len(self._slips) < 20_000:
            self._slips[token] = result
        return result

    def _sounds_like(self, token: str) -> list[tuple[str, float]]:
        """Known words that sound the same in the south or the north: «huấng» for «huấn», «bứt» for «bức»."""
        base, tone = split_tone(token)
        found: list[tuple[str, float]] = []
        for pattern, replacements in _SOUNDS:
            for replacement in replacements:
                changed, count = pattern.subn(replacement, base)
                if count:
                    word = put_tone(changed, tone) if tone else changed
                    if word in self.language.words:
                        found.append((word, _COST_SOUND))
        return found

    # -- words run together -----------------------------------------------------------------------------------------

    def _split_joined(self, tokens: Sequence[str]) -> list[str]:
        readings, words = self.language.readings, self.language.words
        result: list[str] = []
        for token in tokens:
            if token in readings or token in words:
                result.append(token)
                continue
            parts = self._parts(token) if self._may_be_joined(token) else None
            result.extend(parts or [token])
        return result

    def _may_be_joined(self, token: str) -> bool:
        if not token.isalpha() or not 4 <= len(token) <= 30 or token in self._keep:
            return False
        if self.language.known(token) or token in self.language.readings:
            return False
        return not (is_syllable(token) or is_bare_syllable(token))

    def _parts(self, token: str) -> list[str] | None:
        """The token as known words in a row, fewest and commonest first; None where it cannot be cut so."""
        ascii_only = token.isascii()
        vocabulary = self.language.readings if ascii_only else self.language.words
        size = len(token)
        best: list[tuple[float, list[str]] | None] = [None] * (size + 1)
        best[0] = (0.0, [])
        for end in range(1, size + 1):
            for start in range(max(0, end - 7), end):
                before = best[start]
                piece = token[start:end]
                if before is None or piece not in vocabulary:
                    continue
                if len(piece) == 1 or not (is_bare_syllable(piece) if ascii_only else is_syllable(piece)):
                    continue
                count = self._bare_counts.get(piece, 1) if ascii_only else self.language.words[piece]
                cost = before[0] + self._log_total - math.log(count) + 1.0
                current = best[end]
                if current is None or cost < current[0]:
                    best[end] = (cost, [*before[1], piece])
        found = best[size]
        if found is None or len(found[1]) < 2 or found[0] / len(found[1]) > 9.0:
            return None
        return found[1]

    # -- the likeliest sequence -------------------------------------------------------------------------------------

    def _word_cost(self, word: str) -> float:
        cost = self._costs.get(word)
        return self._log_total + 2.0 if cost is None else cost

    def _best_path(self, options: Sequence[Options], lost: float) -> list[str]:
        """The cheapest row of words, one option of each; ``lost`` is what a lost diacritic costs."""
        # cost of being at each option of the current word, and the way there
        previous = options[0].every
        costs = [o.fixed + o.lost * lost + (o.own if len(previous) > 1 else 0.0) for o in previous]
        ways: list[list[int]] = []
        for current, spared in options[1:]:
            least = min(costs)
            nearest = costs.index(least)
            # only these can be a better way than the nearest
            limit = least + spared
            lefts = [(previous[i].word, cost, i) for i, cost in enumerate(costs) if cost <= limit]
            costs = []
            way: list[int] = []
            for _, fixed, share, _, alone, behind in current:
                best, at = least + alone, nearest
                if behind:
                    for left, cost, i in lefts:
                        step = behind.get(left)
                        if step is not None and cost + step < best:
                            best, at = cost + step, i
                costs.append(best + (fixed + share * lost))
                way.append(at)
            ways.append(way)
            previous = current
        at = costs.index(min(costs))
        path = [at]
        for way in reversed(ways):
            at = way[at]
            path.append(at)
        path.reverse()
        return [option.every[choice].word for option, choice in zip(options, path, strict=True)]
