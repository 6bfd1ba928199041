"""Numbers in a message: which are a document's, which document, and which are something else."""

from __future__ import annotations

import pytest

from knowledge.base import KnowledgeBase
from knowledge.understanding import Outcome, Understander


@pytest.mark.parametrize(
    ("text", "article"),
    [
        ("2205", "van-ban/2205-qd-ttg-2020"),
        ("2205 là văn bản gì", "van-ban/2205-qd-ttg-2020"),
        ("thông tư 02 năm 2024", "van-ban/02-2024-tt-bkhcn"),
        ("nghi dinh so 13 ngay 01/02/2019", "van-ban/13-2019-nd-cp"),
    ],
)
def test_bare_digits_and_a_year_in_words_name_a_document(understander: Understander, text: str, article: str) -> None:
    found = understander.understand(text)
    assert (found.outcome, found.article) == (Outcome.ANSWER, article)
    topics = [candidate.topic for candidate in found.candidates]
    assert len(topics) == len(set(topics))


@pytest.mark.parametrize(
    "text", ["cân 100 ký có phải kiểm định không", "quán ở 224 Nguyễn Huệ, muốn đăng ký nhãn hiệu", "huyết áp 180"]
)
def test_a_weight_or_a_house_number_is_no_document(knowledge: KnowledgeBase, text: str) -> None:
    assert knowledge.register.find(text) is None


@pytest.mark.parametrize("text", ["nghị định 65/2022/NĐ-CP", "quyết định 65 nói gì", "2206", "số 9999/2025"])
def test_a_number_we_lack_is_unknown_and_never_its_neighbour(understander: Understander, text: str) -> None:
    found = understander.understand(text)
    assert found.outcome is Outcome.NO_ANSWER
    assert found.document is not None
    assert found.document.named.text in text
