"""Rewrites a clean question the way people type on a phone: seeded, by class and level.

Two seed families keep the published curve apart from what the classifiers were trained on: ``AUGMENT`` for training,
``CURVE`` for measuring. The same family, class, level and text always give the same result.
"""

from __future__ import annotations

import hashlib
import random
import re
import unicodedata
from collections.abc import Callable

from knowledge.syllables import put_tone
from knowledge.text import fold, split_tone

AUGMENT, CURVE = "augment", "curve"
_LETTERS = re.compile(r"[^\W\d_]+")
_KEYBOARD = {
    "q": "wa",
    "w": "qes",
    "e": "wrd",
    "r": "etf",
    "t": "ryg",
    "y": "tuh",
    "u": "yij",
    "i": "uok",
    "o": "ipl",
    "p": "ol",
    "a": "sqz",
    "s": "adwx",
    "d": "sfec",
    "f": "dgrv",
    "g": "fhtb",
    "h": "gjyn",
    "j": "hkum",
    "k": "jlin",
    "l": "kop",
    "z": "asx",
    "x": "zsdc",
    "c": "xdfv",
    "v": "cfgb",
    "b": "vghn",
    "n": "bhjm",
    "m": "njk",
}
_TELEX_MARKS = {"ă": "aw", "â": "aa", "ê": "ee", "ô": "oo", "ơ": "ow", "ư": "uw", "đ": "dd"}
_VNI_MARKS = {"ă": "a8", "â": "a6", "ê": "e6", "ô": "o6", "ơ": "o7", "ư": "u7", "đ": "d9"}
_TELEX_TONES = {"\u0301": "s", "\u0300": "f", "\u0309": "r", "\u0303": "x", "\u0323": "j", "": ""}
_VNI_TONES = {"\u0301": "1", "\u0300": "2", "\u0309": "3", "\u0303": "4", "\u0323": "5", "": ""}
_TONE_SLIPS = {"\u0309": "\u0303", "\u0303": "\u0309", "\u0301": "\u0300", "\u0300": "", "\u0323": ""}
# full word → how it is typed in a chat (the inverse of a part of abbreviations.yaml, chosen by what people use most)
_TEENCODE = {
    "không": ["ko", "k", "hok", "hong", "khum"],
    "được": ["đc", "dc"],
    "gì": ["j", "gì", "ji"],
    "vậy": ["v", "z", "zậy"],
    "bao nhiêu": ["bn", "bnh", "bao nhiu"],
    "thế nào": ["tn", "sao"],
    "như thế nào": ["ntn"],
    "làm": ["lm"],
    "làm sao": ["lm s", "lm sao"],
    "muốn": ["mún", "mun"],
    "với": ["vs"],
    "mình": ["mk", "mh"],
    "người": ["ng"],
    "rồi": ["r", "rùi"],
    "cũng": ["cx"],
    "trước": ["trc"],
    "mới": ["ms"],
    "biết": ["bít", "bik"],
    "em": ["e"],
    "anh": ["a"],
    "doanh nghiệp": ["dn"],
    "công ty": ["cty"],
    "hợp tác xã": ["htx"],
    "đăng ký": ["đk", "dk", "đki"],
    "hồ sơ": ["hs", "hsơ"],
    "sản phẩm": ["sp"],
    "chứng nhận": ["cn"],
    "công nghệ": ["cn", "cnghệ"],
    "khoa học và công nghệ": ["khcn"],
    "khoa học công nghệ": ["khcn"],
    "số điện thoại": ["sđt", "sdt"],
    "liên hệ": ["lh"],
    "điều kiện": ["đk", "đkiện"],
    "sở hữu trí tuệ": ["shtt"],
    "kinh doanh": ["kd"],
    "sản xuất": ["sx"],
    "giấy tờ": ["gtờ"],
    "thời gian": ["tgian", "tg"],
    "thủ tục": ["ttục", "tt"],
    "hỗ trợ": ["htrợ", "hỗ trợ"],
    "chương trình": ["ctr", "ctrình"],
    "kết quả": ["kq"],
    "bao lâu": ["bao lâu", "bl"],
    "giờ": ["h"],
    "triệu": ["tr"],
    "quyết định": ["qđ"],
    "nghị định": ["nđ"],
    "tôi": ["t", "tui"],
    "phí": ["fí", "phí"],
    "phải": ["fải"],
    "nhà nước": ["nn", "nhà nc"],
    "khởi nghiệp": ["kn"],
    "đổi mới sáng tạo": ["đmst"],
    "nhiệm vụ": ["nv"],
    "truy xuất nguồn gốc": ["txng"],
    "mã số mã vạch": ["msmv"],
    "nông dân": ["nd"],
}
_DIALECT = {
    "không": ["hông", "hổng"],
    "gì": ["chi"],
    "bao nhiêu": ["nhiêu", "bi nhiêu"],
    "tôi": ["tui"],
    "làm": ["mần"],
    "đâu": ["mô"],
    "thế nào": ["răng", "sao"],
    "vậy": ["rứa"],
    "dùng": ["xài"],
    "sử dụng": ["xài"],
    "vào": ["vô"],
    "xem": ["coi"],
    "tìm": ["kiếm"],
    "giấy tờ": ["giấy má"],
    "hồ sơ": ["giấy tờ"],
    "hỗ trợ": ["phụ tiền", "giúp đỡ"],
    "khi nào": ["chừng nào", "bữa nào"],
    "bao giờ": ["chừng nào"],
    "lợn": ["heo"],
    "ngô": ["bắp"],
    "lạc": ["đậu phộng"],
    "quả": ["trái"],
    "nhanh": ["lẹ"],
    "lớn": ["bự"],
    "thật": ["thiệt"],
    "giúp": ["giùm"],
    "chi phí": ["tốn kém"],
    "kinh doanh": ["làm ăn"],
    "vay": ["mượn"],
    "lãi suất": ["tiền lời"],
    "chúng tôi": ["tụi tui"],
    "bây giờ": ["chừ"],
    "khởi nghiệp": ["lập nghiệp"],
    "đắt": ["mắc"],
    "hỏng": ["hư"],
}
_BEFORE = [
    "dạ em chào anh chị ạ, cho em hỏi chút là",
    "chào ad, cho mình hỏi tí",
    "kính gửi quý cơ quan, tôi xin hỏi",
    "anh chị ơi cho em hỏi với ạ",
    "alo shop ơi cho hỏi cái này chút",
    "chào các bác, cho cháu hỏi là",
    "dạ thưa mấy chú cho con hỏi",
    "xin chào, nhờ anh chị tư vấn giúp em",
    "em không rành mấy cái này lắm, cho em hỏi",
    "chào sở, tui hỏi chút nghen",
]
_AFTER = [
    "ạ, em cảm ơn nhiều",
    "vậy ad, trả lời giúp em với nha",
    "nhờ anh chị chỉ giúp em với ạ",
    "nghen mấy chú, cảm ơn trước",
    "ạ, em cảm ơn anh chị nhiều lắm ạ",
    "vậy ta, ai biết chỉ giùm tui với",
    "hả bác, cháu cảm ơn bác",
    "với ạ, em đang cần gấp",
]
CLASSES = ("nodiac", "typo", "telex", "vni", "teencode", "dialect", "joined", "courtesy")


