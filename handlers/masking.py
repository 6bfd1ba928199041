"""Personal data out of text that is kept: phone numbers, e-mail addresses, identity, tax and account numbers."""

from __future__ import annotations

import re

import phonenumbers

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LONG_DIGITS = re.compile(r"(?<![\w/])\d(?:[ .-]?\d){8,18}(?![\w/])")
_PLATE = re.compile(r"\b\d{2}[A-Za-z]{1,2}\d?[- .]?\d{3}[.]?\d{2}\b")
_NAME = re.compile(
    r"\b((?:tôi|toi|tui|em|mình|anh|chị|con|cháu) (?:tên|ten)(?: là| la)?|tên tôi là|ten toi la)\s+"
    r"([^\W\d_]+(?:\s+[^\W\d_]+){0,3})",
    re.IGNORECASE,
)


def mask_personal_data(text: str) -> str:
    """``text`` with what identifies a person replaced by a word in brackets; document numbers stay."""
    text = _EMAIL.sub("[email]", text)
    for match in reversed(list(phonenumbers.PhoneNumberMatcher(text, "VN"))):
        text = f"{text[: match.start]}[số điện thoại]{text[match.end :]}"
    text = _LONG_DIGITS.sub("[số riêng]", text)
    text = _PLATE.sub("[biển số]", text)
    return _NAME.sub(r"\1 [tên]", text)
