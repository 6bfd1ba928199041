"""Vietnamese text as the machine compares it: one Unicode form, one tone position, with or without diacritics."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TONES = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}
_WORD = re.compile(r"[^\W_]+(?:[./-][^\W_]+)*")
_INVISIBLE = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
_VOWELS = "aăâeêioôơuưy"
_WORD_LENGTH = 16


def clean(text: str) -> str:
    """What a person typed, in NFC, without control, zero-width and direction characters; spaces folded."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text))
    text = text.replace("Ð", "Đ").replace("ð", "đ")
    return " ".join(_INVISIBLE.sub(" ", text).split())


@lru_cache(maxsize=100_000)
def split_tone(word: str) -> tuple[str, str]:
    """A lower-case word without its tone mark, and the mark ("" for none): ``hoà`` and ``hòa`` → (``hoa``, grave)."""
    tone = ""
    base = []
    for character in unicodedata.normalize("NFD", word):
        if character in _TONES:
            tone = character
        else:
            base.append(character)
    return unicodedata.normalize("NFC", "".join(base)), tone


def fold(text: str) -> str:
    """Lower case without any diacritics; ``đ`` becomes ``d``, which Unicode decomposition alone does not do.

    Words are remembered, whole messages are not: what people write does not stay in memory.
    """
    if len(text) <= _WORD_LENGTH:
        return _fold_word(text)
    if text.isascii():
        return text.lower()
    return " ".join([_fold_word(word) if len(word) <= _WORD_LENGTH else _fold(word) for word in text.split(" ")])


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


_fold_word = lru_cache(maxsize=50_000)(_fold)


def words(text: str) -> list[str]:
    """Lower-case words; numbers, document numbers and codes stay whole (``65/2023/nđ-cp``, ``22000``)."""
    return clean_words(clean(text))


def clean_words(text: str) -> list[str]:
    """As ``words``, of a text that is clean already."""
    return _WORD.findall(_REPEATED.sub(r"\1", text.lower()))
