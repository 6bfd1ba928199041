"""What is missing, broken, overdue or duplicated in the content."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TypeVar

from rapidfuzz import fuzz, process

from knowledge.loader import Content, LoadedFile, Problem
from knowledge.schema import Document, Entry, Referral, Topic
from knowledge.taxonomy import NATIONAL, Taxonomy, load_taxonomy

SOON = dt.timedelta(days=60)
FIRST_WORDS = 100
STALE = dt.timedelta(days=365)
NEAR_DUPLICATE = 96.0

R = TypeVar("R")


def check_content(content: Content, *, today: dt.date, taxonomy: Taxonomy | None = None) -> list[Problem]:
    """Every problem of the content, in file order; the files' own problems first.

    Errors stop an import; warnings are for a curator to look at. Needs no index and no database.
    """
    taxonomy = taxonomy or load_taxonomy()
    problems = list(content.problems)
    problems += _register(content)
    problems += _coverage(content, taxonomy)
    problems += _validity(content, today)
    problems += _places(content, taxonomy)
    problems += _duplicate_questions(content)
    return sorted(problems, key=lambda p: (p.severity != "error", p.path, p.line))


def _of(content: Content, kind: type[R]) -> Iterator[tuple[LoadedFile, R]]:
    for file in content.files:
        if isinstance(file.record, kind):
            yield file, file.record


def _register(content: Content) -> Iterator[Problem]:
    known = {document.id for _, document in _of(content, Document)}
    for file, entry in _of(content, Entry):
        for source in entry.sources:
            if source.document not in known:
                yield Problem(file.path, 1, f"sources: «{source.document}» is not in the documents register")
    numbers: dict[tuple[str, str, str], str] = {}
    for file, document in _of(content, Document):
        if document.number is None:
            continue
        key = (document.number.casefold(), document.issuer.casefold(), str(document.date)[:4])
        if key in numbers:
            yield Problem(file.path, 1, f"number: the same document as {numbers[key]}")
        numbers.setdefault(key, file.path)


def _coverage(content: Content, taxonomy: Taxonomy) -> Iterator[Problem]:
    topics = {topic.topic: (file, topic) for file, topic in _of(content, Topic)}
    present: dict[tuple[str, str, str], str] = {}
    for file, entry in _of(content, Entry):
        if entry.kind != "facet":
            continue
        key = (entry.topic, entry.facet, entry.province)
        if key in present:
            yield Problem(file.path, 1, f"a second facet entry for {' × '.join(key)}, beside {present[key]}")
        present.setdefault(key, file.path)
    for topic_id in taxonomy.topics:
        if topic_id not in topics:
            yield Problem(f"content/{topic_id}/_topic.yaml", 1, "the topic has no file")
            continue
        file, topic = topics[topic_id]
        declared = {item.facet: item.instead for item in topic.not_applicable}
        for facet in taxonomy.facets:
            if (topic_id, facet, NATIONAL) not in present and facet not in declared:
                yield Problem(file.path, 1, f"no national entry for facet «{facet}», and it is not declared away")
        for facet, instead in declared.items():
            if (topic_id, instead, NATIONAL) not in present:
                yield Problem(file.path, 1, f"not_applicable: «{facet}» points to «{instead}», which has no entry")
            if (topic_id, facet, NATIONAL) in present:
                yield Problem(file.path, 1, f"not_applicable: «{facet}» is declared away but has an entry")


def _validity(content: Content, today: dt.date) -> Iterator[Problem]:
    for file, entry in _of(content, Entry):
        if entry.valid_to and entry.valid_to < today and entry.kind == "facet":
            yield Problem(file.path, 1, f"valid_to: expired on {entry.valid_to}", "warning")
        elif entry.valid_to and today <= entry.valid_to < today + SOON:
            yield Problem(file.path, 1, f"valid_to: expires soon, on {entry.valid_to}", "warning")
        if entry.checked > today:
            yield Problem(file.path, 1, f"checked: {entry.checked} lies in the future")
        elif entry.checked < today - STALE:
            yield Problem(file.path, 1, f"checked: last looked at on {entry.checked}", "warning")


def _places(content: Content, taxonomy: Taxonomy) -> Iterator[Problem]:
    """Facts of one province that do not say so at once: a person of elsewhere takes them for national."""
    for file, entry in _of(content, Entry):
        if entry.kind != "fact" or entry.province == NATIONAL:
            continue
        place = taxonomy.provinces[entry.province]
        start = f"{entry.title} {entry.answer[:FIRST_WORDS]}"
        if not any(name in start for name in (place.name, place.now_name) if name):
            message = f"title and first words do not say that this is about {place.name} or {place.now_name}"
            yield Problem(file.path, 1, message, "warning")


def _key(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.casefold()))


def _duplicate_questions(content: Content) -> Iterator[Problem]:
    """The same question, or nearly, in two entries: the second could never be found by it."""
    owners: dict[str, LoadedFile] = {}
    by_scope: dict[tuple[str, str], list[tuple[str, str, LoadedFile]]] = defaultdict(list)
    for file in content.files:
        record = file.record
        if not isinstance(record, Entry | Referral):
            continue
        province = record.province if isinstance(record, Entry) else NATIONAL
        kind = record.topic if isinstance(record, Entry) else "referral"
        for question in record.questions:
            key = _key(question)
            exact = f"{province}|{key}"
            if exact in owners and owners[exact] is not file:
                yield Problem(file.path, 1, f"questions: «{question}» also stands in {owners[exact].path}")
            elif exact not in owners:
                owners[exact] = file
                by_scope[kind, province].append((key, question, file))
    for rows in by_scope.values():
        keys = [row[0] for row in rows]
        scores = process.cdist(keys, keys, scorer=fuzz.ratio, score_cutoff=NEAR_DUPLICATE, workers=1)
        for i, j in zip(*scores.nonzero(), strict=True):
            if i < j and rows[i][2] is not rows[j][2]:
                message = f"questions: «{rows[j][1]}» is nearly «{rows[i][1]}» in {rows[i][2].path}"
                yield Problem(rows[j][2].path, 1, message, "warning")


def summarise(content: Content) -> dict[str, int]:
    """How many records of each kind, for the table of ``kb check``."""
    counts = Counter(type(file.record).__name__.lower() for file in content.files)
    counts["questions"] = sum(len(entry.questions) for _, entry in _of(content, Entry))
    counts["facts"] = sum(entry.kind == "fact" for _, entry in _of(content, Entry))
    return dict(counts)
