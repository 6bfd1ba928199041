"""Codes: every single wrong character and every swap of neighbours is noticed, at every place."""

from __future__ import annotations

import itertools
import random

import pytest

from desk.codes import ALPHABET, FoundCode, find_code, is_valid, new_code

CODES = [new_code(year) for year in (2026, 2027, 2030, 2099) for _ in range(25)]
PLACES = [2, 3, 5, 6, 7, 8, 9, 10]  # the digits of the year, the random characters, the check


def test_the_form_of_a_code() -> None:
    assert ALPHABET == "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    assert len(set(ALPHABET)) == 32
    for code in CODES:
        assert len(code) == 11
        assert code[:2] == "HT"
        assert code[2:4].isdigit()
        assert code[4] == "-"
        assert set(code[5:]) <= set(ALPHABET)
        assert is_valid(code)
    assert new_code(2026)[2:4] == "26"


def test_codes_do_not_follow_one_another() -> None:
    assert len({new_code(2026) for _ in range(2000)}) >= 1999


@pytest.mark.parametrize("place", PLACES)
def test_every_wrong_character_is_noticed(place: int) -> None:
    wanted = "0123456789" if place < 4 else ALPHABET
    for code in CODES:
        for other in wanted:
            if other != code[place]:
                assert not is_valid(code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize(("first", "second"), list(itertools.pairwise(PLACES)))
def test_every_swap_of_neighbours_is_noticed(first: int, second: int) -> None:
    seen = 0
    for code in CODES:
        if code[first] == code[second]:
            continue
        characters = list(code)
        characters[first], characters[second] = characters[second], characters[first]
        assert not is_valid("".join(characters))
        seen += 1
    assert seen > 0


def test_the_sum_notices_them_for_all_values() -> None:
    """Not only for the codes drawn: all values of a place against one rest, by linearity, are all codes."""
    rng = random.Random(1)
    base = new_code(2026)
    for place in PLACES[2:]:
        valid = [value for value in ALPHABET if is_valid(base[:place] + value + base[place + 1 :])]
        assert valid == [base[place]], "one value per place and rest"
    for first, second in itertools.pairwise(PLACES[2:]):
        for left in ALPHABET:
            for right in ALPHABET:
                body = list(base)
                body[first], body[second] = left, right
                # complete it to a valid code by a third place, then swap
                third = rng.choice([place for place in PLACES[2:] if place not in (first, second)])
                (value,) = [v for v in ALPHABET if is_valid("".join([*body[:third], v, *body[third + 1 :]]))]
                body[third] = value
                assert is_valid("".join(body))
                if left != right:
                    body[first], body[second] = right, left
                    assert not is_valid("".join(body))


CODE = "HT26-01ABCF"  # with both digits that are taken for letters


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.lower(),
        CODE.replace("-", ""),
        CODE.replace("-", " "),
        CODE.replace("-", " - "),
        CODE.replace("-", "–"),
        CODE[:5] + CODE[5:].replace("0", "O"),
        CODE[:5] + CODE[5:].replace("0", "o"),
        CODE[:5] + CODE[5:].replace("1", "I"),
        CODE[:5] + CODE[5:].replace("1", "l"),
        f"tra cứu {CODE.lower()} giúp tôi",
        f"Mã của tôi là {CODE}.",
        f"ht 26 {CODE[5:].lower()}",
    ],
)
def test_codes_are_read_however_typed(typed: str) -> None:
    assert find_code(typed) == FoundCode(CODE, is_valid=True)


@pytest.mark.parametrize(
    "text", ["", "ht", "HT26", "HT26-12345", f"{CODE}7", f"X{CODE}", "ht 10 chuong trinh", "hỗ trợ 26 doanh nghiệp"]
)
def test_other_texts_hold_no_code(text: str) -> None:
    assert find_code(text) is None


def test_a_mistyped_code_is_said_to_be_one() -> None:
    wrong = CODE[:-1] + ("7" if CODE[-1] != "7" else "8")
    assert find_code(f"tra cứu {wrong}") == FoundCode(wrong, is_valid=False)
    assert find_code(f"{wrong} hay là {CODE}") == FoundCode(CODE, is_valid=True)
    assert find_code("HT26-4F7KUU") == FoundCode("HT26-4F7KUU", is_valid=False)  # U is in no code
