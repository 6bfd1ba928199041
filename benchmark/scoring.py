"""How answers are scored. Works on the JSON lines of ``ask --batch``, so that any bot can be scored the same way."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = dict[str, Any]
Row = tuple[Line, Line]  # a question and its answer
REFUSALS = frozenset({"no_answer", "small_talk", "sensitive"})
OUTCOMES = REFUSALS | {"answer", "clarify"}


def read_lines(path: Path) -> list[Line]:
    """The JSON objects of a file, one a line; an absent file has none."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def topic_right(question: Line, answer: Line) -> bool:
    """Answered at once, on an acceptable topic."""
    return answer.get("outcome") == "answer" and answer.get("topic") in question["topics"]


def facet_right(question: Line, answer: Line) -> bool:
    """Topic right and, where facets are given, an acceptable facet."""
    return topic_right(question, answer) and (not question["facets"] or answer.get("facet") in question["facets"])


def one_tap_away(question: Line, answer: Line) -> bool:
    """Right at once, or an acceptable topic among what the person may tap."""
    return topic_right(question, answer) or any(
        choice.get("topic") in question["topics"] for choice in answer.get("choices") or []
    )


def answered_wrongly(question: Line, answer: Line) -> bool:
    """Answered on a topic that is not acceptable."""
    return answer.get("outcome") == "answer" and answer.get("topic") not in question["topics"]


@dataclass
class InScope:
    """Figures over questions (or dialogues) that should be answered; shares between 0 and 1."""

    count: int
    topic: float
    facet: float
    one_tap: float
    wrong: float
    clarified: float
    refused: float
    ece: float
    precision_at_88: float
    by_noise: dict[str, tuple[int, float, float]] = field(default_factory=dict)


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def calibration_error(pairs: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error of (confidence, right) pairs."""
    grouped: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in pairs:
        grouped[min(bins - 1, int(confidence * bins))].append((confidence, right))
    total = sum(
        len(group) * abs(_share([right for _, right in group]) - sum(c for c, _ in group) / len(group))
        for group in grouped.values()
    )
    return total / len(pairs) if pairs else 0.0


def precision_at_coverage(pairs: Sequence[tuple[float, bool]], total: int, coverage: float) -> float:
    """Share right among the most confident answers that make up ``coverage`` of all questions."""
    wanted = round(coverage * total)
    best = sorted(pairs, key=lambda pair: -pair[0])[:wanted]
    return _share([right for _, right in best]) if len(best) == wanted and wanted else 0.0


def score_in_scope(questions: Sequence[Line], answers: dict[str, Line]) -> InScope:
    """Score questions or dialogues against the answers by id; a missing answer counts as refused."""
    rows = [(q, answers.get(q["id"], {})) for q in questions]
    answered = [(float(a.get("confidence") or 0), topic_right(q, a)) for q, a in rows if a.get("outcome") == "answer"]
    by_noise: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for q, a in rows:
        by_noise[q.get("noise", "?")].append((topic_right(q, a), facet_right(q, a)))
    return InScope(
        count=len(rows),
        topic=_share([topic_right(q, a) for q, a in rows]),
        facet=_share([facet_right(q, a) for q, a in rows]),
        one_tap=_share([one_tap_away(q, a) for q, a in rows]),
        wrong=_share([answered_wrongly(q, a) for q, a in rows]),
        clarified=_share([a.get("outcome") == "clarify" for _, a in rows]),
        refused=_share([a.get("outcome") in REFUSALS or not a for _, a in rows]),
        ece=calibration_error(answered),
        precision_at_88=precision_at_coverage(answered, len(rows), 0.88),
        by_noise={
            noise: (len(pairs), _share([t for t, _ in pairs]), _share([f for _, f in pairs]))
            for noise, pairs in sorted(by_noise.items())
        },
    )


def score_out_of_scope(questions: Sequence[Line], answers: dict[str, Line]) -> dict[str, float]:
    """Shares of out-of-scope questions refused (a missing answer is one), met with a clarify, and answered."""
    outcomes = [answers.get(q["id"], {}).get("outcome") for q in questions]
    return {
        "count": len(outcomes),
        "refused": _share([o is None or o in REFUSALS for o in outcomes]),
        "clarify": _share([o == "clarify" for o in outcomes]),
        "answered": _share([o == "answer" for o in outcomes]),
    }


def fact_right(question: Line, answer: Line) -> bool:
    """The first reply holds every figure asked for, and names a source."""
    text = unicodedata.normalize("NFC", answer.get("text") or "")
    return (
        answer.get("outcome") == "answer"
        and bool(answer.get("sources"))
        and all(re.search(pattern, text, re.IGNORECASE) for pattern in question["must"])
    )
