"""What is recognised before any search: abuse, danger, attempts to misuse the bot; greetings and thanks."""

from __future__ import annotations

import re
from functools import cache

from knowledge.reading import Reading, load_yaml
from knowledge.text import fold

# words that alone ask nothing
_FILLING = frozenset(
    [
        "em",
        "anh",
        "chị",
        "bạn",
        "chú",
        "bác",
        "cô",
        "tôi",
        "mình",
        "nhiều",
        "lắm",
        "quá",
        "rồi",
        "dữ",
        "thiệt",
        "thật",
        "vậy",
        "thôi",
        "tốt",
        "hay",
        "ok",
    ]
)
_WORD = re.compile(r"(?:[^\W_]|[*=])+")
_SMALL_TALK = ("goodbye", "thanks", "who", "identity", "greeting", "acknowledgement")


@cache
def _sensitive() -> dict[str, tuple[tuple[int, str, str], ...]]:
    """By first word: rank of the kind, kind, phrase (padded). Matched with diacritics: «con cho» is no insult."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for rank, (kind, phrases) in enumerate(load_yaml("phrases")["sensitive"].items()):
        for phrase in phrases:
            words = _words(phrase.lower()) or [phrase.lower()]
            found.setdefault(words[0], []).append((rank, kind, f" {phrase.lower()} "))
    return {word: tuple(rows) for word, rows in found.items()}


@cache
def _small_talk() -> dict[str, str]:
    phrases = load_yaml("phrases")
    return {fold(phrase): kind for kind in reversed(_SMALL_TALK) for phrase in phrases[kind]}


@cache
def _idioms() -> tuple[str, ...]:
    return tuple(f" {phrase} " for phrase in load_yaml("phrases")["idioms"])


def find_sensitive(reading: Reading) -> str | None:
    """The kind of sensitive matter a message holds: injection, abuse, danger, politics; None for none."""
    known = _sensitive()
    best: tuple[int, str] | None = None
    for words in (_words(reading.text.lower()), reading.words):
        text = ""
        for word in words:
            for rank, kind, phrase in known.get(word, ()):
                text = text or _without_idioms(f" {' '.join(words)} ")
                if phrase in text and (best is None or rank < best[0]):
                    best = (rank, kind)
    return best[1] if best else None


def _without_idioms(text: str) -> str:
    """A text without what people say and do not mean: «tức muốn chết»."""
    for idiom in _idioms():
        text = text.replace(idiom, " ")
    return text


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def find_small_talk(reading: Reading) -> str | None:
    """The kind of small talk a message is, whole; None where it says something else."""
    known = _small_talk()
    bare = " ".join(_words(fold(reading.text)))
    if bare in known:
        return known[bare]
    rest = " ".join([fold(word) for word in reading.words])
    if rest in known:
        return known[rest]
    if not bare or not _FILLING.issuperset(reading.words):
        return None
    # nothing but courtesy: thanks, a farewell or a greeting by the strongest word
    for kind, marks in (("thanks", ("cam on", "thanks", "thank")), ("goodbye", ("tam biet", "bye"))):
        if any(mark in reading.folded for mark in marks):
            return kind
    return "acknowledgement" if reading.words else "greeting"
