"""The console's words for what rows hold as codes, and its sentences, by key. A missing key fails loudly."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

import yaml

FILES = ("vi.yaml", "admin.yaml")


@cache
def console_texts() -> dict[str, str]:
    """All texts by key: ``vi.yaml``, and ``admin.yaml`` for the pages of administration."""
    return {key: text for name in FILES for key, text in read_texts(name).items()}


def read_texts(name: str) -> dict[str, str]:
    """The texts of one file."""
    return cast("dict[str, str]", yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8")))


def word(key: str, **fields: object) -> str:
    """The text ``key``, filled in.

    Raises:
        KeyError: There is no such text, or it names a field that was not given.
    """
    return console_texts()[key].format_map(fields)


def done_words(key: str) -> str | None:
    """What was just done, in words; None for a key that nobody of ours put into the address."""
    return console_texts().get(f"done.{key}") if key else None


def name_of(family: str, code: str | None) -> str:
    """The word for a code of a row, such as ``name_of("outcome", "answer")``.

    An empty one is that of ``<family>.none``; a code without a word of its own is shown as it is, because a row of
    another release must not break a page.
    """
    texts = console_texts()
    return texts.get(f"{family}.{code or 'none'}", code or "")


def names_of(family: str) -> dict[str, str]:
    """Every code of a family with its word, in the order of the file; without ``none``."""
    start = f"{family}."
    codes = {key.removeprefix(start): text for key, text in console_texts().items() if key.startswith(start)}
    return {code: text for code, text in codes.items() if code != "none"}
