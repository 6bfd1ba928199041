"""What a conversation adds to the reading of a message, fitted on the dialogues of ``benchmark/fit``.

There are few of them; so beside each real one stand made-up turns: a question after one of the same topic, after one of
another, a question that names no matter, a message that is not ours.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmark.scoring import Line
from benchmark.train_classifiers import FOLDS, Folds
from benchmark.train_data import DIALOGUES, OUTSIDE, QUESTIONS, fit_lines
from knowledge.base import KnowledgeBase
from knowledge.classifier import load_trained, log_softmax
from knowledge.followups import DEFAULT_WEIGHTS, WEIGHTS, Earlier, marks_of, together, weigh
from knowledge.outcome import outside_features
from knowledge.ranking import Evidence, Ranker
from knowledge.reading import load_yaml, read
from knowledge.understanding import Outcome, QuestionContext, Understander

_REAL = 10.0
_REFUSED = 0.15  # how often the message before is taken for one that led nowhere
_SAME, _OTHER, _BARE, _NOT_OURS = (400, 0.35), (500, 0.5), (300, 0.5), (400, 0.5)


@dataclass(frozen=True)
class Turn:
    """A message after another: what it may be about (none: not ours), the topics before it, latest first."""

    text: str
    before: str | None
    topics: tuple[str, ...]
    subject: str | None
    recent: tuple[str, ...]
    weight: float
    fold: int


def _real_turns(understander: Understander) -> list[Turn]:
    """The last turns of the dialogues, with what the bot itself would remember of the turns before."""
    found = []
    for position, line in enumerate(fit_lines(DIALOGUES)):
        context = QuestionContext(province=line["province"])
        recent: list[str] = []
        for text in line["turns"][:-1]:
            decided = understander.understand(text, context)
            topic, question = context.topic, context.question
            if decided.outcome in (Outcome.ANSWER, Outcome.CLARIFY, Outcome.NO_ANSWER):
                question = text
            if decided.outcome in (Outcome.ANSWER, Outcome.CLARIFY) and decided.topic:
                topic = decided.topic
                recent = [topic, *(other for other in recent if other != topic)]
            context = QuestionContext(
                province=line["province"], topic=topic, question=question, recent_topics=tuple(recent)
            )
        found.append(
            Turn(
                line["turns"][-1], context.question, tuple(line["topics"]), context.topic, context.recent_topics, _REAL,
                Folds.of(position),
            )
        )  # fmt: skip
    return found


def _made_turns(rng: random.Random) -> list[Turn]:
    """Pairs of messages of one fold, so that the same classifiers have seen neither."""
    lines = [(line, Folds.of(position)) for position, line in enumerate(fit_lines(QUESTIONS))]
    by_fold: list[list[Line]] = [[line for line, fold in lines if fold == number] for number in range(FOLDS)]
    others = [(line, Folds.of(position)) for position, line in enumerate(fit_lines(OUTSIDE))]
    phrases = [phrase for bank in load_yaml("facets").values() for phrase in bank]
    found = []

    def after(before: Line, text: str, topics: Sequence[str], weight: float, fold: int) -> None:
        subject = before["topics"][0]
        if rng.random() < _REFUSED:
            found.append(Turn(text, before["text"], tuple(topics), None, (), weight, fold))
        else:
            found.append(Turn(text, before["text"], tuple(topics), subject, (subject,), weight, fold))

    for line, fold in rng.sample(lines, _SAME[0]):
        same = [other for other in by_fold[fold] if other["topics"][0] == line["topics"][0] and other is not line]
        if same:
            after(rng.choice(same), line["text"], line["topics"], _SAME[1], fold)
    for line, fold in rng.sample(lines, _OTHER[0]):
        other = rng.choice(by_fold[fold])
        if other["topics"][0] not in line["topics"]:
            after(other, line["text"], line["topics"], _OTHER[1], fold)
    for _ in range(_BARE[0]):
        fold = rng.randrange(FOLDS)
        before = rng.choice(by_fold[fold])
        after(before, rng.choice(phrases), before["topics"][:1], _BARE[1], fold)
    for line, fold in rng.sample(others, min(len(others), _NOT_OURS[0])):
        after(rng.choice(by_fold[fold]), line["text"], (), _NOT_OURS[1], fold)
    return found


class ContextProblem:
    """The turns with their scores by themselves and with the message before."""

    def __init__(self, ranker: Ranker, rankers: Sequence[Ranker], turns: Sequence[Turn]) -> None:
        self.ranker, self.turns = ranker, turns
        self.evidence: list[Evidence] = []
        self.joint: list[Evidence | None] = []
        count = len(ranker.classes)
        self.right = np.zeros((len(turns), count), dtype=bool)
        for row, turn in enumerate(turns):
            seen = rankers[turn.fold]
            self.evidence.append(seen.look(read(turn.text)))
            before = ranker.knowledge.topics[turn.subject].label if turn.subject else turn.before
            self.joint.append(seen.look(read(together(before, turn.text))) if before else None)
            for topic in turn.topics:
                self.right[row, ranker.class_number(topic)] = True
            if not turn.topics:
                self.right[row, ranker.topic_count :] = True
        self.marks = [marks_of(found.reading) for found in self.evidence]
        self.alone = [log_softmax(ranker.fuse(found).astype(np.float64)) for found in self.evidence]
        self.together = [log_softmax(ranker.fuse(found)) if found else None for found in self.joint]
        self.weights = np.asarray([turn.weight for turn in turns])

    def earlier(self, row: int, weights: dict[str, float]) -> Earlier:
        """What the conversation adds to a turn."""
        parts, turn = weigh(self.marks[row], weights), self.turns[row]
        recent = {topic: parts["recent"] for topic in turn.recent if topic != turn.subject}
        return Earlier(turn.subject, parts["bonus"], recent, parts["outside"], parts["joint"])

    def log_probabilities(self, parameters: NDArray[Any]) -> NDArray[Any]:
        """Turns × classes."""
        weights = dict(zip(WEIGHTS, map(float, parameters), strict=True))
        return np.stack(
            [
                log_softmax(self.ranker.add_earlier(alone, self.earlier(row, weights), joint))
                for row, (alone, joint) in enumerate(zip(self.alone, self.together, strict=True))
            ]
        )

    def loss(self, parameters: NDArray[Any]) -> float:
        """Negative log-likelihood with a mild pull to the weights by hand."""
        logs = self.log_probabilities(parameters)
        good = np.log(np.where(self.right, np.exp(logs), 0.0).sum(axis=1) + 1e-9)
        pull = 3e-3 * float(((parameters - np.asarray(list(DEFAULT_WEIGHTS.values()))) ** 2).sum())
        return -float(self.weights @ good / self.weights.sum()) + pull


def train_context(knowledge: KnowledgeBase, folds: Folds) -> dict[str, Any]:
    """Fit what a conversation adds, then the line between ours and not inside one."""
    from benchmark.train_fusion import logistic

    understander = Understander(knowledge, trained=load_trained())
    ranker = understander.ranker
    rankers = [ranker.with_trained(fold) for fold in folds.trained]
    real = _real_turns(understander)
    turns = [*real, *_made_turns(random.Random(9))]
    problem = ContextProblem(ranker, rankers, turns)
    start = np.asarray(list(DEFAULT_WEIGHTS.values()))
    found = minimize(problem.loss, start, method="L-BFGS-B", options={"maxiter": 30, "eps": 1e-3})
    for name, parameters in (("by hand", start), ("fitted", found.x)):
        logs = problem.log_probabilities(parameters)
        right = problem.right[np.arange(len(turns)), logs.argmax(axis=1)]
        print(
            f"context {name}: dialogues {right[: len(real)].mean():.3f} made {right[len(real) :].mean():.3f}"
            f" loss {problem.loss(parameters):.3f}",
            flush=True,
        )
    weights = {name: round(float(value), 3) for name, value in zip(WEIGHTS, found.x, strict=True)}
    print("        " + "  ".join(f"{name} {value}" for name, value in weights.items()), flush=True)
    rankings = [
        ranker.rank(problem.evidence[row], earlier=problem.earlier(row, weights), joint=problem.joint[row])
        for row in range(len(turns))
    ]
    rows = np.asarray(
        [outside_features(ranker, ranking, joint) for ranking, joint in zip(rankings, problem.joint, strict=True)]
    )
    is_outside = np.asarray([not turn.topics for turn in turns])
    outcome, held = logistic(rows, is_outside, problem.weights)
    print("        outside: " + " ".join(map(str, outcome)), flush=True)
    for limit in (0.3, 0.4, 0.5, 0.6):
        print(
            f"        refused above {limit}: dialogues {(held[: len(real)] > limit).mean():.3f}"
            f" made {(held > limit)[len(real) :][~is_outside[len(real) :]].mean():.3f}"
            f" not ours {(held > limit)[is_outside].mean():.3f}",
            flush=True,
        )
    return {"context": weights, "outcome_context": outcome}
