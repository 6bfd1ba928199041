"""The published state in memory: every lookup the dialogue needs. Immutable; a new version is a new object."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from knowledge.documents import DocumentIndex
from knowledge.schema import Document, Entry, Record, Referral, Topic
from knowledge.taxonomy import DEFAULT_FACET, NATIONAL, Taxonomy, load_taxonomy


def short_code(record_id: str) -> str:
    """Twelve hexadecimal digits that stand for an id in a button, where 64 bytes must do."""
    return hashlib.sha256(record_id.encode()).hexdigest()[:12]


class KnowledgeBase:
    """Topics, entries, documents and referrals of one version of the published state."""

    def __init__(self, records: Iterable[Record], *, version: int = 0) -> None:
        self.version = version
        self.taxonomy: Taxonomy = load_taxonomy()
        self.topics: dict[str, Topic] = {}
        self.entries: dict[str, Entry] = {}
        self.documents: dict[str, Document] = {}
        self.referrals: dict[str, Referral] = {}
        for record in records:
            match record:
                case Topic():
                    self.topics[record.id] = record
                case Entry():
                    self.entries[record.id] = record
                case Document():
                    self.documents[record.id] = record
                case Referral():
                    self.referrals[record.id] = record
        self._facets: dict[tuple[str, str, str], Entry] = {}
        self._facts: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries.values():
            if entry.kind == "facet":
                self._facets[entry.topic, entry.facet, entry.province] = entry
            else:
                self._facts[entry.topic].append(entry)
        self._by_code = {short_code(key): key for key in (*self.entries, *(d.article for d in self.documents.values()))}

    @cached_property
    def register(self) -> DocumentIndex:
        """The documents, searchable by number."""
        return DocumentIndex(self.documents.values())

    @cached_property
    def cited_in(self) -> dict[str, tuple[str, ...]]:
        """For each document id, the entries that stand on it."""
        cited: dict[str, list[str]] = defaultdict(list)
        for entry in self.entries.values():
            for document in dict.fromkeys(source.document for source in entry.sources):
                cited[document].append(entry.id)
        return {document: tuple(entries) for document, entries in cited.items()}

    def article(self, code: str) -> str | None:
        """The id a button's code stands for; None when that piece is no longer published."""
        return self._by_code.get(code)

    def document_of(self, article: str) -> Document | None:
        """The document a ``van-ban/<slug>`` id means."""
        return self.documents.get(article.removeprefix("van-ban/")) if article.startswith("van-ban/") else None

    def label(self, topic: str) -> str:
        """The name of a topic on a button."""
        known = self.topics.get(topic)
        return known.label if known else self.taxonomy.topics[topic].split("(")[0].split(";")[0].strip()

    def facts(self, topic: str) -> list[Entry]:
        """The fact entries of a topic."""
        return self._facts.get(topic, [])

    def facet_entry(self, topic: str, facet: str, province: str = NATIONAL) -> Entry | None:
        """The entry that answers a facet for a person of ``province``.

        The province's own entry goes before the national one; a facet declared not applicable is answered by the facet
        its topic names instead; a topic that lacks even that, by its introduction.
        """
        instead = (
            {item.facet: item.instead for item in self.topics[topic].not_applicable} if topic in self.topics else {}
        )
        for wanted in dict.fromkeys((facet, instead.get(facet, facet), DEFAULT_FACET)):
            for place in (province, NATIONAL):
                if entry := self._facets.get((topic, wanted, place)):
                    return entry
        return None

    def facet_entries(self, topic: str, province: str = NATIONAL) -> list[Entry]:
        """The entries of the ``facets`` of a topic for a person of ``province``, in the same order."""
        known = self._facets.get
        found = (known((topic, facet, province)) or known((topic, facet, NATIONAL)) for facet in self.taxonomy.facets)
        return [entry for entry in found if entry is not None]

    def differs_by_province(self, topic: str, facet: str) -> bool:
        """Whether some province has an entry of its own for this facet."""
        provinces = (province for province in self.taxonomy.provinces if province != NATIONAL)
        return any((topic, facet, province) in self._facets for province in provinces)

    def facets(self, topic: str, province: str = NATIONAL) -> list[str]:
        """The facets that have an entry for a person of ``province``, in the taxonomy's order."""
        return [
            facet
            for facet in self.taxonomy.facets
            if (topic, facet, province) in self._facets or (topic, facet, NATIONAL) in self._facets
        ]
