"""Linear classifiers trained by ``make train`` and run here from plain arrays: no training library in the service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS_FILE = Path(__file__).with_name("weights") / "classifiers.npz"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LinearModel:
    """Softmax regression over named features.

    ``vocabulary`` maps a feature to its row; ``idf`` weighs a row; ``weights`` are rows × classes, in 8-bit steps of
    ``scale`` per class. Word and character features are scaled to unit length apart, the characters by
    ``character_share``.
    """

    classes: tuple[str, ...]
    vocabulary: dict[str, int]
    idf: Floats
    weights: NDArray[np.int8]
    scale: Floats
    bias: Floats
    character_share: float

    def vector(self, groups: tuple[dict[str, float], ...]) -> tuple[NDArray[np.int32], Floats]:
        """Rows and values of a feature vector: the groups (words; characters) each of unit length."""
        rows: list[int] = []
        values: list[Floats] = []
        known = self.vocabulary.get
        for number, group in enumerate(groups):
            found = [(row, value) for term, value in group.items() if (row := known(term)) is not None]
            if not found:
                continue
            at = [row for row, _ in found]
            value = np.asarray([v for _, v in found], dtype=np.float32) * self.idf[at]
            value *= (self.character_share if number else 1.0) / max(float(np.sqrt(value @ value)), 1e-9)
            rows += at
            values.append(value)
        if not values:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        return np.asarray(rows, dtype=np.int32), np.concatenate(values)

    def scores(self, groups: tuple[dict[str, float], ...]) -> Floats:
        """One unnormalised log-probability a class."""
        rows, values = self.vector(groups)
        if not len(rows):
            return self.bias.copy()
        result: Floats = (values @ self.weights[rows]) * self.scale + self.bias
        return result

    def log_probabilities(self, groups: tuple[dict[str, float], ...]) -> Floats:
        """One log-probability a class."""
        return log_softmax(self.scores(groups))


def log_softmax(scores: Floats) -> Floats:
    """Scores as log-probabilities."""
    shifted = scores - scores.max()
    result: Floats = shifted - np.log(np.exp(shifted).sum())
    return result


@dataclass(frozen=True)
class Trained:
    """All trained models, the parameters fitted with them, and the hash of the content they were trained on."""

    topics: LinearModel | None
    facets: LinearModel | None
    fitted: dict[str, Any]
    content_hash: str | None


def save_models(path: Path, models: dict[str, LinearModel], *, fitted: dict[str, Any], content_hash: str) -> None:
    """Write the models; the same models always give the same bytes."""
    arrays: dict[str, Any] = {}
    head: dict[str, Any] = {"content_hash": content_hash, "fitted": fitted, "models": {}}
    for name, model in models.items():
        head["models"][name] = {"classes": model.classes, "character_share": model.character_share}
        terms = sorted(model.vocabulary, key=model.vocabulary.__getitem__)
        arrays[f"{name}.terms"] = np.frombuffer("\n".join(terms).encode(), dtype=np.uint8)
        arrays[f"{name}.idf"] = model.idf.astype(np.float16)
        arrays[f"{name}.weights"] = model.weights
        arrays[f"{name}.scale"] = model.scale
        arrays[f"{name}.bias"] = model.bias
    arrays["head"] = np.frombuffer(json.dumps(head, sort_keys=True, ensure_ascii=False).encode(), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)


def read_models(path: Path) -> Trained:
    """The models of a file; empty where there is none."""
    if not path.exists():
        return Trained(None, None, {}, None)
    with np.load(path) as arrays:
        head = json.loads(arrays["head"].tobytes())
        models: dict[str, LinearModel] = {}
        for name, described in head["models"].items():
            terms = arrays[f"{name}.terms"].tobytes().decode().split("\n")
            models[name] = LinearModel(
                classes=tuple(described["classes"]), vocabulary={term: row for row, term in enumerate(terms)},
                idf=arrays[f"{name}.idf"].astype(np.float32), weights=arrays[f"{name}.weights"],
                scale=arrays[f"{name}.scale"], bias=arrays[f"{name}.bias"],
                character_share=described["character_share"],
            )  # fmt: skip
    return Trained(models.get("topics"), models.get("facets"), head["fitted"], head["content_hash"])


@cache
def load_trained() -> Trained:
    """The committed models, read once."""
    return read_models(WEIGHTS_FILE)
