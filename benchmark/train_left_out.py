"""What a topic classifier says of every question of the content without having seen it, for ``kb check``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmark.train_data import QUESTIONS, Example, count_plain, fit_lines, topic_examples
from benchmark.train_linear import look_at, make_table, matrix_of, solve
from knowledge.base import KnowledgeBase
from knowledge.leave_one_out import LeftOutScores

_LINE = 3.0
_LEAST = 4
_ITERATIONS = 28


def _texts(knowledge: KnowledgeBase) -> Iterator[Example]:
    yield from topic_examples(knowledge, noise=0.0)[: count_plain(knowledge)]
    for line in fit_lines(QUESTIONS):
        yield Example(line["text"], line["topics"][0], _LINE)


def train_left_out(knowledge: KnowledgeBase) -> LeftOutScores:
    """A part of the content's questions at a time: a classifier made without them, and its likeliest classes."""
    examples = list(_texts(knowledge))
    features = look_at([example.text for example in examples], "left out")
    matrix = matrix_of(make_table(features, least=_LEAST), features)
    classes = tuple(sorted({example.label for example in examples}))
    labels = np.asarray([classes.index(example.label) for example in examples])
    weights = np.asarray([example.weight for example in examples], dtype=np.float32)
    asked = {question for entry in knowledge.entries.values() for question in entry.questions}
    parts = np.asarray([LeftOutScores.part(e.text) if e.text in asked else -1 for e in examples])
    found: dict[int, tuple[list[str], list[float]]] = {}
    for part in range(LeftOutScores.PARTS):
        keep, out = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        solution = solve(
            matrix[keep], labels[keep], weights[keep], len(classes), iterations=_ITERATIONS, decay=2e-6, name="left out"
        )
        scores = matrix[out] @ solution.weights + solution.bias
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        for row, at in zip(scores, out, strict=True):
            best = np.argsort(-row, kind="stable")[: LeftOutScores.KEPT]
            found[LeftOutScores.key(examples[at].text)] = ([classes[i] for i in best], [float(row[i]) for i in best])
    print(f"left out: {len(found)} questions in {LeftOutScores.PARTS} parts", flush=True)
    return LeftOutScores.of(found, classes)
