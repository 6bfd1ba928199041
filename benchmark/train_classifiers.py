"""The classifiers: topic, facet, and whether a message is ours at all.

Each is fitted on the content and the phrase banks first, then moved a little by the people's messages of
``benchmark/fit``. What is fitted on top of the classifiers needs their opinion of messages they have not seen: so the
second step is also made without a quarter of those messages at a time (``Folds``). Beside each stands a network that
learns all three at once; the two opinions count the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmark.train_data import (
    DIALOGUES,
    OUTSIDE,
    QUESTIONS,
    Example,
    Line,
    facet_examples,
    fit_lines,
    noisy_copies,
    topic_examples,
)  # fmt: skip
from benchmark.train_linear import Solution, look_at, make_table, matrix_of, solve
from benchmark.train_network import Network, Targets, train_network
from knowledge.base import KnowledgeBase
from knowledge.classifier import Head, Table, Trained
from knowledge.leave_one_out import content_hash
from knowledge.outcome import NOT_OURS, OURS
from knowledge.ranking import BARE, OFFTOPIC

FOLDS = 4
_LEAST = 6
_MOST_TERMS = 42_000
_LINE = 3.0  # what a person's message counts beside a phrase of the content
_COPY = 1.0
_TURN = 0.7  # and the last turn of a dialogue
_NAMED = 0.5  # from this probability on a last turn names its matter itself
_SAMPLE = 16_000  # texts of the content that keep the second step from forgetting them
_SHARES = (1.0, 0.6, 0.4)  # of topics, facets and scope in what the network learns
_STEPS = 7  # of a weight of the network, each way; finer ones change nothing
_LARGEST = 0.998  # the share of its weights that the steps reach

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Folds:
    """The classifiers made without each quarter of the people's messages; ``of`` tells a line's quarter."""

    trained: tuple[Trained, ...]

    @staticmethod
    def of(position: int) -> int:
        """The fold of the line at a position of its file."""
        return position % FOLDS


@dataclass
class _Task:
    """One classifier in the making: its texts as rows of the shared matrix."""

    name: str
    classes: tuple[str, ...]
    rows: Numbers
    labels: Numbers
    weights: NDArray[np.float32]
    folds: Numbers  # -1 for the content

    def part(self, places: Numbers) -> _Task:
        """The same of some of the texts."""
        return replace(
            self, rows=self.rows[places], labels=self.labels[places], weights=self.weights[places],
            folds=self.folds[places],
        )  # fmt: skip

    def without(self, fold: int | None) -> _Task:
        """The same without the people's messages of a fold."""
        return self if fold is None else self.part(np.flatnonzero(self.folds != fold))


def _log(message: str) -> None:
    print(message, flush=True)


