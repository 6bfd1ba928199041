"""The simpler searches the benchmark measures: each finds a phrase, none stumbles over what people type."""

from typing import Any

import pytest

from benchmark.baselines import BASELINES, E5, Baseline, Phrase, Tantivy, bounded, measure, threshold

_TEXTS = {
    "nhan-hieu": ("đăng ký nhãn hiệu", "giữ tên thương hiệu cho quán", "nhãn hiệu bị người khác lấy mất"),
    "sang-che": ("xin cấp bằng sáng chế", "sáng chế máy gặt lúa mới", "bằng sáng chế có hạn bao lâu"),
    "ref:dang-kiem": ("đăng kiểm xe tải", "xe hết hạn đăng kiểm", "đăng kiểm ô tô ở đâu"),
}
PHRASES = [Phrase(text, topic, question=True) for topic, texts in _TEXTS.items() for text in texts]


@pytest.fixture(scope="module")
def baselines() -> list[Baseline]:
    """Those that run here: only the two of the extra «baselines» may be missing."""
    found: list[Baseline] = []
    for kind in BASELINES:
        try:
            found.append(kind(PHRASES))
        except (ImportError, OSError):
            assert kind in (Tantivy, E5)
    return found


def test_every_search_finds_the_nearest_phrase(baselines: list[Baseline]) -> None:
    for baseline in baselines:
        assert baseline.best("làm sao đăng ký nhãn hiệu")[0] == "nhan-hieu", baseline.name
        assert baseline.best("bằng sáng chế máy gặt")[0] == "sang-che", baseline.name


@pytest.mark.parametrize("text", ["", "?!", '"', "AND OR NOT (", "body:* ^2", "a" * 5000, "🤣🤣"])
def test_no_search_stumbles_over_what_people_type(baselines: list[Baseline], text: str) -> None:
    for baseline in baselines:
        topic, score = baseline.best(text)
        assert topic in {"", *_TEXTS}, baseline.name
        assert score >= 0 or baseline.name.startswith("multilingual"), baseline.name


def test_the_threshold_refuses_what_costs_more_than_it_wins() -> None:
    scores = {"a": ("t", 9.0), "b": ("t", 5.0), "c": ("other", 4.0), "x": ("t", 4.5), "card": ("ref:r", 99.0)}
    inside: list[dict[str, Any]] = [{"text": text, "topics": ["t"]} for text in ("a", "b", "c")]
    outside = [{"text": "x"}, {"text": "card"}]
    assert threshold(scores.__getitem__, inside, outside) == 5.0


def test_a_referral_card_is_never_an_answer(baselines: list[Baseline]) -> None:
    inside = [{"text": "đăng ký nhãn hiệu", "topics": ["nhan-hieu"]}]
    row = measure(baselines[1], inside, [{"text": "xe hết hạn đăng kiểm"}])
    assert (row.first, row.wrong, row.outside) == (1.0, 0.0, 0.0)


def test_a_bounded_share_of_the_questions_is_spread_evenly() -> None:
    phrases = [Phrase(f"q{n}", "t", question=True) for n in range(10)]
    phrases += [Phrase("q", "u", question=True), Phrase("tên", "t", question=False)]
    assert [p.text for p in bounded(phrases, 3)] == ["tên", "q0", "q3", "q6", "q"]
