"""``make train``: the language model, the classifiers and what is fitted on top, reproducibly.

Learns from the content files, the data files of ``knowledge/`` and ``benchmark/fit``, nothing else. Writes
``knowledge/weights/``.
"""

from __future__ import annotations

import argparse
import subprocess
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
from knowledge.spelling import LANGUAGE_FILE

_FOLDS = Path(__file__).parent.parent / "var" / "train"  # what the stages hand on, so that one can be run again


_FITTED = {"fusion": train_fusion, "context": train_context, "entries": train_entries}
STAGES = ("language", "classifiers", *_FITTED, "left-out")


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


def _run(stage: str) -> None:
    knowledge = KnowledgeBase(load_content().records)
    if stage == "language":
        train_language(knowledge)
        return
    if stage == "left-out":
        train_left_out(knowledge).save(LEFT_OUT_FILE)
        return
    if stage == "classifiers":
        trained, folds = train_classifiers(knowledge)
        _store(trained, {})
        for number, fold in enumerate(folds.trained):
            save_trained(_FOLDS / f"fold-{number}.npz", fold)
        print(f"classifiers: {WEIGHTS_FILE.stat().st_size / 1e6:.2f} MB", flush=True)
        return
    folds = Folds(tuple(read_trained(_FOLDS / f"fold-{number}.npz") for number in range(FOLDS)))
    _store(read_trained(WEIGHTS_FILE), _FITTED[stage](knowledge, folds))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages, each on what the ones before it wrote.

    Each runs in a process of its own: the words that one has given numbers to are known there ever after, and a message
    would show the next fewer unknown words than it shows the service.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmark.train", description=__doc__)
    parser.add_argument("--stage", choices=STAGES, action="append", help="only these stages")
    chosen = parser.parse_args(argv).stage or list(STAGES)
    if len(chosen) == 1:
        _run(chosen[0])
        return 0
    for stage in chosen:
        done = subprocess.run([sys.executable, "-m", "benchmark.train", "--stage", stage], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
