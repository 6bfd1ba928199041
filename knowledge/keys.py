"""Raw Telex and VNI keystrokes back into Vietnamese, when a whole message looks typed that way.

The order of the keys inside a word does not matter, as with the real input methods. A single word that merely could be
decoded is left alone: ``iso``, ``co2`` and ``test`` are not Vietnamese typed blindly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from knowledge.syllables import is_bare_syllable, is_syllable, put_tone
from knowledge.text import fold

_TELEX_TONES = {"s": "\u0301", "f": "\u0300", "r": "\u0309", "x": "\u0303", "j": "\u0323"}
_VNI_TONES = {"1": "\u0301", "2": "\u0300", "3": "\u0309", "4": "\u0303", "5": "\u0323"}
_VOWELS = set("aeiouyăâêôơư")
_HORN = {"a": "ă", "o": "ơ", "u": "ư"}
_HAT = {"a": "â", "e": "ê", "o": "ô"}
_VNI_SHAPE = re.compile(r"[a-z]+\d[a-z\d]*")

# English and product words that also decode; they count against the gate, not for it
_WEAK = frozenset(
    [
        "as",
        "is",
        "or",
        "of",
        "off",
        "for",
        "box",
        "boss",
        "bass",
        "class",
        "fax",
        "form",
        "gas",
        "max",
        "mix",
        "pass",
        "post",
        "size",
        "tax",
        "test",
        "iso",
        "gap",
        "app",
        "apps",
        "web",
        "co2",
        "h2o",
        "a3",
        "a4",
        "a5",
        "5s",
        "3s",
        "4g",
        "5g",
        "x1",
        "b2b",
        "b2c",
        "gs1",
        "tax",
        "box",
        "sos",
        "css",
        "js",
        "ads",
        "las",
        "os",
        "air",
        "user",
        "user",
        "power",
        "law",
        "view",
        "new",
        "now",
        "show",
        "how",
        "low",
        "flow",
        "row",
        "know",
        "down",
        "own",
        "town",
        "draw",
        "saw",
        "raw",
        "error",
        "mirror",
        "good",
        "food",
        "too",
        "soon",
        "room",
        "book",
        "look",
        "tool",
        "school",
        "need",
        "feed",
        "free",
        "fee",
        "see",
        "seed",
        "speed",
        "week",
        "meet",
        "meeting",
        "deep",
        "sheet",
        "add",
    ]
)


def _finish(letters: list[str], tone: str) -> str | None:
    base = "".join(letters)
    word = put_tone(base, tone) if tone else base
    return word if is_syllable(word) else None


def _horn(letters: list[str]) -> bool:
    """Put the w-key's mark on the letters; whether it found one to mark."""
    text = "".join(letters)
    for pair in ("uo", "uơ", "ưo"):
        at = text.find(pair)
        if at >= 0 and not (at > 0 and text[at - 1] == "q"):
            letters[at], letters[at + 1] = "ư", "ơ"
            return True
    at = text.find("ua")
    if at >= 0 and not (at > 0 and text[at - 1] == "q"):
        letters[at] = "ư"
        return True
    for i in range(len(letters) - 1, -1, -1):
        if letters[i] in _HORN and not (letters[i] == "u" and i > 0 and letters[i - 1] == "q"):
            letters[i] = _HORN[letters[i]]
            return True
    return False


def _horn_here(letters: list[str]) -> bool:
    """Put the horn on the letter just typed, and on a «u» before an «o»."""
    if letters[-1] == "o" and len(letters) > 1 and letters[-2] == "u" and "".join(letters[:-2])[-1:] != "q":
        letters[-2] = "ư"
    letters[-1] = _HORN[letters[-1]]
    return True


