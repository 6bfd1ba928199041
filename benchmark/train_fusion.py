"""The weights of the fusion and the calibration of the confidence, fitted on ``benchmark/fit`` (and ``more-*``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from benchmark.scoring import Line, read_lines
from knowledge.base import KnowledgeBase
from knowledge.classifier import WEIGHTS_FILE, load_trained, read_models, save_models
from knowledge.ranking import SIGNALS, Ranker
from knowledge.reading import read

HERE = Path(__file__).parent


def fitting_lines() -> tuple[list[Line], list[Line]]:
    """Questions and out-of-scope messages that may fit weights."""
    questions, outside = read_lines(HERE / "fit" / "questions.jsonl"), read_lines(HERE / "fit" / "oos.jsonl")
    folder = os.environ.get("EVAL_DIR")
    if folder:
        questions += read_lines(Path(folder) / "more-questions.jsonl")
        outside += read_lines(Path(folder) / "more-oos.jsonl")
    return questions, outside


class FusionProblem:
    """Signals of every line and which classes are right for it."""

    def __init__(self, ranker: Ranker, questions: Sequence[Line], outside: Sequence[Line]) -> None:
        self.count = ranker.topic_count
        self.signals = np.stack([ranker.signals(read(line["text"]))[0] for line in [*questions, *outside]])
        self.right = np.zeros((len(self.signals), len(ranker.classes)), dtype=bool)
        for row, line in enumerate(questions):
            for topic in line["topics"]:
                if topic in ranker.classes:
                    self.right[row, ranker.classes.index(topic)] = True
        self.right[len(questions) :, self.count :] = True
        usable = self.right.any(axis=1)
        self.signals, self.right = self.signals[usable], self.right[usable]
        self.inside = int(usable[: len(questions)].sum())

    def scores(self, parameters: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        scores = np.einsum("s,nsc->nc", parameters[: len(SIGNALS)], self.signals)
        scores[:, self.count : -2] += parameters[-3]
        scores[:, -2] += parameters[-2]
        scores[:, -1] += parameters[-1]
        return scores

    def loss(self, parameters: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        """Negative log-likelihood of the acceptable classes with a mild pull to small weights; and its gradient."""
        scores = self.scores(parameters)[rows]
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        everything = odds.sum(axis=1)
        right = np.where(self.right[rows], odds, 0.0)
        good = right.sum(axis=1) + 1e-12
        value = float(np.mean(np.log(everything) - np.log(good)))
        pull = odds / everything[:, None] - right / good[:, None]
        gradient = np.zeros_like(parameters)
        gradient[: len(SIGNALS)] = np.einsum("nc,nsc->s", pull, self.signals[rows]) / len(scores)
        gradient[-3] = pull[:, self.count : -2].sum() / len(scores)
        gradient[-2] = pull[:, -2].sum() / len(scores)
        gradient[-1] = pull[:, -1].sum() / len(scores)
        ridge = 1e-4
        return value + ridge * float(parameters @ parameters), gradient + 2 * ridge * parameters

    def fit(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        start = np.asarray([1.0, 3.0, 0.5, 0.5, 0.0, 0.0, 0.0])
        bounds = [(0.0, None)] * len(SIGNALS) + [(-6.0, 6.0)] * 3
        found = minimize(self.loss, start, args=(rows,), jac=True, bounds=bounds, method="L-BFGS-B")
        return np.asarray(found.x)

    def accuracy(self, parameters: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> float:
        best = self.scores(parameters)[rows].argmax(axis=1)
        return float(self.right[rows, best].mean())


def confidence_features(log_probabilities: np.ndarray[Any, Any], count: int, coverage: float) -> list[float]:
    """What the calibration looks at; see ``knowledge.deciding``."""
    topics = np.sort(np.exp(log_probabilities[:count]))[::-1]
    outside = float(np.exp(log_probabilities[count:]).sum())
    return [float(topics[0]), float(topics[0] - topics[1]), outside, min(coverage, 1.0)]


def train_fusion(knowledge: KnowledgeBase) -> None:
    """Fit, cross-validate, calibrate and store."""
    load_trained.cache_clear()
    ranker = Ranker(knowledge)
    questions, outside = fitting_lines()
    problem = FusionProblem(ranker, questions, outside)
    everything = np.arange(len(problem.signals))
    folds = everything % 5
    held = [problem.accuracy(problem.fit(everything[folds != f]), everything[folds == f]) for f in range(5)]
    parameters = problem.fit(everything)
    print(f"fusion: {len(everything)} lines, cross-validated {np.mean(held):.3f}", flush=True)
    fusion = {name: round(float(w), 4) for name, w in zip(SIGNALS, parameters, strict=False)}
    fusion |= {
        name: round(float(value), 4)
        for name, value in zip(("bias_refusal", "bias_bare", "bias_off"), parameters[-3:], strict=True)
    }
    print("        " + "  ".join(f"{k} {v}" for k, v in fusion.items()), flush=True)
    calibration, thresholds = _calibrate(problem, parameters, ranker)
    trained = read_models(WEIGHTS_FILE)
    assert trained.topics is not None and trained.facets is not None
    trained = replace(
        trained, fitted={**trained.fitted, "fusion": fusion, "calibration": calibration, "thresholds": thresholds}
    )
    save_models(
        WEIGHTS_FILE, {"topics": trained.topics, "facets": trained.facets}, fitted=trained.fitted,
        content_hash=trained.content_hash or "",
    )  # fmt: skip
    load_trained.cache_clear()


def _calibrate(
    problem: FusionProblem, parameters: np.ndarray[Any, Any], ranker: Ranker
) -> tuple[list[float], dict[str, float]]:
    """A logistic curve from the fused probabilities to how often the best topic is right; and the thresholds on it."""
    scores = problem.scores(parameters)
    scores -= scores.max(axis=1, keepdims=True)
    log_probabilities = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    coverages = problem.signals[:, SIGNALS.index("topic")].max(axis=1)
    best = log_probabilities[:, : ranker.topic_count].argmax(axis=1)
    right = problem.right[np.arange(len(best)), best]
    rows = np.asarray(
        [
            confidence_features(row, ranker.topic_count, float(coverage))
            for row, coverage in zip(log_probabilities, coverages, strict=True)
        ]
    )
    model = LogisticRegression(C=3.0)
    model.fit(rows, right)
    confidence = model.predict_proba(rows)[:, 1]
    outside = rows[:, 2]
    inside = np.arange(len(rows)) < problem.inside
    thresholds, worth = {}, -9.0
    for answer in np.arange(0.35, 0.51, 0.05):
        for limit in np.arange(0.40, 0.66, 0.05):
            for clarify in (0.12, 0.15):
                answered = (confidence >= answer) & (outside <= limit)
                asked = ~answered & (confidence >= clarify) & (outside <= limit)
                value = (
                    (answered & right)[inside].mean() - 0.1 * (answered & ~right)[inside].mean()
                    + 0.3 * asked[inside].mean() - 0.5 * answered[~inside].mean() - 0.5 * asked[~inside].mean()
                )  # fmt: skip
                if value > worth + 1e-9:
                    worth = float(value)
                    thresholds = {"answer": float(answer), "outside": float(limit), "clarify": clarify}
    thresholds = {name: round(value, 3) for name, value in thresholds.items()}
    print("        " + "  ".join(f"{name} {value}" for name, value in thresholds.items()), flush=True)
    return [round(float(value), 4) for value in (*model.coef_[0], model.intercept_[0])], thresholds
