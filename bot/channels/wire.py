"""What messengers send, read without trusting it: JSON in any state, text that the databases take."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_CODE = re.compile(r"#([a-z]|[a-z]{1,3}:[\w./:-]{1,60})", re.ASCII)
_BROKEN = re.compile("[\x00\ud800-\udfff]")


def load_json(raw: bytes) -> Any:
    """The value; also with half surrogates or huge numbers in it, which only the slower parser takes.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def clean_text(value: object, limit: int) -> str:
    """Text of at most ``limit`` characters without null bytes and half surrogates; empty for anything else."""
    return _BROKEN.sub("", value)[:limit] if isinstance(value, str) else ""


def identity(value: object) -> str:
    """An id, a time or a number as text: they arrive as either."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def read_code(text: str) -> tuple[str, str]:
    """Words and the data of a choice, of which one is empty: ``#`` and its data stands for a tap.

    Where there are no buttons, or a button sends its code as text, anybody can type a code; it is read like any other
    input and proves nothing. Another word after ``#`` (a menu of the messenger's own) is taken as typed.
    """
    stripped = text.strip()
    if found := _CODE.fullmatch(stripped):
        return "", found.group(1)
    return (stripped[1:], "") if re.fullmatch(r"#\w.*", stripped) else (text, "")
