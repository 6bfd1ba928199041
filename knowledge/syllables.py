"""Which letter sequences can be a Vietnamese syllable, and where its tone mark stands.

Generated from onsets, rhymes and the spelling rules between them; needs no word list.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from knowledge.text import fold, split_tone

# the first one is empty: «ăn», «ở»
_ONSETS = (
    "", "b", "c", "ch", "d", "đ", "g", "gh", "gi", "h", "k", "kh", "l", "m", "n", "ng", "ngh", "nh", "p", "ph", "qu",
    "r", "s", "t", "th", "tr", "v", "x",
)  # fmt: skip
_RHYMES = [
    "a",
    "ac",
    "ach",
    "ai",
    "am",
    "an",
    "ang",
    "anh",
    "ao",
    "ap",
    "at",
    "au",
    "ay",
    "ă",
    "ăc",
    "ăm",
    "ăn",
    "ăng",
    "ăp",
    "ăt",
    "âc",
    "âm",
    "ân",
    "âng",
    "âp",
    "ât",
    "âu",
    "ây",
    "e",
    "ec",
    "em",
    "en",
    "eng",
    "eo",
    "ep",
    "et",
    "ê",
    "êch",
    "êm",
    "ên",
    "ênh",
    "êp",
    "êt",
    "êu",
    "i",
    "ia",
    "ich",
    "iêc",
    "iêm",
    "iên",
    "iêng",
    "iêp",
    "iêt",
    "iêu",
    "im",
    "in",
    "inh",
    "ip",
    "it",
    "iu",
    "o",
    "oa",
    "oac",
    "oach",
    "oai",
    "oam",
    "oan",
    "oang",
    "oanh",
    "oao",
    "oap",
    "oat",
    "oay",
    "oăc",
    "oăm",
    "oăn",
    "oăng",
    "oăt",
    "oc",
    "oe",
    "oen",
    "oeo",
    "oet",
    "oi",
    "om",
    "on",
    "ong",
    "op",
    "ot",
    "ô",
    "ôc",
    "ôi",
    "ôm",
    "ôn",
    "ông",
    "ôp",
    "ôt",
    "ơ",
    "ơi",
    "ơm",
    "ơn",
    "ơp",
    "ơt",
    "u",
    "ua",
    "uân",
    "uâng",
    "uât",
    "uây",
    "uc",
    "uê",
    "uêch",
    "uênh",
    "ui",
    "um",
    "un",
    "ung",
    "uơ",
    "up",
    "ut",
    "uy",
    "uya",
    "uych",
    "uyên",
    "uyêt",
    "uynh",
    "uyp",
    "uyt",
    "uyu",
    "uyn",
    "uôc",
    "uôi",
    "uôm",
    "uôn",
    "uông",
    "uôt",
    "ư",
    "ưa",
    "ưc",
    "ưi",
    "ưm",
    "ưn",
    "ưng",
    "ươc",
    "ươi",
    "ươm",
    "ươn",
    "ương",
    "ươp",
    "ươt",
    "ươu",
    "ưt",
    "ưu",
    "y",
    "yêm",
    "yên",
    "yêng",
    "yêt",
    "yêu",
    "ơt",
    "êt",
]
_FRONT = ("e", "ê", "i", "y")
_STOPS = ("c", "ch", "p", "t")
_TONES_ON_STOPS = {"\u0301", "\u0323"}
_MARKED = "ăâêôơư"
_VOWELS = set("aăâeêioôơuưy")
_COMPOSE = {
    tone: {vowel: unicodedata.normalize("NFC", vowel + tone) for vowel in _VOWELS}
    for tone in ("\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
}


def _joins(onset: str, rhyme: str) -> bool:
    front = rhyme.startswith(_FRONT)
    match onset:
        case "k":
            return front
        case "c":
            return not front
        case "gh" | "ngh":
            return rhyme[0] in "eêi"
        case "g":
            return rhyme[0] not in "eêy"
        case "ng":
            return rhyme[0] not in "eêi"
        case "gi":
            return rhyme[0] != "y" and rhyme != "i"
        case "qu":
            return rhyme[0] in "aăâeêiôơoy" and not rhyme.startswith(("oa", "oe"))
        case "p":
            return len(rhyme) > 1
        case "":
            return True
        case _:
            return not rhyme.startswith("yê")


# «kĩ thuật» and «kỹ thuật», «đăng kí» and «đăng ký» are the same words; keys are base and tone apart
_ONE_SPELLING = {
    f"{onset}i{tone}": f"{onset}y"
    for onset, tones in {
        "k": "\u0300\u0301\u0303\u0309",
        "l": "\u0301",
        "m": "\u0303",
        "qu": "\u0301",
        "t": "\u0309\u0323",
    }.items()
    for tone in tones
}
_BASES = frozenset(onset + rhyme for onset in _ONSETS for rhyme in _RHYMES if _joins(onset, rhyme)) | {"giêt", "pin"}
_FOLDED = frozenset(fold(base) for base in _BASES)


@lru_cache(maxsize=50_000)
def is_syllable(word: str) -> bool:
    """Whether a lower-case word with its diacritics can be a Vietnamese syllable."""
    base, tone = split_tone(word)
    if base not in _BASES:
        return False
    return not (tone and base.endswith(_STOPS) and tone not in _TONES_ON_STOPS)


def is_bare_syllable(word: str) -> bool:
    """Whether an ASCII word can be a syllable typed without diacritics."""
    return word in _FOLDED


@lru_cache(maxsize=50_000)
def tone_in_place(word: str) -> str:
    """The word with its tone mark where the dictionary puts it: ``hoà``, ``hòa`` → ``hòa``; ``nứơc`` → ``nước``."""
    base, tone = split_tone(word)
    base = _ONE_SPELLING.get(base + tone, base)
    if base not in _BASES:
        return word
    return put_tone(base, tone) if tone else base


def put_tone(base: str, tone: str) -> str:
    """``base`` carrying ``tone`` on the vowel that takes it; unchanged where there is no vowel."""
    start = 2 if base.startswith("qu") or (base.startswith("gi") and len(base) > 2 and base[2] in _VOWELS) else 0
    vowels = [i for i in range(start, len(base)) if base[i] in _VOWELS]
    if not vowels:
        vowels = [i for i in range(len(base)) if base[i] in _VOWELS]
    if not vowels:
        return base
    run = [vowels[0]]
    for i in vowels[1:]:
        if i == run[-1] + 1:
            run.append(i)
        else:
            break
    marked = [i for i in run if base[i] in _MARKED]
    if marked:
        place = marked[-1]
    elif len(run) == 1:
        place = run[0]
    elif run[-1] < len(base) - 1:
        place = run[-1]
    elif len(run) == 2:
        place = run[0]
    else:
        place = run[1]
    return base[:place] + _COMPOSE[tone][base[place]] + base[place + 1 :]
