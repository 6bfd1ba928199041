"""Every Vietnamese sentence the bot itself says, by key. A missing key or field fails loudly."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

import yaml


@cache
def catalogue() -> dict[str, str]:
    """All texts by key."""
    path = Path(__file__).with_name("vi.yaml")
    return cast("dict[str, str]", yaml.safe_load(path.read_text(encoding="utf-8")))


def say(key: str, **fields: object) -> str:
    """The text ``key``, filled in.

    Raises:
        KeyError: There is no such text, or it names a field that was not given.
    """
    return catalogue()[key].strip("\n").format_map(fields)
