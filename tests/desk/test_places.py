"""Provinces of today by today's and former names, however typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.places import find_places, province_name, provinces
from desk.text import fold


def test_there_are_34_of_63() -> None:
    assert len(provinces()) == 34
    former = [old for province in provinces() for old in province.was]
    assert len(provinces()) + len(former) == 63
    ids = [province.id for province in provinces()] + [old for old, _ in former]
    assert len(set(ids)) == 63


def test_the_three_seed_provinces() -> None:
    assert {p.id: dict(p.was) for p in provinces()}["tay-ninh"] == {"long-an": "Long An"}
    assert province_name("vinh-long", "ben-tre") == "Vĩnh Long (Bến Tre cũ)"
    assert province_name("hung-yen") == "Hưng Yên"
    assert province_name(None) == ""


def test_every_name_is_found_with_and_without_marks() -> None:
    for province in provinces():
        for old, name in [(None, province.name), *province.was]:
            for typed in (name, fold(name), name.upper(), f"tỉnh {name}", fold(name).replace(" ", "")):
                best = find_places(typed)[0]
                assert (best.province, best.old) == (province.id, old), typed
                assert best.is_sure or typed == fold(name).replace(" ", "")
                assert best.rest == ""


@pytest.mark.parametrize(
    ("typed", "province", "old", "rest"),
    [
        ("Xã Mỹ Thạnh An, TP Bến Tre, Bến Tre", "vinh-long", "ben-tre", "Xã Mỹ Thạnh An, TP Bến Tre"),
        ("Phường Long An, Tây Ninh", "tay-ninh", None, "Phường Long An"),
        ("phuong 1, tan an, long an", "tay-ninh", "long-an", "phuong 1, tan an"),
        ("Xã Thái Thụy, tỉnh Hưng Yên (Thái Bình cũ)", "hung-yen", "thai-binh", "Xã Thái Thụy, tỉnh Hưng Yên"),
        ("quận 1 sài gòn", "ho-chi-minh", None, "quận 1"),
        ("12 Lý Thường Kiệt, TP. HCM", "ho-chi-minh", None, "12 Lý Thường Kiệt"),
        ("Thừa Thiên - Huế", "hue", None, ""),
        ("ba ria vung tau", "ho-chi-minh", "ba-ria-vung-tau", ""),
        ("Ðắc Lắc", "dak-lak", None, ""),
    ],
)
def test_addresses(typed: str, province: str, old: str | None, rest: str) -> None:
    best = find_places(typed)[0]
    assert (best.province, best.old, best.rest, best.is_sure) == (province, old, rest, True)


@pytest.mark.parametrize(
    ("typed", "province", "old"),
    [("ben tree", "vinh-long", "ben-tre"), ("tay nin", "tay-ninh", None), ("hung yenn", "hung-yen", None),
     ("vinh log", "vinh-long", None), ("thai bih", "hung-yen", "thai-binh"), ("longan", "tay-ninh", "long-an")],
)  # fmt: skip
def test_misspelt_names(typed: str, province: str, old: str | None) -> None:
    best = find_places(typed)[0]
    assert (best.province, best.old) == (province, old)


def test_what_may_mean_several_is_not_sure() -> None:
    found = find_places("quang n")
    assert len(found) == 3
    assert not any(match.is_sure for match in found)


@pytest.mark.parametrize("typed", ["", "Paris", "...", "bt", "tôi không biết", "12345"])
def test_other_words_are_no_province(typed: str) -> None:
    assert find_places(typed) == []


@given(st.text(max_size=400))
def test_nothing_typed_breaks_it(typed: str) -> None:
    for match in find_places(typed):
        assert province_name(match.province)
