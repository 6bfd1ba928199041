"""Why a message was understood as it was, as compact data and as sentences an officer can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from knowledge.ranking import BARE, OFFTOPIC, SIGNALS, Ranking, reference_class
from knowledge.reading import Reading

if TYPE_CHECKING:
    from knowledge.understanding import Understanding

_SHOWN = 4
_SIGNAL_NAMES = {
    "classifier": "bộ phân loại đã học", "topic": "từ ngữ của chủ đề",
}  # fmt: skip
# what is neither a topic nor a referral card
_OTHER_CLASSES = {BARE: "câu chưa nêu việc gì cụ thể", OFFTOPIC: "việc ngoài lĩnh vực của Sở"}
_SENSITIVE = {
    "injection": "tìm cách sai khiến bot", "abuse": "xúc phạm", "danger": "nguy hiểm, cần cứu giúp ngay",
    "politics": "chính trị",
}  # fmt: skip


def explain(
    decided: Understanding, reading: Reading, ranking: Ranking | None, weights: NDArray[np.float32]
) -> dict[str, Any]:
    """What the decision rests on, small enough for a log line.

    ``read``: the words searched; ``steps``: what was read as what; ``classes``: the likeliest topics and matters
    of other agencies with their probability and what each signal added (log-odds over the average class).
    """
    found: dict[str, Any] = {
        "read": " ".join(reading.words),
        "steps": [[step.kind, step.before, step.after] for step in reading.steps[:12]],
    }
    if reading.beside:
        found["beside"] = " ".join(reading.beside)
    if ranking is not None:
        shown = ranking.leading[:_SHOWN]
        signals = ranking.signals
        average = signals.sum(axis=1, keepdims=True) / signals.shape[1]
        parts = weights[:, None] * (signals.take(shown, axis=1) - average)
        found["classes"] = [
            [ranking.classes[n], round(ranking.probability(n), 3), [round(part, 1) for part in row]]
            for n, row in zip(shown, parts.T.tolist(), strict=True)
        ]
    if decided.document is not None:
        found["number"] = decided.document.named.text
    return found


def class_names(topics: Mapping[str, str], cards: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """What an explanation calls topics (name by id) and referral cards (id, title, agency), by class."""
    return {**topics, **{reference_class(card): f"{title} ({agency})" for card, title, agency in cards}}


def explain_in_words(understanding: Understanding, names: Mapping[str, str]) -> list[str]:
    """The explanation as sentences, one a line, the decision last. ``names`` as ``class_names`` gives them."""
    return [*reading_in_words(understanding.explain, names), _verdict(understanding, names)]


def reading_in_words(data: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What was read as what and which matters were nearest, one a line, of what ``explain`` gave for the log.

    Raises:
        TypeError, ValueError: It is of another release and has another shape.
    """
    lines = [f"Đọc là: {data.get('read') or '(không có từ nào mang nghĩa)'}"]
    for kind, before, after in data.get("steps", []):
        lines.append(f"  {kind}: «{before}» → «{after}»")
    if beside := data.get("beside"):
        lines.append(f"Tìm thêm theo nghĩa: {beside}")
    if number := data.get("number"):
        lines.append(f"Nhận ra số hiệu văn bản: «{number}»")
    for label, probability, parts in data.get("classes", []):
        name = _name_of(label, names)
        shares = ", ".join(
            f"{_SIGNAL_NAMES[signal]} {part:+.1f}"
            for signal, part in zip(SIGNALS, parts, strict=True)
            if abs(part) >= 0.1
        )
        lines.append(f"  {probability:>6.1%}  {name}" + (f"  ({shares})" if shares else ""))
    return lines


def _name_of(label: str, names: Mapping[str, str]) -> str:
    if found := names.get(label) or _OTHER_CLASSES.get(label):
        return found
    return "việc của cơ quan khác" if label.startswith(reference_class("")) else label  # of a card there is no more


def _verdict(understanding: Understanding, names: Mapping[str, str]) -> str:
    sure = f"{understanding.confidence:.0%}"
    topic = names.get(understanding.topic or "", understanding.topic or "")
    match understanding.outcome:
        case "answer":
            text = f"Trả lời: mục «{understanding.article}», chủ đề «{topic}», chắc khoảng {sure}."
            if understanding.also is not None:
                text += f" Câu thứ hai: mục «{understanding.also.article}»."
            return text
        case "clarify":
            return f"Hỏi lại, vì chủ đề gần nhất chỉ chắc khoảng {sure}."
        case "small_talk":
            return "Lời chào hỏi, không phải câu hỏi về chương trình."
        case "sensitive":
            kind = _SENSITIVE.get(understanding.phrase or "", "khác")
            return f"Nội dung nhạy cảm ({kind}): trả lời bằng câu định sẵn."
        case _:
            if understanding.referral:
                card = names.get(reference_class(understanding.referral), understanding.referral)
                return f"Không trả lời: việc của cơ quan khác – {card}."
            if understanding.document is not None:
                return "Không trả lời: số hiệu này không có trong danh mục văn bản."
            if understanding.reason == "unclear":
                return "Không trả lời: câu chưa nêu việc gì cụ thể, nên mời người hỏi nói rõ hơn."
            nearest = f"{1 - understanding.confidence:.0%}"
            return f"Không trả lời: không thấy trong cơ sở tri thức (chủ đề gần nhất chỉ chắc {nearest})."
