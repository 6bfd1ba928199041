"""What each part is worth: our sets with one part left out at a time, nothing trained anew.

``python -m benchmark.ablation [--set dev|test|both]``; ``evaluate --report`` puts the table over both sets into
``docs/accuracy.md``. The test set is scored here as a whole; no single miss of it is shown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from tqdm import tqdm

from benchmark import scoring
from benchmark.noise import CLASSES, CURVE, rewrite
from benchmark.scoring import Line
from bot.commands.ask import Answerer
from handlers.context import TurnContext
from knowledge import followups, outcome, reading, understanding
from knowledge.reading import PhraseTable, forget_readings
from knowledge.spelling import Speller
from knowledge.understanding import Understander

HERE = Path(__file__).parent
SETS = ("dev", "test")
HEAD = (
    "Left out", "Topic", "Lost / won", "Topic and facet", "Rewritten", "Kind hit most", "Out of scope refused",
    "Dialogues", "Seed facts",
)  # fmt: skip
_EVERY = 3  # of the clean questions every third is rewritten in each way
_SCOPE_FEATURES = (1, 2)  # of the message alone, and with the one before it

LeaveOut = Callable[[Understander], Any]


class Questions(NamedTuple):
    """What is asked anew for every part. ``rewritten`` holds a list for every kind of noise."""

    written: list[Line]
    rewritten: dict[str, list[Line]]
    outside: list[Line]
    dialogues: list[Line]
    facts: list[Line]


class Scores(NamedTuple):
    """Which of the questions were right, in their order."""

    topic: list[bool]
    facet: list[bool]
    rewritten: dict[str, list[bool]]
    refused: list[bool]
    dialogues: list[bool]
    facts: list[bool]


@contextmanager
def _nothing(understander: Understander) -> Iterator[None]:
    del understander
    yield


def _patched(target: Any, name: str, value: Any) -> LeaveOut:
    @contextmanager
    def apply(understander: Understander) -> Iterator[None]:
        del understander
        with patch.object(target, name, value):
            yield

    return apply


@contextmanager
def _without_bm25(understander: Understander) -> Iterator[None]:
    weights = understander.ranker.weights
    understander.ranker.weights = weights * [1, 0]
    yield
    understander.ranker.weights = weights


def _opinions(regressions: float, network: float) -> LeaveOut:
    """What each of the two kinds of classifier counts; 1 is what it counts beside the other."""

    @contextmanager
    def apply(understander: Understander) -> Iterator[None]:
        kept = understander.ranker.trained
        direct = np.arange(len(kept.scale)) < len(kept.top_bias)
        factor = np.where(direct, regressions, 1.0).astype(np.float32)
        changed = replace(
            kept, scale=kept.scale * factor, bias=kept.bias * factor, top=kept.top * np.float32(network),
            top_bias=kept.top_bias * np.float32(network),
        )  # fmt: skip
        readers = understander.ranker, understander.facets
        for reader in readers:
            reader.trained = changed
        yield
        for reader in readers:
            reader.trained = kept

    return apply


@contextmanager
def _without_last_clause(understander: Understander) -> Iterator[None]:
    kept = understander.facets.last_clause
    understander.facets.last_clause = 0.0
    yield
    understander.facets.last_clause = kept


def _no_scope(*arguments: Any) -> list[float]:
    return [0.0 if at in _SCOPE_FEATURES else value for at, value in enumerate(_OUTSIDE(*arguments))]


def _no_context(self: TurnContext, state: Any) -> Any:
    return replace(_CONTEXT(self, state), topic=None, facet=None, recent_topics=(), question=None)


def _not_together(*arguments: Any) -> Any:
    return replace(_EARLIER(*arguments), joint=0.0)


_CONTEXT = TurnContext.question_context
_EARLIER = followups.earlier_turns
_OUTSIDE = outcome.outside_features
PARTS: dict[str, LeaveOut] = {
    "nothing": _nothing,
    "Telex and VNI keys": _patched(reading, "decode_keys", lambda *_, **__: None),
    "short forms": _patched(reading, "_abbreviations", lambda: PhraseTable({})),
    "English words": _patched(reading, "_english", lambda: (PhraseTable({}), frozenset())),
    "diacritics and slips": _patched(Speller, "restore", lambda _, tokens: list(tokens)),
    "slips (rapidfuzz)": _patched(Speller, "_near", lambda *_: ()),
    "words that sound alike": _patched(Speller, "_sounds_like", lambda *_: []),
    "words run together": _patched(Speller, "_split_joined", lambda _, tokens: list(tokens)),
    "regional words": _patched(reading, "_meanings", lambda *_: []),
    "courtesy set aside": _patched(reading, "without_courtesy", list),
    "BM25 over what people say": _without_bm25,
    "network": _opinions(2.0, 0.0),
    "regressions": _opinions(0.0, 2.0),
    "classifier for ours or not": _patched(understanding, "outside_features", _no_scope),
    "last clause for the facet": _without_last_clause,
    "the message before, read together": _patched(understanding, "earlier_turns", _not_together),
    "words that only ask on": _patched(followups, "_ASKS_ON", frozenset()),
    "the conversation": _patched(TurnContext, "question_context", _no_context),
}


def questions_of(sets: Sequence[str]) -> Questions:
    """The questions of some of our sets, and the seed facts."""
    written, outside, dialogues = (
        [line for name in sets for line in scoring.read_lines(HERE / name / f"{kind}.jsonl")]
        for kind in ("questions", "oos", "dialogues")
    )
    clean = [q for q in written if q["noise"] == "clean"][::_EVERY]
    rewritten = {
        kind: [{**q, "text": rewrite(q["text"], kind, level=1.0, family=CURVE)} for q in clean] for kind in CLASSES
    }
    return Questions(written, rewritten, outside, dialogues, scoring.read_lines(HERE / "seed-facts.jsonl"))


def ablation(make: Callable[[], Answerer], sets: Sequence[str] = SETS) -> list[tuple[str, ...]]:
    """One row a part, in the columns of ``HEAD``: shares right without it.

    «Lost / won» counts the questions whose topic was right before and is not now, and the other way round. «Kind hit
    most» is the kind of rewriting that loses most, with its share before and now.
    """
    questions, answerer = questions_of(sets), make()
    rows: list[tuple[str, ...]] = []
    whole: Scores | None = None
    for name, leave_out in tqdm(PARTS.items(), desc="ablation", disable=not sys.stderr.isatty()):
        forget_readings()
        with leave_out(answerer.understander):
            scores = _score(answerer, questions)
        whole = whole or scores
        rows.append(_row(name, scores, whole))
    forget_readings()
    return rows


def _score(answerer: Answerer, questions: Questions) -> Scores:
    answers = [(q, answerer.answer(q)) for q in questions.written]
    return Scores(
        topic=[scoring.topic_right(q, a) for q, a in answers],
        facet=[scoring.facet_right(q, a) for q, a in answers],
        rewritten={
            kind: [scoring.topic_right(q, answerer.answer(q)) for q in lines]
            for kind, lines in questions.rewritten.items()
        },
        refused=[answerer.answer(q)["outcome"] in scoring.REFUSALS for q in questions.outside],
        dialogues=[scoring.topic_right(q, answerer.answer(q)) for q in questions.dialogues],
        facts=[scoring.fact_right(q, answerer.answer(q)) for q in questions.facts],
    )


def _row(name: str, scores: Scores, whole: Scores) -> tuple[str, ...]:
    def share(values: Sequence[bool]) -> str:
        return f"{100 * sum(values) / max(1, len(values)):.1f}%"

    lost = sum(before and not now for before, now in zip(whole.topic, scores.topic, strict=True))
    won = sum(now and not before for before, now in zip(whole.topic, scores.topic, strict=True))
    worst = max(scores.rewritten, key=lambda kind: sum(whole.rewritten[kind]) - sum(scores.rewritten[kind]))
    before, now = whole.rewritten[worst], scores.rewritten[worst]
    return (
        name, share(scores.topic), f"{lost} / {won}" if scores is not whole else "", share(scores.facet),
        share([right for values in scores.rewritten.values() for right in values]),
        f"{worst}: {share(before)} → {share(now)}" if sum(now) < sum(before) else "", share(scores.refused),
        share(scores.dialogues), share(scores.facts),
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    from benchmark.evaluate import make_answerer

    parser = argparse.ArgumentParser(prog="python -m benchmark.ablation", description=__doc__)
    parser.add_argument("--set", default="both", choices=[*SETS, "both"], help="the questions to measure on")
    arguments = parser.parse_args(argv)
    layout = "{:34}" + "{:>14}" * 4 + "{:>26}" + "{:>22}" + "{:>14}" * 2
    print(layout.format(*HEAD))
    for row in ablation(make_answerer, SETS if arguments.set == "both" else [arguments.set]):
        print(layout.format(*row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