def train_classifiers(knowledge: KnowledgeBase) -> tuple[Trained, Folds]:
    """Train everything, from nothing but the content and ``benchmark/fit``."""
    started = time.perf_counter()
    own, facets = topic_examples(knowledge), facet_examples(knowledge)
    questions, outside, dialogues = fit_lines(QUESTIONS), fit_lines(OUTSIDE), fit_lines(DIALOGUES)
    lines: list[tuple[str, Line, int, float]] = []
    for group in (questions, outside):
        for position, line in enumerate(group):
            lines.append((line["text"], line, Folds.of(position), _LINE))
            lines += [(text, line, Folds.of(position), _COPY) for text in noisy_copies(line)]
    last_turns = [(line["turns"][-1], line, Folds.of(position), _LINE) for position, line in enumerate(dialogues)]
    before = [" . ".join(line["turns"][:-1]) for line in dialogues]
    features = look_at(
        [
            *(e.text for e in own),
            *(e.text for e in facets),
            *(text for text, *_ in lines),
            *(t for t, *_ in last_turns),
            *before,
        ],
        "classifiers",
    )
    table = make_table(features, least=_LEAST)
    matrix = matrix_of(table, features)
    counts = np.asarray((matrix > 0).sum(axis=0)).ravel()
    _log(
        f"classifiers: {matrix.shape[0]} texts, {matrix.shape[1]} terms, read in {time.perf_counter() - started:.0f} s"
    )
    at_facets, at_lines = len(own), len(own) + len(facets)
    at_turns = at_lines + len(lines)
    at_before = at_turns + len(last_turns)

    # -- topics: the content first, then the people's messages -----------------------------------------------------
    classes = tuple(sorted({example.label for example in own}))
    labels = np.asarray([classes.index(example.label) for example in own])
    weights = np.asarray([example.weight for example in own], dtype=np.float32)
    base = solve(matrix[: len(own)], labels, weights, len(classes), iterations=32, decay=2e-6, name="topics")
    _log(f"topics: content fitted, {time.perf_counter() - started:.0f} s")
    outer = [i for i, label in enumerate(classes) if label == OFFTOPIC or label.startswith("ref:")]
    rows, line_labels, line_weights, line_folds = [], [], [], []
    for number, (_, line, fold, weight) in enumerate(lines):
        row = at_lines + number
        if "topics" in line:
            wanted = [classes.index(topic) for topic in line["topics"] if topic in classes]
        else:
            # which agency's matter it is, the content knows better than the line
            scores = (matrix[row] @ base.weights)[0] + base.bias
            best = max(outer, key=lambda i: scores[i])
            share = np.exp(scores[outer] - scores[outer].max())
            wanted = [best if 1 / share.sum() > 0.5 else classes.index(OFFTOPIC)]
        for place, label in enumerate(wanted):
            rows.append(row)
            line_labels.append(label)
            line_weights.append(weight * (1.0 if place == 0 else 0.4))
            line_folds.append(fold)
    for number, (_, line, fold, weight) in enumerate(last_turns):
        wanted = [classes.index(topic) for topic in line["topics"] if topic in classes]
        if not wanted:
            continue
        now, then = ((matrix[row] @ base.weights)[0] + base.bias for row in (at_turns + number, at_before + number))
        share = np.exp(now - now.max())
        # a last turn that goes on about the matter without naming it names none
        bare = int(then.argmax()) in wanted and share[wanted].sum() < _NAMED * share.sum()
        rows.append(at_turns + number)
        line_labels.append(classes.index(BARE) if bare else wanted[0])
        line_weights.append(_TURN * weight)
        line_folds.append(fold)
    rng = np.random.default_rng(4)
    sample = np.sort(rng.choice(len(own), size=min(_SAMPLE, len(own)), replace=False, p=weights / weights.sum()))
    topics = _Task(
        "topics", classes, np.asarray([*range(len(own)), *rows]), np.asarray([*labels, *line_labels]),
        np.asarray([*weights, *line_weights], dtype=np.float32), np.asarray([*(-1 for _ in own), *line_folds]),
    )  # fmt: skip
    moved = topics.part(np.asarray([*sample, *range(len(own), len(topics.rows))]))
    moved.weights[: len(sample)] = 1.0

    # -- whether it is ours ----------------------------------------------------------------------------------------
    inside = [i for i, example in enumerate(own) if example.label != BARE]
    ours = [not (own[i].label == OFFTOPIC or own[i].label.startswith("ref:")) for i in inside]
    scope = _Task(
        "scope", (NOT_OURS, OURS), np.asarray([*inside, *range(at_lines, at_turns)]),
        np.asarray([*map(int, ours), *(int("topics" in line) for _, line, *_ in lines)]),
        np.asarray(
            [*(own[i].weight * (1.0 if mine else 2.5) for i, mine in zip(inside, ours, strict=True)),
             *(weight * (1.5 if "topics" in line else 4.0) for _, line, _, weight in lines)],
            dtype=np.float32,
        ),
        np.asarray([*(-1 for _ in inside), *(fold for *_, fold, _ in lines)]),
    )  # fmt: skip

    # -- facets ----------------------------------------------------------------------------------------------------
    names = tuple(sorted({example.label for example in facets}))
    rows, line_labels, line_weights, line_folds = [], [], [], []
    for start, group in ((at_lines, lines), (at_turns, last_turns)):
        for number, (_, line, fold, weight) in enumerate(group):
            for facet in line.get("facets") or ():
                rows.append(start + number)
                line_labels.append(names.index(facet))
                line_weights.append(1.5 * weight / len(line["facets"]))
                line_folds.append(fold)
    facet_task = _Task(
        "facets", names, np.asarray([*range(at_facets, at_lines), *rows]),
        np.asarray([*(names.index(e.label) for e in facets), *line_labels]),
        np.asarray([*(e.weight for e in facets), *line_weights], dtype=np.float32),
        np.asarray([*(-1 for _ in facets), *line_folds]),
    )  # fmt: skip

    tasks = (topics, facet_task, scope)

    def made(left_out: int | None) -> Trained:
        found = []
        for task, begin, iterations, decay in (
            (moved, base, 30, 4e-6), (facet_task, None, 40, 1.2e-5), (scope, None, 30, 6e-6),
        ):  # fmt: skip
            kept = task.without(left_out)
            found.append(
                solve(
                    matrix[kept.rows], kept.labels, kept.weights, len(kept.classes),
                    iterations=iterations, decay=decay, start=begin, name=kept.name,
                )
            )  # fmt: skip
        wanted = [
            Targets(kept.rows, kept.labels, kept.weights, len(kept.classes), share)
            for kept, share in zip([task.without(left_out) for task in tasks], _SHARES, strict=True)
        ]
        network = train_network(matrix, wanted, name="all" if left_out is None else f"fold {left_out}")
        return _pack(table, counts, tasks, found, network, content_hash(knowledge))

    final = made(None)
    _log(f"classifiers: fitted, {time.perf_counter() - started:.0f} s")
    folds = Folds(tuple(made(fold) for fold in range(FOLDS)))
    _log(f"classifiers: folds fitted, {time.perf_counter() - started:.0f} s")
    return final, folds


