"""What people typed, made safe to keep, and the words a request is found by."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_WORD = re.compile(r"[^\W_]+")


def clean_line(text: str) -> str:
    """One line in NFC without control, zero-width and direction characters; spaces folded."""
    text = (
        unicodedata.normalize("NFC", text).replace("Ð", "Đ").replace("ð", "đ")
    )  # some keyboards give the Icelandic one
    return " ".join(_INVISIBLE.sub(" ", text).split())


def clean_text(text: str) -> str:
    """Several lines in NFC, each cleaned; at most one empty line between two paragraphs."""
    lines = [clean_line(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def fold(text: str) -> str:
    """Lower case without any diacritics; ``đ`` becomes ``d``, which Unicode decomposition alone does not do."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def words(text: str) -> list[str]:
    """The words of a text without diacritics, each once, in order, at most 40 characters of each."""
    return list(dict.fromkeys(word[:40] for word in _WORD.findall(fold(text))))
