"""What was read as what: keystrokes decoded, short forms spelled out, diacritics put back, courtesy set aside.

Every step is kept, so that an officer can see how a message was understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from knowledge.keys import decode_keys
from knowledge.spelling import Speller, load_language
from knowledge.syllables import tone_in_place
from knowledge.text import clean, clean_words, fold, words

_CLAUSE = re.compile(r"[,.;:!?\n…]+(?=\s|$)|\s[-–—]\s")
_AMPERSAND = re.compile(r"(?<=\w)\s?&\s?(?=\w)")
_NUMBER_WORD = re.compile(r"(\d+)([^\W\d_]{2,})")
_MAX_WORDS = 220


@dataclass(frozen=True)
class Step:
    """One thing the reading did: ``kind`` names the stage, ``before`` and ``after`` are words."""

    kind: str
    before: str
    after: str


@dataclass(frozen=True)
class Reading:
    """A message as understood word by word.

    ``words`` carry the meaning (courtesy set aside); ``beside`` are other readings and meanings looked up with them;
    ``clauses`` are the parts the message is punctuated into, as words, only where there are several; ``folded`` is
    everything without marks; ``accented`` says whether the person typed diacritics, ``decoded`` whether
    raw keystrokes were decoded.
    """

    text: str
    words: tuple[str, ...]
    beside: tuple[str, ...]
    clauses: tuple[tuple[str, ...], ...]
    folded: str
    accented: bool
    decoded: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def everything(self) -> tuple[str, ...]:
        """The words and what is looked up beside them."""
        return self.words + self.beside


def load_yaml(name: str) -> Any:
    """A data file of this folder."""
    path = Path(__file__).with_name(f"{name}.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - the safe loader, in C


class PhraseTable:
    """Finds the phrases of a lexicon in a row of words, longest first."""

    def __init__(self, phrases: Mapping[str, Sequence[str]]) -> None:
        # by the first word, then by the second, "" where there is none
        self._by_first: dict[str, dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]] = {}
        for phrase, values in phrases.items():
            key = tuple(tone_in_place(word) for word in phrase.lower().split())
            seconds = self._by_first.setdefault(key[0], {})
            seconds.setdefault(key[1] if len(key) > 1 else "", []).append((key, tuple(values)))
        for seconds in self._by_first.values():
            for rows in seconds.values():
                rows.sort(key=lambda row: -len(row[0]))

    def __contains__(self, word: str) -> bool:
        """Whether some phrase begins with ``word``."""
        return word in self._by_first

    def isdisjoint(self, tokens: Iterable[str]) -> bool:
        """Whether no phrase begins with any of ``tokens``."""
        return self._by_first.keys().isdisjoint(tokens)

    def at(self, tokens: Sequence[str], position: int) -> tuple[int, tuple[str, ...]] | None:
        """Length and values of the longest phrase that starts at ``position``; None when none does."""
        seconds = self._by_first.get(tokens[position])
        if seconds is None:
            return None
        if position + 1 < len(tokens):
            for key, values in seconds.get(tokens[position + 1], ()):
                if len(key) == 2 or tuple(tokens[position : position + len(key)]) == key:
                    return len(key), values
        for _, values in seconds.get("", ()):
            return 1, values
        return None


@cache
def _abbreviations() -> PhraseTable:
    return PhraseTable(load_yaml("abbreviations"))


@cache
def _english() -> tuple[PhraseTable, frozenset[str]]:
    raw: dict[str, str] = load_yaml("english")
    single = frozenset(key for key in raw if " " not in key)
    return PhraseTable({key: [value] for key, value in raw.items()}), single


@cache
def _dialect() -> PhraseTable:
    return PhraseTable(load_yaml("dialect"))


@cache
def _courtesy() -> PhraseTable:
    return PhraseTable(dict.fromkeys(load_yaml("courtesy")["phrases"], ()))


@cache
def _speller() -> Speller:
    return Speller(load_language(), keep=_english()[1])


def forget_readings() -> None:
    """Drop what was cached; for the ablation, which reads the same messages without one part after the other."""
    load_language.cache_clear()
    _speller.cache_clear()
    read.cache_clear()


def _spell_out(tokens: list[str], steps: list[Step]) -> tuple[list[str], list[str]]:
    """Short forms and English in place; their other readings beside."""
    abbreviations, (english, _) = _abbreviations(), _english()
    result: list[str] = []
    beside: list[str] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        found = abbreviations.at(tokens, position) if token in abbreviations else None
        if found:
            size, readings = found
            after = readings[0]
            result.extend(after.split())
            for other in readings[1:]:
                beside.extend(other.split())
            before = " ".join(tokens[position : position + size])
            steps.append(Step("viết tắt", before, " | ".join(readings)))
            position += size
            continue
        found = english.at(tokens, position) if token in english and token.isascii() else None
        if found:
            size, (vietnamese,) = found
            typed = tokens[position : position + size]
            if vietnamese:
                result.extend(vietnamese.split())
                beside.extend(typed)
                steps.append(Step("tiếng Anh", " ".join(typed), vietnamese))
            else:
                result.extend(typed)
            position += size
            continue
        result.append(token)
        position += 1
    return result, beside


def _meanings(tokens: Sequence[str], steps: list[Step]) -> list[str]:
    """What regional and everyday words mean, to be looked up beside them."""
    table = _dialect()
    found: list[str] = []
    if table.isdisjoint(tokens):
        return found
    position = 0
    while position < len(tokens):
        hit = table.at(tokens, position) if tokens[position] in table else None
        if hit:
            size, meanings = hit
            if not meanings:  # a phrase that merely contains a regional word: «bao nhiêu», «chôm chôm»
                position += size
                continue
            for meaning in meanings:
                found.extend(meaning.split())
            steps.append(Step("nghĩa thường gọi", " ".join(tokens[position : position + size]), meanings[0]))
            position += size
        else:
            position += 1
    return found


def without_courtesy(tokens: Sequence[str]) -> list[str]:
    """The words that say what is asked; all of them where only courtesy would be lost."""
    table = _courtesy()
    if table.isdisjoint(tokens):
        return list(tokens)
    kept: list[str] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        hit = table.at(tokens, position) if token in table else None
        if hit:
            position += hit[0]
        else:
            kept.append(token)
            position += 1
    return kept


def _in_place(tokens: Iterable[str]) -> list[str]:
    return [token if token.isascii() else tone_in_place(token) for token in tokens]


def _apart(tokens: Iterable[str]) -> Iterator[str]:
    """A number and the word stuck to it, apart: «30hộ»."""
    for token in tokens:
        match = None if token.isascii() or token.isalpha() else _NUMBER_WORD.fullmatch(token)
        if match:
            yield from match.groups()
        else:
            yield token


def light_words(text: str) -> tuple[str, ...]:
    """The words of a text of our own: one form, short forms spelled out, nothing mended or set aside."""
    tokens = _in_place(words(_AMPERSAND.sub("", text) if "&" in text else text))
    table = _abbreviations()
    if table.isdisjoint(tokens):
        return tuple(tokens)
    result: list[str] = []
    position = 0
    while position < len(tokens):
        hit = table.at(tokens, position)
        if hit:
            result.extend(hit[1][0].split())
            position += hit[0]
        else:
            result.append(tokens[position])
            position += 1
    return tuple(result)


@lru_cache(maxsize=64)
def read(text: str) -> Reading:
    """Read a message; the same text always reads the same."""
    text = clean(text)
    cleaned = _AMPERSAND.sub("", text)
    steps: list[Step] = []
    parts = [_in_place(_apart(clean_words(part))) for part in _CLAUSE.split(cleaned)]
    parts = [part for part in parts if part]
    tokens = [token for part in parts for token in part][:_MAX_WORDS]
    decoded = decode_keys(tokens, known_english=_english()[1])
    if decoded is not None:
        steps.append(Step("gõ Telex/VNI", " ".join(tokens), " ".join(decoded)))
        tokens = decoded
    accented = not all(map(str.isascii, tokens))
    spelled, beside, borders = _spell_and_restore(tokens, [len(part) for part in parts], steps)
    clauses = tuple(
        tuple(without_courtesy(spelled[first:last])) for first, last in pairwise(borders) if len(borders) > 2
    )
    folded = " ".join([fold(token) for token in (*spelled, *beside)])
    kept = without_courtesy(spelled)
    beside += _meanings(spelled, steps)
    return Reading(
        text=text, words=tuple(kept), beside=tuple(beside), clauses=clauses, folded=folded, accented=accented,
        decoded=decoded is not None, steps=tuple(steps),
    )  # fmt: skip


def _spell_and_restore(
    tokens: list[str], sizes: list[int], steps: list[Step]
) -> tuple[list[str], list[str], list[int]]:
    """Short forms spelled out clause by clause, diacritics put back over all: a clause alone says less.

    ``sizes`` are the words of each clause; decoding changes words one for one, so they hold after it. The last value
    are the borders of the clauses in the first.
    """
    spelled: list[str] = []
    beside: list[str] = []
    borders = [0]
    start = 0
    for size in sizes:
        part, other = _spell_out(tokens[start : start + size], steps)
        spelled += part
        beside += other
        borders.append(len(spelled))
        start += size
    restored = _speller().restore(spelled)
    if restored != spelled:
        steps.append(Step("dấu và chính tả", " ".join(spelled), " ".join(restored)))
    return restored, beside, borders if len(restored) == len(spelled) else [0, len(restored)]
