"""What is recognised before any search: abuse, danger, attempts to misuse the bot; greetings and thanks."""

from __future__ import annotations

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
_SMALL_TALK = ("goodbye", "thanks", "who", "identity", "greeting", "acknowledgement")


@cache
def _sensitive() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Kinds with their phrases, padded. Matched with diacritics: «con cho» is no insult."""
    return tuple(
        (kind, tuple(f" {phrase.lower()} " for phrase in phrases))
        for kind, phrases in load_yaml("phrases")["sensitive"].items()
    )


@cache
def _small_talk() -> dict[str, str]:
    phrases = load_yaml("phrases")
    return {fold(phrase): kind for kind in reversed(_SMALL_TALK) for phrase in phrases[kind]}


def find_sensitive(reading: Reading) -> str | None:
    """The kind of sensitive matter a message holds: injection, abuse, danger, politics; None for none."""
    typed = f" {' '.join(_words(reading.text.lower()))} "
    restored = f" {' '.join(reading.words)} "
    for kind, phrases in _sensitive():
        if any(phrase in typed or phrase in restored for phrase in phrases):
            return kind
    return None


def _words(text: str) -> list[str]:
    return "".join(character if character.isalnum() or character in "*=" else " " for character in text).split()


def find_small_talk(reading: Reading) -> str | None:
    """The kind of small talk a message is, whole; None where it says something else."""
    known = _small_talk()
    bare = " ".join(_words(fold(reading.text)))
    if bare in known:
        return known[bare]
    rest = " ".join(fold(word) for word in reading.words)
    if rest in known:
        return known[rest]
    if not bare or not set(reading.words) <= _FILLING:
        return None
    # nothing but courtesy: thanks, a farewell or a greeting by the strongest word
    for kind, marks in (("thanks", ("cam on", "thanks", "thank")), ("goodbye", ("tam biet", "bye"))):
        if any(mark in reading.folded for mark in marks):
            return kind
    return "acknowledgement" if reading.words else "greeting"