def _pack(
    table: Table, counts: Numbers, tasks: Sequence[_Task], solutions: Sequence[Solution], network: Network, digest: str
) -> Trained:
    """All classifiers in one matrix of 8-bit steps, with the terms that weigh most."""
    direct = np.concatenate([solution.weights for solution in solutions], axis=1)
    strength = np.linalg.norm(direct, axis=1) * np.sqrt(table.idf)
    felt = np.linalg.norm(network.first, axis=1) * np.sqrt(counts)
    strength = strength / strength.mean() + felt / felt.mean()
    keep = np.sort(np.argsort(-strength, kind="stable")[:_MOST_TERMS])
    direct, hidden = direct[keep], network.first[keep]
    scale = np.maximum(np.abs(direct).max(axis=0), 1e-9) / 127
    hidden_scale = np.maximum(np.quantile(np.abs(hidden), _LARGEST, axis=0), 1e-9) / _STEPS
    steps = np.clip(np.rint(hidden / hidden_scale), -_STEPS, _STEPS)
    heads, start = {}, 0
    for task in tasks:
        heads[task.name] = Head(task.classes, start)
        start += len(task.classes)
    words = int((keep < len(table.codes)).sum())
    return Trained(
        heads=heads,
        table=Table(
            table.codes[keep[:words]], table.characters[keep[words:] - len(table.codes)], table.idf[keep]
        ),
        weights=np.concatenate((np.rint(direct / scale), steps), axis=1).astype(np.int8),
        scale=np.concatenate((scale, hidden_scale)).astype(np.float32),
        bias=np.concatenate([*(solution.bias for solution in solutions), network.first_bias]).astype(np.float32),
        top=network.top, top_bias=network.top_bias, fitted={}, content_hash=digest,
    )  # fmt: skip


__all__ = ["Example", "Folds", "train_classifiers"]
