"""Every part the ablation leaves out is really left out, and put back."""

import pytest

from benchmark.ablation import HEAD, PARTS, Scores, _row
from benchmark.evaluate import make_answerer
from bot.commands.ask import Answerer
from knowledge.reading import forget_readings, read

# one message that shows the part at work in how it is read
_SHOWS = {
    "Telex and VNI keys": "dawng kys nhanx hieeuj",
    "short forms": "htx đăng ký nhãn hiệu",
    "English words": "register trademark cho sản phẩm",
    "chat spellings by rule": "zui quá fạm luật",
    "diacritics and slips": "dang ky nhan hieu",
    "slips (rapidfuzz)": "đăng ký nhãn hiêuu cho gạo",
    "words run together": "dangkynhanhieu",
    "regional words": "tui muốn biết mần hồ sơ ra răng",
    "courtesy set aside": "dạ em chào anh chị ạ, cho em hỏi nhãn hiệu",
}


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return make_answerer()


@pytest.mark.parametrize("part", [part for part in PARTS if part != "nothing"])
def test_a_part_is_left_out_and_put_back(answerer: Answerer, part: str) -> None:
    line = {
        "text": _SHOWS.get(part, "đăng ký nhãn hiệu cho quán phở thì cần giấy tờ gì, nộp ở đâu"),
        "province": "long-an",
    }
    forget_readings()
    before, answered = read(line["text"]), {**answerer.answer(line), "ms": 0}
    forget_readings()
    with PARTS[part](answerer.understander):
        assert answerer.answer(line)["outcome"]
        if part in _SHOWS:
            assert read(line["text"]) != before
    forget_readings()
    assert read(line["text"]) == before
    assert {**answerer.answer(line), "ms": 0} == answered


def test_the_conversation_is_left_out_and_put_back(answerer: Answerer) -> None:
    line = {"turns": ["Tôi muốn đăng ký nhãn hiệu cho tiệm bánh", "Cần giấy tờ gì?"], "province": "long-an"}
    assert answerer.answer(line)["topic"] == "nhan-hieu"
    with PARTS["the conversation"](answerer.understander):
        assert answerer.answer(line)["topic"] is None
    assert answerer.answer(line)["topic"] == "nhan-hieu"


def test_a_row_counts_what_is_lost_and_won() -> None:
    whole = Scores([True, True, False], [True] * 3, {"vni": [True, True], "typo": [True, False]}, [True], [], [True])
    less = Scores([False, True, True], [False] * 3, {"vni": [True, False], "typo": [True, True]}, [True], [], [False])
    row = dict(zip(HEAD, _row("part", less, whole), strict=True))
    assert row["Topic"] == "66.7%"
    assert row["Lost / won"] == "1 / 1"
    assert row["Kind hit most"] == "vni: 100.0% → 50.0%"
    assert row["Rewritten"] == "75.0%"
    assert row["Seed facts"] == "0.0%"
