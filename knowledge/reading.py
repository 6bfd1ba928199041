"""What was read as what: the message in one Unicode form, abbreviations spelled out, courtesy set aside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

import yaml

from knowledge.text import clean, fold, words

_COURTESY = re.compile(
    r"\b(?:da|vang|a|nha|nhe|nhi|ha|hen|voi|vay|z|ad|admin|oi|em chao|xin chao|chao|cho hoi|cho em hoi|cho toi hoi|cho tui hoi"
    r"|xin hoi|lam on|giup em|giup toi|giup tui|cam on|thua|kinh thua|anh chi oi|anh chi|co chu|ban oi|em oi|shop)\b"
)


@dataclass(frozen=True)
class Reading:
    """A message as understood word by word. ``words`` carry the search; ``folded`` is everything, without marks."""

    text: str
    words: tuple[str, ...]
    folded: str


@cache
def _lexicon(name: str) -> dict[str, list[str]]:
    path = Path(__file__).with_name(f"{name}.yaml")
    return cast("dict[str, list[str]]", yaml.safe_load(path.read_text(encoding="utf-8")))


def _expand(tokens: list[str]) -> list[str]:
    """Abbreviations in place by their first reading, the other readings appended."""
    abbreviations = _lexicon("abbreviations")
    expanded: list[str] = []
    more: list[str] = []
    for token in tokens:
        readings = abbreviations.get(token)
        if readings is None:
            expanded.append(token)
            continue
        expanded.extend(readings[0].split())
        for other in readings[1:]:
            more.extend(other.split())
    return expanded + more


def _dialect(tokens: list[str]) -> list[str]:
    """Everyday and regional words keep their place; what they mean is appended."""
    padded = f" {' '.join(tokens)} "
    more: list[str] = []
    for phrase, meanings in _lexicon("dialect").items():
        if f" {phrase} " in padded:
            more.extend(meanings[0].split())
    return tokens + more


@lru_cache(maxsize=20_000)
def read(text: str) -> Reading:
    """Read a message; the same text always reads the same."""
    tokens = _dialect(_expand(words(text)))
    folded = " ".join(fold(token) for token in tokens)
    stripped = _COURTESY.sub(" ", folded).split()
    kept = list(tokens)
    if len(stripped) < len(tokens):
        remaining = list(stripped)
        kept = []
        for token in tokens:
            if remaining and fold(token) == remaining[0]:
                kept.append(token)
                remaining.pop(0)
    return Reading(text=clean(text), words=tuple(kept), folded=folded)
