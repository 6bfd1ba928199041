"""What each part is worth: the development sets with one part left out at a time, nothing trained anew.

``python -m benchmark.ablation``; ``evaluate --report`` puts the table into ``docs/accuracy.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tqdm import tqdm

from benchmark import scoring
from benchmark.noise import CLASSES, CURVE, rewrite
from bot.commands.ask import Answerer
from handlers.context import TurnContext
from knowledge import outcome, ranking, reading
from knowledge.reading import PhraseTable, forget_readings
from knowledge.spelling import Speller
from knowledge.understanding import Understander

HERE = Path(__file__).parent
HEAD = ("Left out", "Topic", "Topic and facet", "Rewritten", "Out of scope refused", "Dialogues")
_EVERY = 3  # of the clean questions every third is rewritten in each way

Row = tuple[str, str, str, str, str, str]


@contextmanager
def _nothing(understander: Understander) -> Iterator[None]:
    del understander
    yield


def _patched(target: Any, name: str, value: Any) -> Callable[[Understander], Any]:
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


@contextmanager
def _without_last_clause(understander: Understander) -> Iterator[None]:
    kept = understander.facets.last_clause
    understander.facets.last_clause = 0.0
    yield
    understander.facets.last_clause = kept


def _no_context(self: TurnContext, state: Any) -> Any:
    return replace(_CONTEXT(self, state), topic=None, facet=None, recent_topics=(), question=None)


_CONTEXT = TurnContext.question_context
PARTS: dict[str, Callable[[Understander], Any]] = {
    "nothing": _nothing,
    "Telex and VNI keys": _patched(reading, "decode_keys", lambda *_, **__: None),
    "short forms": _patched(reading, "_abbreviations", lambda: PhraseTable({})),
    "English words": _patched(reading, "_english", lambda: (PhraseTable({}), frozenset())),
    "diacritics and slips": _patched(Speller, "restore", lambda _, tokens: list(tokens)),
    "slips (rapidfuzz)": _patched(Speller, "_near", lambda *_: ()),
    "words run together": _patched(Speller, "_split_joined", lambda _, tokens: list(tokens)),
    "regional words": _patched(reading, "_meanings", lambda *_: []),
    "courtesy set aside": _patched(reading, "without_courtesy", list),
    "BM25 over what people say": _without_bm25,
    "parts of long messages": _patched(ranking, "parts_of", lambda _: []),
    "classifier for ours or not": _patched(outcome, "scope_odds", lambda *_: 0.0),
    "last clause for the facet": _without_last_clause,
    "the conversation": _patched(TurnContext, "question_context", _no_context),
}


def ablation(make: Callable[[], Answerer]) -> list[Row]:
    """One row a part: shares right on the development sets without it."""
    folder = HERE / "dev"
    questions, dialogues, outside = (
        scoring.read_lines(folder / f"{name}.jsonl") for name in ("questions", "dialogues", "oos")
    )
    clean = [q for q in questions if q["noise"] == "clean"][::_EVERY]
    noisy = [{**q, "text": rewrite(q["text"], kind, level=1.0, family=CURVE)} for kind in CLASSES for q in clean]
    answerer = make()
    rows: list[Row] = []
    for name, leave_out in tqdm(PARTS.items(), desc="ablation", disable=not sys.stderr.isatty()):
        forget_readings()
        with leave_out(answerer.understander):
            rows.append(_row(name, answerer, questions, noisy, outside, dialogues))
    forget_readings()
    return rows


def _row(
    name: str, answerer: Answerer, questions: list[Any], noisy: list[Any], outside: list[Any], dialogues: list[Any]
) -> Row:
    answers = [(q, answerer.answer(q)) for q in questions]
    rewritten = [scoring.topic_right(q, answerer.answer(q)) for q in noisy]
    refused = [answerer.answer(q)["outcome"] in scoring.REFUSALS for q in outside]
    talk = [scoring.topic_right(q, answerer.answer(q)) for q in dialogues]

    def share(values: list[bool]) -> str:
        return f"{100 * sum(values) / max(1, len(values)):.1f}%"

    return (
        name, share([scoring.topic_right(q, a) for q, a in answers]),
        share([scoring.facet_right(q, a) for q, a in answers]), share(rewritten), share(refused), share(talk),
    )  # fmt: skip


def main() -> int:
    """Print the table."""
    from benchmark.evaluate import make_answerer

    print(("{:28}" + "{:>22}" * 5).format(*HEAD))
    for row in ablation(make_answerer):
        print(("{:28}" + "{:>22}" * 5).format(*row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
