"""Personal data out of text that is kept: phone numbers, e-mail addresses, identity, tax and account numbers."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import phonenumbers

from knowledge.text import fold

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LONG_DIGITS = re.compile(r"(?<![\w/])\d(?:[ .-]?\d){8,18}(?![\w/])")
_PLATE = re.compile(r"\b\d{2}[A-Za-z]{1,2}\d?[- .]?\d{3}[.]?\d{2}\b")
_NAME = re.compile(
    r"\b((?:tôi|toi|tui|em|mình|anh|chị|con|cháu) (?:tên|ten)(?: là| la)?|tên tôi là|ten toi la)\s+"
    r"([^\W\d_]+(?:\s+[^\W\d_]+){0,3})",
    re.IGNORECASE,
)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def mask_personal_data(text: str, *, keep: Collection[str] = ()) -> str:
    """``text`` with what identifies a person replaced by a word in brackets; document numbers stay.

    ``keep`` are phone numbers that are nobody's own: the department's.
    """
    kept = {_digits(number) for number in keep}
    text = _EMAIL.sub("[email]", text)
    for match in reversed(list(phonenumbers.PhoneNumberMatcher(text, "VN"))):
        if _digits(match.raw_string) not in kept:
            text = f"{text[: match.start]}[số điện thoại]{text[match.end :]}"
    text = _LONG_DIGITS.sub(lambda found: found.group() if _digits(found.group()) in kept else "[số riêng]", text)
    text = _PLATE.sub("[biển số]", text)
    return _NAME.sub(r"\1 [tên]", text)


def mask_name(name: str) -> str:
    """A full name as initials, the given name whole: ``N. T. Hoa``."""
    words = name.split()
    if len(words) < 2:
        return f"{name[:1]}•••"
    return " ".join([*(f"{word[0]}." for word in words[:-1]), words[-1]])


def mask_name_in(text: str, name: str | None) -> str:
    """``text`` with one person's full name masked, whatever its case and with or without diacritics.

    A given name alone is hidden only as it was typed: without its capital it may be an ordinary word.
    """
    words = (name or "").split()
    if name is None or not words:
        return text
    if len(words) == 1:
        return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: mask_name(name), text)
    wanted = r"\s+".join(re.escape(_letter_by_letter(word)) for word in words)
    for found in reversed(list(re.finditer(rf"(?<!\w){wanted}(?!\w)", _letter_by_letter(text)))):
        text = f"{text[: found.start()]}{mask_name(name)}{text[found.end() :]}"
    return text


def _letter_by_letter(text: str) -> str:
    """Small and without diacritics, of the same length: what is found in it stands at the same place in the text."""
    return "".join((fold(letter) or letter)[0] for letter in text)


def mask_within(value: Any) -> Any:
    """``value`` with every text in it masked, however deep it stands in lists and mappings."""
    if isinstance(value, str):
        return mask_personal_data(value)
    if isinstance(value, dict):
        return {key: mask_within(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_within(item) for item in value]
    return value
