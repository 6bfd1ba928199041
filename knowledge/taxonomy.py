"""The map of what the assistant must know: fields, topics, facets, provinces and audiences.

Read from ``taxonomy.yaml``; its ids are a contract with content, analytics and evaluations and are never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

NATIONAL = "toan-quoc"
DEFAULT_FACET = "gioi-thieu"
SOURCES_FACET = "can-cu"


@dataclass(frozen=True)
class Province:
    """A province as the source plans name it, and the province it belongs to since 2025-07-01."""

    id: str
    name: str
    now: str | None = None
    now_name: str | None = None


@dataclass(frozen=True)
class Field:
    """A group of topics, as shown in the menu."""

    id: str
    name: str
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Taxonomy:
    """All ids with their Vietnamese descriptions."""

    facets: dict[str, str]
    provinces: dict[str, Province]
    audiences: dict[str, str]
    fields: dict[str, Field]
    topics: dict[str, str]

    def province_id(self, name: str) -> str | None:
        """The taxonomy's id for an id of its own or for a province of today (``tay-ninh`` → ``long-an``)."""
        if name in self.provinces:
            return name
        return next((p.id for p in self.provinces.values() if p.now == name), None)


@cache
def load_taxonomy() -> Taxonomy:
    """Read the taxonomy file; it is shipped with the package and read once."""
    path = Path(__file__).with_name("taxonomy.yaml")
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    topics: dict[str, str] = {}
    fields: dict[str, Field] = {}
    for field_id, field in raw["fields"].items():
        topics |= field["topics"]
        fields[field_id] = Field(id=field_id, name=field["name"], topics=tuple(field["topics"]))
    return Taxonomy(
        facets=raw["facets"],
        provinces={key: Province(id=key, **value) for key, value in raw["provinces"].items()},
        audiences=raw["audiences"],
        fields=fields,
        topics=topics,
    )