def _random(family: str, kind: str, level: float, text: str) -> random.Random:
    digest = hashlib.sha256(f"{family}|{kind}|{level}|{text}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def _words(text: str, change: Callable[[str], str]) -> str:
    return _LETTERS.sub(lambda match: change(match.group(0)), text)


def _bare(word: str) -> str:
    return fold(word)


def _keys(word: str, marks: dict[str, str], tones: dict[str, str], *, tone_last: bool) -> str:
    lower = word.lower()
    base, tone = split_tone(lower)
    if not base.isalpha():
        return word
    decomposed = unicodedata.normalize("NFD", lower)
    typed = []
    for letter in unicodedata.normalize("NFC", decomposed):
        letter_base, letter_tone = split_tone(letter)
        typed.append(marks.get(letter_base, letter_base))
        if letter_tone and not tone_last:
            typed.append(tones[letter_tone])
    return "".join(typed) + (tones[tone] if tone_last else "")


def _slip(word: str, rng: random.Random) -> str:
    """One slip: a neighbour key, a swap, a letter lost or doubled, or a wrong tone."""
    if len(word) < 3 or not word.isalpha():
        return word
    kind = rng.choice(["tone", "tone", "swap", "lose", "double", "neighbour", "mark"])
    at = rng.randrange(1, len(word))
    if kind in {"tone", "mark"}:
        base, tone = split_tone(word)
        if kind == "mark" or not tone:
            return fold(word)

        other = _TONE_SLIPS.get(tone, "")
        return put_tone(base, other) if other else base
    if kind == "swap":
        return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
    if kind == "lose":
        return word[:at] + word[at + 1 :]
    if kind == "double":
        return word[:at] + word[at - 1] + word[at:]
    near = _KEYBOARD.get(word[at])
    return word[:at] + rng.choice(near) + word[at + 1 :] if near else word


def _replace(text: str, table: dict[str, list[str]], level: float, rng: random.Random) -> str:
    padded = f" {text} "
    for phrase in sorted(table, key=lambda p: (-len(p), p)):
        start = 0
        while (at := padded.find(f" {phrase} ", start)) >= 0:
            choice = rng.choice(table[phrase])
            if rng.random() < level:
                padded = f"{padded[:at]} {choice}{padded[at + len(phrase) + 1 :]}"
                start = at + len(choice) + 1
            else:
                start = at + len(phrase) + 1
    return padded.strip()


def rewrite(text: str, kind: str, *, level: float = 1.0, family: str = CURVE) -> str:
    """``text`` as class ``kind`` would have typed it.

    Args:
        text: A clean question.
        kind: One of ``CLASSES``.
        level: How much of it, 0 to 1: the share of words (spaces, replaceable phrases) the class touches.
        family: ``AUGMENT`` or ``CURVE``.
    """
    rng = _random(family, kind, level, text)
    text = unicodedata.normalize("NFC", text)
    match kind:
        case "nodiac":
            return _words(text, lambda word: _bare(word) if rng.random() < level else word)
        case "typo":
            return _words(text, lambda word: _slip(word, rng) if rng.random() < 0.3 * level else word)
        case "telex":
            last = rng.random() < 0.5
            return _words(
                text,
                lambda w: _keys(w, _TELEX_MARKS, _TELEX_TONES, tone_last=last) if rng.random() < level else fold(w),
            )
        case "vni":
            last = rng.random() < 0.5
            return _words(
                text, lambda w: _keys(w, _VNI_MARKS, _VNI_TONES, tone_last=last) if rng.random() < level else fold(w)
            )
        case "teencode":
            return _replace(_spaced(text), _TEENCODE, 0.8 * level, rng)
        case "dialect":
            return _replace(_spaced(text), _DIALECT, 0.9 * level, rng)
        case "joined":
            pieces = text.split()
            joined = pieces[0] if pieces else ""
            for piece in pieces[1:]:
                joined += piece if rng.random() < 0.15 * level else f" {piece}"
            return joined
        case "courtesy":
            return f"{rng.choice(_BEFORE)} {text.rstrip('?.! ')} {rng.choice(_AFTER)}"
        case _:
            raise ValueError(f"unknown noise class {kind!r}")


def _spaced(text: str) -> str:
    """Lower case, punctuation apart from words, so that phrases are found beside it."""
    lowered = text.lower()
    for mark in "?!,.;:":
        lowered = lowered.replace(mark, f" {mark} ")
    return " ".join(lowered.split())
