"""What earlier turns say about this one: follow-ups, pronouns, a return; two questions at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowledge.reading import Reading
from knowledge.text import fold

_POINTS_BACK = re.compile(
    r"\b(?:nó|cái này|cái đó|cái nào|vụ này|vụ đó|việc này|việc đó|chuyện này|chuyện đó|loại này|loại đó"
    r"|giấy đó|giấy này"
    r"|như vậy|như thế|vậy thì|thế thì|vậy còn|thế còn|còn|vậy|thế|ở trên|vừa nói|đó|này|ấy)\b"
)
_RETURNS = re.compile(
    r"\b(?:lúc nãy|hồi nãy|ban nãy|khi nãy|quay lại|trở lại|nói trên|vừa rồi|câu trước|ban đầu|lúc đầu|hồi đầu)\b"
)
_NEW_SUBJECT = re.compile(r"\b(?:thôi cho hỏi|à thôi|chuyện khác|việc khác|câu khác|cái khác|hỏi thêm về|ngoài ra)\b")
_SPLIT = re.compile(
    r"\?\s+(?=\w)|[.;,!]\s*(?:với lại|voi lai|ngoài ra|ngoai ra|sẵn|san tien|tiện thể|tien the|luôn tiện"
    r"|à mà|còn|con|và cho hỏi"
    r"|đồng thời|thêm nữa|câu nữa)\s+(?=\w)"
    r"|\s(?:với lại cho hỏi|và cho hỏi|sẵn cho hỏi|ngoài ra cho hỏi|tiện thể cho hỏi)\s",
    re.IGNORECASE,
)
_JOINTS = re.compile(r"[?.;,]\s+(?:(?:và|va|rồi|roi|còn|con)\s+)?|\s(?:và|va|rồi|roi|còn)\s", re.IGNORECASE)
_ASKS = re.compile(
    r"\b(?:bao nhieu|bao lau|may (?:tien|ngay|thang|nam)|gi|dau|sao|nao|ai|khong|ko|hong|hok|nhiu|bao nhiu)\b"
)
_ASKS_FOR = re.compile(
    r"(?:ho so|giay to|phi|le phi|chi phi|thu tuc|dieu kien|thoi gian|thoi han|han nop|muc ho tro|so dien thoai)\b"
)
_SHORT = 22  # words

# used until ``make train`` has fitted better ones; see ``weigh`` for what each does
DEFAULT_WEIGHTS = {
    "subject": 3.0, "subject_length": -1.5, "subject_pointing": 1.0, "subject_new": -2.5, "joint": 0.5,
    "joint_length": -0.3, "joint_new": -0.5, "outside": -1.0, "outside_length": 0.5,
    "recent": 0.5, "recent_return": 2.0,
}  # fmt: skip
WEIGHTS = tuple(DEFAULT_WEIGHTS)
_USUAL_WORDS = 6.0
_EARLIER_CHARACTERS = 240  # how much of the message before is read again


# a message of nothing but these asks on about the subject, whatever topics have them in their names
_ASKS_ON = frozenset(
    ("hồ", "sơ", "giấy", "tờ", "đơn", "mẫu", "phí", "lệ", "tiền", "giá", "chi", "tốn", "mất", "hết", "bao", "nhiêu",
     "lâu", "thời", "gian", "hạn", "mấy", "ngày", "tháng", "nộp", "gửi", "đâu", "ở", "ai", "được", "làm", "có", "không",
     "thủ", "tục", "các", "bước", "trình", "tự", "điều", "kiện", "cần", "gì", "nào", "những", "thì", "sao", "ra", "vậy",
     "thế", "còn", "rồi", "hỗ", "trợ", "mức", "liên", "hệ", "gọi", "gặp", "báo", "hỏi", "số", "điện", "thoại",
     "căn", "cứ", "luật", "như", "là", "với", "và", "nữa", "đó", "này", "nó", "của", "cho", "phải")
)  # fmt: skip


@dataclass(frozen=True)
class Earlier:
    """What the conversation adds to the scores of the classes.

    ``subject`` is the topic under discussion and ``bonus`` its log-odds; ``recent`` those of the topics before it;
    ``outside`` is added to everything that is not ours; ``joint``: how much the reading of this message together with
    the one before it counts; ``asks_on``: the message names nothing else, so it is about the subject.
    """

    subject: str | None
    bonus: float
    recent: dict[str, float]
    outside: float
    joint: float
    asks_on: bool = False


def marks_of(reading: Reading) -> tuple[float, float, float, float]:
    """How long a message is (log of its words over six), and whether it points back, changes the subject, returns."""
    words = " ".join(reading.words)
    return (
        math.log(max(len(reading.words), 1) / _USUAL_WORDS), float(_POINTS_BACK.search(words) is not None),
        float(_NEW_SUBJECT.search(words) is not None),
        float(_RETURNS.search(" ".join((*reading.words, *reading.beside))) is not None),
    )  # fmt: skip


def weigh(marks: tuple[float, float, float, float], weights: Mapping[str, float]) -> dict[str, float]:
    """What a follow-up with these marks adds: to the subject, the joint reading, what is not ours, recent topics."""
    length, pointing, new, returns = marks
    return {
        "bonus": weights["subject"] + weights["subject_length"] * length + weights["subject_pointing"] * pointing
        + weights["subject_new"] * max(new, returns),
        "joint": max(
            0.0, weights["joint"] + weights["joint_length"] * length + weights["joint_new"] * max(new, returns)
        ),
        "outside": weights["outside"] + weights["outside_length"] * length,
        "recent": weights["recent"] + weights["recent_return"] * returns,
    }  # fmt: skip


def names_no_matter(reading: Reading) -> bool:
    """Whether a message is nothing but words that ask: «phí bao nhiêu vậy»."""
    return bool(reading.words) and _ASKS_ON.issuperset(reading.words)


def earlier_turns(reading: Reading, topic: str | None, recent: Sequence[str], weights: Mapping[str, float]) -> Earlier:
    """What earlier turns say about this message."""
    parts = weigh(marks_of(reading), weights)
    asks_on = topic is not None and names_no_matter(reading)
    return Earlier(
        topic, parts["bonus"], {other: parts["recent"] for other in recent if other != topic}, parts["outside"],
        parts["joint"], asks_on,
    )  # fmt: skip


def together(before: str, text: str) -> str:
    """Two messages as one text."""
    return f"{before[-_EARLIER_CHARACTERS:]}. {text}"


def split_questions(reading: Reading) -> tuple[str, str] | None:
    """The two questions of a message; None where it holds one, or more than anyone could answer at once."""
    parts = [part.strip() for part in _SPLIT.split(reading.text) if part and part.strip()]
    if len(parts) > 2:
        return None
    if len(parts) == 2:
        return (parts[0], parts[1]) if all(len(part.split()) >= 3 for part in parts) else None
    return _asked_twice(reading.text)


def _asked_twice(text: str) -> tuple[str, str] | None:
    """A short message that asks on both sides of an «và» or a comma; in a story such words join anything."""
    if len(text.split()) > _SHORT:
        return None
    for joint in _JOINTS.finditer(text):
        before, after = text[: joint.start()].strip(), text[joint.end() :].strip()
        if len(before.split()) < 3 or len(after.split()) < 2 or not _ASKS.search(fold(before)):
            continue
        asked = fold(after)
        if _ASKS.search(asked) or _ASKS_FOR.match(asked):
            return before, after
    return None