@lru_cache(maxsize=20_000)
def decode_telex(word: str) -> str | None:
    """The syllable that Telex makes of an ASCII word; None when nothing or no syllable comes of it."""
    if not word.isascii() or not word.isalpha() or len(word) > 10:
        return None
    letters: list[str] = []
    tone, used = "", False
    for position, key in enumerate(word):
        vowels = [i for i, letter in enumerate(letters) if letter in _VOWELS]
        if key in _TELEX_TONES and vowels:
            tone, used = _TELEX_TONES[key], True
        elif key == "z" and vowels:
            tone, used = "", True
        elif key == "w":
            if not _horn(letters):
                letters.append("ư")
            used = True
        elif key == "d" and position and letters and letters[0] == "d":
            letters[0], used = "đ", True
        elif key in _HAT and key in letters and letters.index(key) in vowels:
            letters[letters.index(key)] = _HAT[key]
            used = True
        elif key == "o" and "ơ" in letters:
            used = True
        else:
            letters.append(key)
    text = "".join(letters)
    if "uơ" in text and len(text) > text.find("uơ") + 2:  # «dduowcj» with the horn typed before the o
        letters = list(text.replace("uơ", "ươ"))
    if "ưo" in text:
        letters = list(text.replace("ưo", "ươ"))
    return _finish(letters, tone) if used else None


@lru_cache(maxsize=20_000)
def decode_vni(word: str) -> str | None:
    """The syllable that VNI makes of letters and digits; None when nothing or no syllable comes of it."""
    if not word.isascii() or not _VNI_SHAPE.fullmatch(word) or len(word) > 11:
        return None
    letters: list[str] = []
    tone, horn = "", False
    for key in word:
        if key.isalpha():
            letters.append(key)
        elif key in _VNI_TONES:
            tone = _VNI_TONES[key]
        elif key == "6":
            at = next((i for i in range(len(letters) - 1, -1, -1) if letters[i] in _HAT), None)
            if at is None:
                return None
            letters[at] = _HAT[letters[at]]
        elif key == "7":
            horn = not (letters and letters[-1] in "ou" and _horn_here(letters))
        elif key == "8":
            if "a" not in letters:
                return None
            letters[letters.index("a")] = "ă"
        elif key == "9":
            if not letters or letters[0] != "d":
                return None
            letters[0] = "đ"
    if horn and not _horn(letters):
        return None
    if "ưo" in "".join(letters):
        letters = list("".join(letters).replace("ưo", "ươ"))
    return _finish(letters, tone)


@lru_cache(maxsize=20_000)
def _loose(word: str) -> str | None:
    """A bare syllable left when stray tone keys are dropped (``hieuj`` → ``hieu``); None when there is none."""
    for cut in (word[:-1], re.sub(r"(?<=[aeiouy])[sfrxjwz]+(?=[a-z]?)", "", word)):
        if cut != word and is_bare_syllable(cut):
            return cut
    return None


def decode_keys(tokens: Sequence[str], *, known_english: frozenset[str] = frozenset()) -> list[str] | None:
    """The message with its keystrokes decoded; None when it does not look typed that way.

    A word is decoded when it is no bare syllable and decodes to a valid one. The message is taken for keystrokes when
    two words decode (one of at most three), and at least as many as carry diacritics already.
    """
    bare = sum(map(str.isascii, tokens))
    if sum([fold(token) != token for token in tokens if not token.isascii()]) > bare:
        return None
    decoded: list[str | None] = []
    strong = weak = accented = 0
    for token in tokens:
        if not token.isascii():
            accented += fold(token) != token
            decoded.append(None)
            continue
        word = decode_vni(token) or (None if is_bare_syllable(token) and token not in _WEAK else decode_telex(token))
        decoded.append(word)
        if word is None:
            continue
        if token in _WEAK or token in known_english:
            weak += 1
        else:
            strong += 1
    letters = sum(token.isalpha() or bool(_VNI_SHAPE.fullmatch(token)) for token in tokens)
    enough = strong >= 2 or (strong == 1 and letters <= 3)
    if not enough or strong < accented:
        return None
    all_of_it = (strong >= 2 and strong + weak >= max(3.0, 0.4 * letters)) or strong + weak == letters
    result: list[str] = []
    for token, word in zip(tokens, decoded, strict=True):
        if word is not None and ((token not in _WEAK and token not in known_english) or (all_of_it and token in _WEAK)):
            result.append(word)
        elif token.isascii() and token.isalpha() and len(token) > 2 and not is_bare_syllable(token):
            result.append((_loose(token) or token) if token not in known_english and token not in _WEAK else token)
        else:
            result.append(token)
    return result
