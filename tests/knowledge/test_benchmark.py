"""The question sets stay out of everything that is trained or looked up, and no class gets worse unseen."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark import evaluate
from benchmark.scoring import read_lines
from benchmark.train_data import facet_examples, topic_examples
from knowledge.base import KnowledgeBase
from knowledge.reading import load_yaml
from knowledge.text import fold

BENCHMARK = Path(evaluate.__file__).parent


def _key(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


def _sets() -> Iterator[Path]:
    for name in ("dev", "test"):  # the messages of ``fit`` are for learning
        yield BENCHMARK / name
    folder = Path(os.environ.get("EVAL_DIR") or BENCHMARK.parent.parent / "shared" / "eval")
    if folder.is_dir():
        yield folder


def _asked() -> set[str]:
    texts: list[str] = [line["text"] for line in read_lines(BENCHMARK / "seed-facts.jsonl")]
    for folder in _sets():
        for path in sorted(folder.glob("*.jsonl")):
            for line in read_lines(path):
                texts += line.get("turns") or [line["text"]]
    return {key for text in texts if len((key := _key(text)).split()) >= 5}


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)


def test_no_line_of_a_set_is_content_lexicon_or_training_example(shipped: KnowledgeBase) -> None:
    asked = _asked()
    assert len(asked) > 900
    texts = [q for entry in shipped.entries.values() for q in (entry.title, *entry.questions)]
    texts += [t for topic in shipped.topics.values() for t in (*topic.names, *topic.situations)]
    texts += [q for card in shipped.referrals.values() for q in card.questions]
    for name in (
        "abbreviations",
        "dialect",
        "english",
        "facets",
        "cues",
        "offtopic",
        "situations",
        "phrases",
        "courtesy",
    ):
        texts += _strings(load_yaml(name))
    for path in (BENCHMARK / "fit").glob("*.jsonl"):
        texts += [text for line in read_lines(path) for text in line.get("turns") or [line["text"]]]
    texts += [example.text for example in topic_examples(shipped, noise=0.0)]
    texts += [example.text for example in facet_examples(shipped, noise=0.0)]
    found = sorted({text for text in texts if _key(text) in asked})
    assert found == []


@pytest.mark.slow
def test_no_class_is_worse_than_the_committed_figures() -> None:
    """A class may lose one question, or one point, but not more than both."""
    committed = json.loads(evaluate.FIGURES.read_text(encoding="utf-8"))
    now = evaluate.figures(evaluate.OwnBot(evaluate.make_answerer()))
    worse = {}
    for label, before in committed.items():
        after = now.get(label, {})
        for figure, value in before.items():
            if figure == "count":
                continue
            lost = value / before["count"] - after.get(figure, 0) / max(1, after.get("count", 1))
            if lost * before["count"] > 1.001 and lost > 0.01:
                worse[f"{label} {figure}"] = (value, after.get(figure))
    assert worse == {}
