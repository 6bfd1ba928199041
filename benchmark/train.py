"""``make train``: the language model, the classifiers and what is fitted on top, reproducibly.

Learns from the content files, the data files of ``knowledge/`` and ``benchmark/fit``, nothing else. Writes
``knowledge/weights/``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.train_classifiers import FOLDS, Folds, train_classifiers
from benchmark.train_context import train_context
from benchmark.train_data import count_language
from benchmark.train_entries import train_entries
from benchmark.train_fusion import train_fusion
from benchmark.train_left_out import train_left_out
from knowledge.base import KnowledgeBase
from knowledge.classifier import WEIGHTS_FILE, Trained, load_trained, read_trained, save_trained
from knowledge.leave_one_out import LEFT_OUT_FILE
from knowledge.loader import load_content
from knowledge.reading import forget_readings
from knowledge.spelling import LANGUAGE_FILE

_FOLDS = Path(__file__).parent.parent / "var" / "train"  # what the stages hand on, so that one can be run again


def train_language(knowledge: KnowledgeBase) -> None:
    """Count the language model and write it."""
    language = count_language(knowledge)
    LANGUAGE_FILE.parent.mkdir(exist_ok=True)
    LANGUAGE_FILE.write_text(language.to_json() + "\n", encoding="utf-8")
    size = LANGUAGE_FILE.stat().st_size / 1e6
    print(f"language: {len(language.words)} words, {len(language.pairs)} pairs, {size:.2f} MB", flush=True)


def _store(trained: Trained, fitted: dict[str, Any]) -> None:
    save_trained(WEIGHTS_FILE, replace(trained, fitted={**trained.fitted, **fitted}))
    load_trained.cache_clear()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages, each on what the ones before it wrote."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.train", description=__doc__)
    stages = ["language", "classifiers", "fusion", "context", "entries", "left-out"]
    parser.add_argument("--stage", choices=stages, action="append", help="only these stages")
    chosen = parser.parse_args(argv).stage or stages
    knowledge = KnowledgeBase(load_content().records)
    if "language" in chosen:
        train_language(knowledge)
        forget_readings()
    if "classifiers" in chosen:
        trained, folds = train_classifiers(knowledge)
        _store(trained, {})
        for number, fold in enumerate(folds.trained):
            save_trained(_FOLDS / f"fold-{number}.npz", fold)
        print(f"classifiers: {WEIGHTS_FILE.stat().st_size / 1e6:.2f} MB", flush=True)
    folds = Folds(tuple(read_trained(_FOLDS / f"fold-{number}.npz") for number in range(FOLDS)))
    if "fusion" in chosen:
        _store(read_trained(WEIGHTS_FILE), train_fusion(knowledge, folds))
    if "context" in chosen:
        _store(read_trained(WEIGHTS_FILE), train_context(knowledge, folds))
    if "entries" in chosen:
        _store(read_trained(WEIGHTS_FILE), train_entries(knowledge, folds))
    if "left-out" in chosen:
        train_left_out(knowledge).save(LEFT_OUT_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
