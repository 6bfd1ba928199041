"""What is fitted on top of the classifiers, on ``benchmark/fit``: fusion, the line between ours and not, confidence.

Every message is looked at by the classifiers that were made without it (``Folds``); otherwise the fusion would trust
them too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from benchmark.scoring import Line
from benchmark.train_classifiers import Folds
from benchmark.train_data import OUTSIDE, QUESTIONS, fit_lines
from knowledge.base import KnowledgeBase
from knowledge.classifier import load_trained
from knowledge.outcome import confidence_features, outside_features
from knowledge.ranking import SIGNALS, Evidence, Ranker
from knowledge.reading import read

Parameters = NDArray[Any]
_OUTSIDE_WEIGHT = 2.0  # a refused message beside a question: fit holds five questions for each
_OUTSIDE_IN_CALIBRATION = 0.1
# on probabilities, so that they hold for other weights; the best are a wide plain, and of it these answer most while
# enough of what is not ours is refused
THRESHOLDS = {"answer": 0.4, "outside": 0.36, "clarify": 0.12}


def evidence_of(rankers: Sequence[Ranker], lines: Sequence[Line]) -> list[Evidence]:
    """Each line as the classifiers see it that were made without it."""
    return [rankers[Folds.of(position)].look(read(line["text"])) for position, line in enumerate(lines)]


class FusionProblem:
    """Signals of every line and which classes are right for it."""

    def __init__(
        self, ranker: Ranker, evidence: Sequence[Evidence], questions: Sequence[Line], *, trained: bool = True
    ) -> None:
        self.count = ranker.topic_count
        self.signals = np.stack([found.signals for found in evidence])
        if not trained:
            self.signals[:, 0] = 0.0
        self.right = np.zeros((len(self.signals), len(ranker.classes)), dtype=bool)
        for row, line in enumerate(questions):
            for topic in line["topics"]:
                self.right[row, ranker.class_number(topic)] = True
        self.right[len(questions) :, self.count :] = True
        self.weights = np.where(np.arange(len(evidence)) < len(questions), 1.0, _OUTSIDE_WEIGHT)

    def scores(self, parameters: Parameters) -> Parameters:
        """Lines × classes."""
        scores = np.einsum("s,nsc->nc", parameters[: len(SIGNALS)], self.signals)
        scores[:, self.count : -2] += parameters[-3]
        scores[:, -2] += parameters[-2]
        scores[:, -1] += parameters[-1]
        return scores

    def loss(self, parameters: Parameters, rows: Parameters) -> tuple[float, Parameters]:
        """Negative log-likelihood of the acceptable classes with a mild pull to small weights; and its gradient."""
        scores = self.scores(parameters)[rows]
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        everything = odds.sum(axis=1)
        right = np.where(self.right[rows], odds, 0.0)
        good = right.sum(axis=1) + 1e-12
        share = self.weights[rows] / self.weights[rows].sum()
        value = float(share @ (np.log(everything) - np.log(good)))
        pull = (odds / everything[:, None] - right / good[:, None]) * share[:, None]
        gradient = np.zeros_like(parameters)
        gradient[: len(SIGNALS)] = np.einsum("nc,nsc->s", pull, self.signals[rows])
        gradient[-3] = pull[:, self.count : -2].sum()
        gradient[-2] = pull[:, -2].sum()
        gradient[-1] = pull[:, -1].sum()
        ridge = 1e-4
        return value + ridge * float(parameters @ parameters), gradient + 2 * ridge * parameters

    def fit(self, rows: Parameters) -> Parameters:
        """The best weights for these lines."""
        start = np.asarray([1.0, 3.0, 0.0, 0.0, 0.0])
        bounds = [(0.0, None)] * len(SIGNALS) + [(-6.0, 6.0)] * 3
        found = minimize(self.loss, start, args=(rows,), jac=True, bounds=bounds, method="L-BFGS-B")
        return np.asarray(found.x)

    def accuracy(self, parameters: Parameters, rows: Parameters) -> float:
        """The share of lines whose best class is acceptable."""
        best = self.scores(parameters)[rows].argmax(axis=1)
        return float(self.right[rows, best].mean())

    def named(self, parameters: Parameters, title: str) -> dict[str, float]:
        """The weights by name, printed with what they get right on lines they were not fitted on."""
        everything = np.arange(len(self.signals))
        folds = everything % 5
        held = [self.accuracy(self.fit(everything[folds != f]), everything[folds == f]) for f in range(5)]
        names = (*SIGNALS, "bias_refusal", "bias_bare", "bias_off")
        found = {name: round(float(value), 4) for name, value in zip(names, parameters, strict=True)}
        print(f"{title}: {len(everything)} lines, cross-validated {np.mean(held):.3f}", flush=True)
        print("        " + "  ".join(f"{name} {value}" for name, value in found.items()), flush=True)
        return found


def train_fusion(knowledge: KnowledgeBase, folds: Folds) -> dict[str, Any]:
    """Fit, cross-validate and calibrate; gives what is to be stored."""
    final = load_trained()
    ranker = Ranker(knowledge, final)
    questions, outside = fit_lines(QUESTIONS), fit_lines(OUTSIDE)
    rankers = [ranker.with_trained(fold) for fold in folds.trained]
    evidence = [*evidence_of(rankers, questions), *evidence_of(rankers, outside)]
    problem = FusionProblem(ranker, evidence, questions)
    everything = np.arange(len(evidence))
    parameters = problem.fit(everything)
    fitted: dict[str, Any] = {"fusion": problem.named(parameters, "fusion")}
    bare = FusionProblem(ranker, evidence, questions, trained=False)
    fitted["fusion_untrained"] = bare.named(bare.fit(everything), "without classifiers")
    ranker.use(fitted["fusion"])
    return fitted | _decide(ranker, evidence, problem, len(questions))


def logistic(rows: Parameters, right: Parameters, weights: Parameters) -> tuple[list[float], Parameters]:
    """Weights with the constant last, and the cross-validated probabilities."""
    held = np.zeros(len(rows))
    for fold in range(5):
        part = np.arange(len(rows)) % 5 == fold
        model = LogisticRegression(C=1.0, max_iter=500).fit(rows[~part], right[~part], weights[~part])
        held[part] = model.predict_proba(rows[part])[:, 1]
    model = LogisticRegression(C=1.0, max_iter=500).fit(rows, right, weights)
    return [round(float(value), 4) for value in (*model.coef_[0], model.intercept_[0])], held


def _decide(ranker: Ranker, evidence: Sequence[Evidence], problem: FusionProblem, inside: int) -> dict[str, Any]:
    """Whether a message is ours, how sure the best topic is, and the thresholds on both."""
    rankings = [ranker.rank(found) for found in evidence]
    is_outside = np.arange(len(evidence)) >= inside
    rows = np.asarray([outside_features(ranker, ranking) for ranking in rankings])
    weights = np.where(is_outside, _OUTSIDE_WEIGHT, 1.0)
    outcome, outside = logistic(rows, is_outside, weights)
    print("outside: " + " ".join(map(str, outcome)), flush=True)
    best = np.asarray([int(r.log_probabilities[: ranker.topic_count].argmax()) for r in rankings])
    right = problem.right[np.arange(len(best)), best]
    rows = np.asarray(
        [
            confidence_features(ranker, ranking, int(number), float(share))
            for ranking, number, share in zip(rankings, best, outside, strict=True)
        ]
    )
    calibration, confidence = logistic(rows, right, np.where(is_outside, _OUTSIDE_IN_CALIBRATION, 1.0))
    print("confidence: " + " ".join(map(str, calibration)), flush=True)
    answered = (confidence >= THRESHOLDS["answer"]) & (outside <= THRESHOLDS["outside"])
    asked = ~answered & (confidence >= THRESHOLDS["clarify"]) & (outside <= THRESHOLDS["outside"])
    print(
        f"        right {(answered & right)[:inside].mean():.3f} wrong {(answered & ~right)[:inside].mean():.3f}"
        f" asked {asked[:inside].mean():.3f}; outside answered {answered[inside:].mean():.3f}"
        f" asked {asked[inside:].mean():.3f}",
        flush=True,
    )
    return {"outcome": outcome, "calibration": calibration, "thresholds": THRESHOLDS}
