"""What was read as what: keystrokes, short forms, diacritics, slips, everyday words, courtesy."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.noise import CLASSES, CURVE, rewrite
from knowledge.keys import decode_keys, decode_telex, decode_vni
from knowledge.reading import load_yaml, read
from knowledge.syllables import is_bare_syllable, is_syllable, tone_in_place
from knowledge.text import fold


def words(text: str) -> str:
    return " ".join(read(text).words)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ddawng", "đăng"),
        ("kys", "ký"),
        ("nhanx", "nhãn"),
        ("hieeuj", "hiệu"),
        ("dduwowcj", "được"),
        ("toosi", "tối"),
        ("dda", "đa"),
        ("nguwowif", "người"),
        ("huwu", "hưu"),
        ("duwaf", "dừa"),
        ("quyeen", "quyên"),
        ("khoong", "không"),
    ],
)
def test_telex_word(typed: str, meant: str) -> None:
    assert decode_telex(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("nha4n", "nhãn"),
        ("hie6u5", "hiệu"),
        ("d9u7o7c5", "được"),
        ("du7a2", "dừa"),
        ("hu7u", "hưu"),
        ("cu7u1", "cứu"),
        ("ho62", "hồ"),
    ],
)
def test_vni_word(typed: str, meant: str) -> None:
    assert decode_vni(typed) == meant


@pytest.mark.parametrize("kind", ["telex", "vni"])
def test_keystrokes_come_back(kind: str) -> None:
    """Over every question wording we have: what a keyboard would send is read as what was meant."""
    phrases = [phrase for bank in load_yaml("facets").values() for phrase in bank if len(phrase.split()) >= 4]
    right = sum(words(rewrite(phrase, kind)) == words(phrase) for phrase in phrases)
    assert right >= 0.97 * len(phrases)


@pytest.mark.parametrize(
    "text",
    [
        "iso 9001 co2 a4 test box",
        "gas logo shop app web",
        "tieu chuan iso 22000 cho co so nho",
        "form mau so 5s",
        "qr code cho tom",
    ],
)
def test_what_is_no_keystroke_stays(text: str) -> None:
    assert decode_keys(text.split(), known_english=frozenset({"logo", "shop", "qr", "code"})) is None


def test_product_words_are_decoded_in_a_message_of_keystrokes() -> None:
    assert decode_keys(["max", "soos", "max", "vachj"]) == ["mã", "số", "mã", "vạch"]


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("hoà", "hòa"),
        ("nứơc", "nước"),
        ("qủa", "quả"),
        ("thuý", "thúy"),
        ("đăng kí", "đăng ký"),
        ("kĩ thuật", "kỹ thuật"),
        ("công ti", "công ty"),
    ],
)
def test_one_spelling(typed: str, read_as: str) -> None:
    assert " ".join(tone_in_place(word) for word in typed.split()) == read_as or words(typed) == read_as


@pytest.mark.parametrize(
    ("typed", "holds"),
    [
        ("htx mún dk nhãn hiệu tập thể", "hợp tác xã muốn đăng ký nhãn hiệu tập thể"),
        ("cty e lm hs j v", "công ty em làm hồ sơ gì"),
        ("sđt chi cục tđc", "số điện thoại chi cục tiêu chuẩn đo lường chất lượng"),
        ("phí bnhiu", "phí bao nhiêu"),
    ],
)
def test_short_forms(typed: str, holds: str) -> None:
    assert holds in words(typed)


def test_an_ambiguous_short_form_keeps_its_other_readings_beside() -> None:
    reading = read("dk vay quỹ")
    assert reading.words[:2] == ("đăng", "ký")
    assert {"điều", "kiện"} <= set(reading.beside)


@pytest.mark.parametrize(
    "sentence",
    [
        "đăng ký nhãn hiệu cần giấy tờ gì",
        "kiểm định cân ở chợ bao lâu một lần",
        "quỹ phát triển khoa học cho vay bao nhiêu",
        "hợp tác xã muốn làm tem truy xuất nguồn gốc",
        "phòng khám răng xin giấy phép máy x quang",
    ],
)
def test_diacritics_put_back(sentence: str) -> None:
    assert words(fold(sentence)) == words(sentence)


@pytest.mark.parametrize(
    ("typed", "holds"),
    [
        ("nhãn hiêu chứng nhậnđúng", "nhãn hiệu chứng nhận đúng"),
        ("đăngký nhãnhiệu", "đăng ký nhãn hiệu"),
        ("quỷ phát triễn khoa học", "quỹ phát triển khoa học"),
        ("giải thưỏng chất luợng quốc gia", "giải thưởng chất lượng quốc gia"),
        ("tập huấng kỷ thuật", "tập huấn kỹ thuật"),
        ("lãi xuất vai vốn", "lãi suất vay vốn"),
    ],
)
def test_slips_are_mended(typed: str, holds: str) -> None:
    assert holds in words(typed)


@pytest.mark.parametrize(
    "sentence",
    [
        "thằng con tui mới ra trường",
        "má tôi bán mắm còng",
        "nhà em nuôi con cua con còng bán mỗi ngày",
        "trái mận trái mơ",
    ],
)
def test_a_known_word_is_never_turned_into_another(sentence: str) -> None:
    from knowledge.spelling import load_language

    for before, after in zip(sentence.split(), read(sentence).words, strict=False):
        assert before == after or not load_language().known(before)


def test_everyday_words_stay_and_their_meaning_stands_beside() -> None:
    reading = read("tui mần bánh tráng bị người ta nhái")
    assert "nhái" in reading.words
    assert "xâm" in reading.beside
    assert read("bán chôm chôm bao nhiêu").beside == ()


def test_courtesy_is_set_aside() -> None:
    assert words("dạ em chào anh chị ạ cho em hỏi chút phí đăng ký nhãn hiệu bao nhiêu ạ em cảm ơn nhiều") == (
        "phí đăng ký nhãn hiệu bao nhiêu"
    )


def test_every_step_is_told() -> None:
    kinds = {step.kind for step in read("htx mún nhái logo, brand name").steps}
    assert {"viết tắt", "tiếng Anh", "nghĩa thường gọi"} <= kinds


@pytest.mark.parametrize("name", ["abbreviations", "dialect", "english", "cues", "facets", "offtopic"])
def test_data_files_are_text_in_nfc(name: str) -> None:
    for key, values in load_yaml(name).items():
        assert isinstance(key, str)
        for value in [values] if isinstance(values, str) else values:
            assert isinstance(value, str)
            assert unicodedata.is_normalized("NFC", value)


def test_no_phrase_names_two_facets() -> None:
    seen: dict[str, str] = {}
    for facet, phrases in load_yaml("facets").items():
        assert len(phrases) >= 80
        for phrase in phrases:
            assert seen.setdefault(phrase, facet) == facet


def test_syllables() -> None:
    assert all(is_syllable(word) for word in ("nghiệp", "khuyến", "quốc", "giếng", "ươm", "yến", "thuyết"))
    assert not any(is_syllable(word) for word in ("kông", "ngiệp", "ghạo", "hocj", "tíhc", "nhạng2"))
    assert is_bare_syllable("nghiep")
    assert not is_bare_syllable("qwerty")


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    reading = read(text)
    assert read(" ".join(reading.text.split())).words == reading.words


@pytest.mark.parametrize("kind", CLASSES)
def test_noise_is_repeatable(kind: str) -> None:
    text = "Hợp tác xã muốn đăng ký nhãn hiệu tập thể thì hồ sơ gồm những gì?"
    assert rewrite(text, kind, family=CURVE) == rewrite(text, kind, family=CURVE)
