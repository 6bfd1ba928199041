"""The shipped content among made-up programmes: 1,500 topics, 100,000 entries, asked the development questions."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.scoring import read_lines
from knowledge.base import KnowledgeBase
from knowledge.loader import load_content
from knowledge.reading import load_yaml
from knowledge.schema import Entry, Record, Topic
from knowledge.spelling import load_language

HERE = Path(__file__).parent
TOPICS, ENTRIES = 1_500, 100_000


def made_up(real: list[Record], *, topics: int, entries: int, seed: int = 5) -> Iterator[Record]:
    """Topics named by common words in new order, each with every facet for every province and facts of many years."""
    rng = random.Random(seed)
    words = [w for w, n in sorted(load_language().words.items(), key=lambda p: (-p[1], p[0])) if not w.isascii()]
    words = words[60:1_500]
    topic = next(record for record in real if isinstance(record, Topic))
    entry = next(record for record in real if isinstance(record, Entry) and record.kind == "facet")
    sentences = [s.strip() for r in real if isinstance(r, Entry) for s in r.answer.split(".") if 20 < len(s) < 120]
    banks = load_yaml("facets")
    facets = [facet for facet in banks if facet != "khac"]
    provinces = ("toan-quoc", "long-an", "ben-tre", "thai-binh")
    own = topics - sum(isinstance(record, Topic) for record in real)
    each = max(1, (entries - sum(isinstance(record, Entry) for record in real)) // own)
    for number in range(own):
        names = tuple(" ".join(rng.sample(words, rng.choice((2, 3, 4)))) for _ in range(4))
        key = f"thu-{number}"
        yield topic.model_copy(
            update={
                "topic": key, "label": names[0], "names": names, "not_applicable": (),
                "situations": tuple(f"nhà tôi {name} {rng.choice(words)}" for name in names),
            }
        )  # fmt: skip
        pairs = [(facet, province) for facet in facets for province in provinces]
        for place in range(each):
            kind = "facet" if place < len(pairs) else "fact"
            facet, province = pairs[place % len(pairs)]
            title = f"{rng.choice(names)} {rng.choice(banks[facet])}"
            if kind == "fact":
                title = f"{rng.choice(names)} {rng.choice(words)} năm {2010 + place % 20}"
            yield entry.model_copy(
                update={
                    "id": f"{key}/{kind}-{place}", "kind": kind, "topic": key, "facet": facet, "province": province,
                    "title": title, "keywords": (), "details": None, "answer": ". ".join(rng.sample(sentences, 2)),
                    "questions": tuple(f"{rng.choice(names)} {rng.choice(banks[facet])}" for _ in range(3)),
                }
            )  # fmt: skip


def measure(*, topics: int = TOPICS, entries: int = ENTRIES) -> dict[str, Any]:
    """Build once, ask the development questions, in this process; ``topics`` 0: the shipped content alone."""
    from knowledge.understanding import Understander

    records = list(load_content().records)
    if topics:
        records += made_up(records, topics=topics, entries=entries)
    started = time.perf_counter()
    understander = Understander(KnowledgeBase(records))
    ready = time.perf_counter() - started
    questions = read_lines(HERE / "dev" / "questions.jsonl")
    for question in questions[:30]:
        understander.understand(question["text"])
    times, right = [], 0
    for question in questions:
        at = time.perf_counter()
        found = understander.understand(question["text"])
        times.append((time.perf_counter() - at) * 1000)
        right += found.topic in question["topics"]
    times.sort()
    return {
        "topics": len(understander.knowledge.topics), "entries": len(understander.knowledge.entries), "ready": ready,
        "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "topic": right / len(questions),
    }  # fmt: skip


def bench_scale() -> None:
    """The shipped content alone and among the made-up, each in a process of its own."""
    rows = []
    for topics in (0, TOPICS):
        command = [sys.executable, "-m", "benchmark.bench_scale", str(topics)]
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
        rows.append(json.loads(result.stdout.splitlines()[-1]))
    print("\nThe shipped content alone, and among made-up topics (one thread, the development questions)")
    print(f"{'topics':>8}{'entries':>10}{'p50 ms':>9}{'p99 ms':>9}{'index s':>9}{'topic':>8}{'time':>8}")
    for row in rows:
        print(
            f"{row['topics']:8}{row['entries']:10}{row['p50']:9.2f}{row['p99']:9.2f}{row['ready']:9.1f}"
            f"{100 * row['topic']:7.1f}%{row['p50'] / rows[0]['p50']:7.2f}x"
        )


if __name__ == "__main__":
    print(json.dumps(measure(topics=int(sys.argv[1]))))
