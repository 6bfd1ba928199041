"""Phones, tax codes and names as people type them; what is wrong is named."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.identity import Phone, Problem, TaxCode, mask_phone, read_name, read_organisation, read_phone, read_tax_code

TODAY = dt.date(2026, 11, 22)


@pytest.mark.parametrize(
    "typed",
    ["0912345678", "+84912345678", "84912345678", "0084912345678", "912345678", "0912.345.678", "0912 345 678",
     "(+84) 0912-345-678",
     "sđt 0912345678", "dt:0912.345.678 nhé", "0912 345 678 (Hoa)", "zalo 0912345678 ạ",
     "09l2345678", "O912345678", " 0912 345 678\n"],
)  # fmt: skip
def test_a_mobile_number_however_typed(typed: str) -> None:
    phone = read_phone(typed)
    assert phone == Phone("+84912345678")
    assert phone.national == "0912 345 678"
    assert phone.masked == "091• ••• 678"


@pytest.mark.parametrize(
    ("typed", "e164", "confirm"),
    [
        ("02723826199", "+842723826199", None),
        ("0275 3822324", "+842753822324", None),
        ("02438251234", "+842438251234", None),
        ("01662345678", "+84362345678", "old_prefix"),
        ("0121 234 5678", "+84792345678", "old_prefix"),
        ("+84 166 234 5678", "+84362345678", "old_prefix"),
        ("072 3826199", "+842723826199", "old_area"),
        ("075.3822324", "+842753822324", "old_area"),
        ("0321 3863827", "+842213863827", "old_area"),
        ("04 38251234", "+842438251234", "old_area"),
        ("02723826199 máy lẻ", "+842723826199", None),
        ("0521123456", "+84521123456", "unusual"),
        ("0551234567", "+84551234567", "unusual"),
        ("+1 415 555 2671", "+14155552671", None),
    ],
)
def test_other_numbers_that_are_taken(typed: str, e164: str, confirm: str | None) -> None:
    assert read_phone(typed) == Phone(e164, confirm)


@pytest.mark.parametrize(
    ("typed", "key", "fields"),
    [
        ("", "phone.empty", {}),
        ("091234567", "phone.too_short", {"digits": 9, "wanted": 10}),
        ("09123456789", "phone.too_long", {"digits": 11, "wanted": 10}),
        ("0272382619", "phone.too_short", {"digits": 10, "wanted": 11}),
        ("0601234567", "phone.prefix", {"prefix": "060"}),
        ("0123456789", "phone.prefix", {"prefix": "012"}),
        ("1900 1234", "phone.service", {"number": "19001234"}),
        ("18001098", "phone.service", {"number": "18001098"}),
        ("115", "phone.too_short", {"digits": 3, "wanted": 10}),
        ("số của em", "phone.letters", {"found": "sốcủaem"}),
        ("09123x45678", "phone.letters", {"found": "x"}),
        ("09l23x45678", "phone.letters", {"found": "x"}),
        ("+1 23", "phone.invalid", {}),
        ("0912345678 hoặc 0987654321", "phone.several", {}),
        ("0912345678/0987654321", "phone.several", {}),
        ("091234567890987654321", "phone.too_long", {"digits": 21}),
    ],
)
def test_what_is_wrong_with_a_number(typed: str, key: str, fields: dict[str, Any]) -> None:
    problem = read_phone(typed)
    assert isinstance(problem, Problem)
    assert problem.key == key
    assert problem.fields["example"] == "0912 345 678"
    assert fields.items() <= problem.fields.items()


def test_a_number_without_its_area_code_is_told_so() -> None:
    assert read_phone("3826199") == Problem("phone.area_code", {"digits": 7, "example": "0272 3826 199"})


@settings(deadline=None)
@given(st.text(max_size=40))
def test_nothing_typed_breaks_the_readers(typed: str) -> None:
    phone = read_phone(typed)
    if isinstance(phone, Phone):
        assert phone.e164.startswith("+")
        again = read_phone(phone.e164)
        assert isinstance(again, Phone)
        assert again.e164 == phone.e164
    assert isinstance(read_tax_code(typed, today=TODAY), TaxCode | Problem)
    assert read_name(typed)
    assert read_organisation(typed)


@pytest.mark.parametrize(
    ("typed", "value", "kind"),
    [
        ("0100109106", "0100109106", "organisation"),
        ("0 100 233 488", "0100233488", "organisation"),
        ("0311638525-027", "0311638525-027", "branch"),
        ("0311638525027", "0311638525-027", "branch"),
        ("01.00112437-001", "0100112437-001", "branch"),
        ("079084000999", "079084000999", "personal"),
        ("O1OO1O91O6", "0100109106", "organisation"),
        ("MST: 0100109106 ạ", "0100109106", "organisation"),
    ],
)
def test_tax_codes(typed: str, value: str, kind: str) -> None:
    assert read_tax_code(typed, today=TODAY) == TaxCode(value, kind)


def test_a_personal_number_is_masked_and_a_companys_is_not() -> None:
    assert TaxCode("079084000999", "personal").masked == "079••••••999"
    assert TaxCode("0311638525-027", "branch").masked == "0311638525-027"
    assert mask_phone("+14155552671") == "+14• ••• 671"


@pytest.mark.parametrize(
    ("typed", "key", "fields"),
    [
        ("", "tax.empty", {}),
        ("0100233480", "tax.check_digit", {}),
        ("0100109106-000", "tax.branch", {}),
        ("8500000000", "tax.number", {}),
        ("12345", "tax.length", {"digits": 5}),
        ("079984000999", "tax.personal_century", {"digit": "9"}),
        ("079284000999", "tax.personal_year", {"digits": "84"}),
        ("không có", "tax.letters", {"found": "khôngcó"}),
    ],
)
def test_what_is_wrong_with_a_tax_code(typed: str, key: str, fields: dict[str, Any]) -> None:
    problem = read_tax_code(typed, today=TODAY)
    assert isinstance(problem, Problem)
    assert problem.key == key
    assert "example" in problem.fields
    assert fields.items() <= problem.fields.items()


def test_names() -> None:
    assert read_name("  Nguyễn\u200b  Thị\tHoa ") == "Nguyễn Thị Hoa"
    assert read_name("<b>Hoa</b>") == "<b>Hoa</b>"  # shown as typed, escaped where it is shown
    assert isinstance(read_name("..."), Problem)
    assert isinstance(read_name("0912345678 Hoa"), Problem)
    assert isinstance(read_name("a" * 161), Problem)
    assert read_organisation("Công ty TNHH 1 thành viên 27/7") == "Công ty TNHH 1 thành viên 27/7"
    assert isinstance(read_organisation("x" * 241), Problem)
