"""What earlier turns say about this one: follow-ups, pronouns, a return; two questions at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge.reading import Reading

_POINTS_BACK = re.compile(
    r"\b(?:nó|cái này|cái đó|cái nào|vụ này|vụ đó|việc này|việc đó|chuyện này|chuyện đó|loại này|loại đó"
    r"|giấy đó|giấy này"
    r"|như vậy|như thế|vậy thì|thế thì|vậy còn|thế còn|còn|vậy|thế|ở trên|vừa nói|đó|này|ấy)\b"
)
_RETURNS = re.compile(
    r"\b(?:lúc nãy|hồi nãy|ban nãy|khi nãy|quay lại|trở lại|nói trên|vừa rồi|câu trước|ban đầu|lúc đầu|hồi đầu)\b"
)
_NEW_SUBJECT = re.compile(r"\b(?:thôi cho hỏi|à thôi|chuyện khác|việc khác|câu khác|cái khác|hỏi thêm về|ngoài ra)\b")
# log-odds for the topic under discussion, by how many words the message has
_BY_LENGTH = ((3, 4.5), (5, 3.8), (7, 3.0), (10, 2.2), (16, 1.4), (30, 0.7))
_POINTING = 1.2
_RECENT = 0.5
_RETURN = 2.0

_SPLIT = re.compile(
    r"\?\s+(?=\w)|[.;,!]\s*(?:với lại|voi lai|ngoài ra|ngoai ra|sẵn|san tien|tiện thể|tien the|luôn tiện"
    r"|à mà|còn|con|và cho hỏi"
    r"|đồng thời|thêm nữa|câu nữa)\s+(?=\w)"
    r"|\s(?:với lại cho hỏi|và cho hỏi|sẵn cho hỏi|ngoài ra cho hỏi|tiện thể cho hỏi)\s",
    re.IGNORECASE,
)


def topic_prior(reading: Reading, topic: str | None, recent: Sequence[str]) -> dict[str, float]:
    """What the conversation adds to the log-probability of topics."""
    if topic is None:
        return {}
    words = " ".join(reading.words)
    size = len(reading.words)
    bonus = next((value for limit, value in _BY_LENGTH if size <= limit), 0.3)
    if _NEW_SUBJECT.search(words):
        bonus = 0.3
    elif size <= 16 and _POINTS_BACK.search(words):
        bonus += _POINTING
    prior = {topic: bonus}
    returns = _RETURNS.search(" ".join((*reading.words, *reading.beside))) is not None
    for earlier in recent:
        if earlier != topic:
            prior[earlier] = (_RETURN if returns else 0.0) + _RECENT
    return prior


def split_questions(reading: Reading) -> tuple[str, str] | None:
    """The two questions of a message; None where it holds one, or more than anyone could answer at once."""
    parts = [part.strip() for part in _SPLIT.split(reading.text) if part and part.strip()]
    if len(parts) != 2 or any(len(part.split()) < 3 for part in parts):
        return None
    return parts[0], parts[1]
