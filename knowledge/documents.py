"""Which document of the register a message names by its number.

People write a number in full, without diacritics, with spaces for the signs, or as bare digits beside a word such as
"quyết định". A number the register does not hold is reported as unknown, never matched to its neighbour.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from knowledge.schema import Document
from knowledge.taxonomy import NATIONAL, load_taxonomy
from knowledge.text import clean, fold

_KINDS = {
    "luat": "luat", "bo luat": "luat", "nghi dinh": "nghi dinh", "nd": "nghi dinh", "thong tu": "thong tu",
    "tt": "thong tu", "quyet dinh": "quyet dinh", "qd": "quyet dinh", "nghi quyet": "nghi quyet", "nq": "nghi quyet",
    "ke hoach": "ke hoach", "kh": "ke hoach", "chuong trinh": "chuong trinh", "ctr": "chuong trinh",
    "ket luan": "ket luan", "kl": "ket luan", "chi thi": "chi thi", "ct": "", "de an": "de an",
    "cong van": "cong van", "cv": "cong van", "van ban": "", "huong dan": "huong dan",
}  # fmt: skip
_KIND_PATTERN = "|".join(sorted((re.escape(kind) for kind in _KINDS), key=len, reverse=True))
# the part behind the number: issuer and kind letters, e.g. «qđ-ttg», «2023/nđ-cp», «nq tw», «qh15»
_TAIL = (
    r"(?:\s*[/\-–_. ]\s*(?:(?P<year>(?:19|20)\d\d)\b)?\s*[/\-–_. ]?\s*"
    r"(?P<letters>(?:qd|nd|tt|nq|kh|ctr|ct|kl|cv|qh|hd|vbhn|ttlt)\d{0,2}\b"
    r"(?:\s*[\-/–. ]\s*(?:ttg|cp|tw|tu|ubnd|hdnd|bkhcn|btc|bct|bnnptnt|bnn|skhcn|ub|byt|btttt|bnv|bgddt)\b)*)?)?"
)
_NUMBER = re.compile(
    rf"(?:(?P<kind>\b(?:{_KIND_PATTERN}))\s*(?:so\s*)?|(?P<so>\bso\s+))?(?<![\d.,])(?P<digits>\d{{1,5}})\b{_TAIL}"
)
_DIGIT = re.compile(r"\d")
_PLANS = {"ke hoach", "quyet dinh", "chuong trinh", "de an"}
_LETTER_KINDS = {"qd": "quyet dinh", "nd": "nghi dinh", "tt": "thong tu", "nq": "nghi quyet", "kh": "ke hoach",
                 "ctr": "chuong trinh", "kl": "ket luan", "qh": "luat", "ct": "chi thi"}  # fmt: skip
_ISSUERS = {"ttg": "ttg", "thu tuong": "ttg", "chinh phu": "cp", "cp": "cp", "ubnd": "ubnd", "uy ban": "ubnd",
            "tw": "tw", "trung uong": "tw", "tinh uy": "tu", "tu": "tu", "hdnd": "hdnd", "hoi dong nhan dan": "hdnd",
            "bkhcn": "bkhcn", "bo khoa hoc": "bkhcn", "btc": "btc", "bo tai chinh": "btc"}  # fmt: skip
_UNITS = re.compile(
    r"\s*(?:%|phan tram|trieu|ty|ti|dong|nghin|ngan|ngay(?!\s+\d{1,2}[/.-])|thang|nam(?!\s+(?:19|20)\d\d\b)"
    r"|tuan|gio|kg|ha|m2|m3|met|nguoi|ho|cong|cay|con|lan"
    r"|sao|tuoi|lit|tan|ta|sp|san pham|may|cai|mau|tr|k|usd|giong|loai|nhan vien|lao dong|hecta)\b"
)
_STANDARDS = re.compile(
    r"\b(?:iso|tcvn|qcvn|haccp|iec|gs1|fssc|brc|vietgap|globalgap|ohsas|sa|5s|co2|covid)\s*[-/:]?\s*$"
)


# beside bare digits: what may be said and the digits still be a document's number
_SAYS_LITTLE = frozenset(
    ("so", "van", "ban", "la", "gi", "noi", "ve", "con", "hieu", "luc", "khong", "ko", "qd", "ttg", "cua", "cai", "nao",
     "cho", "hoi", "xem", "a", "da")
)  # fmt: skip


@dataclass(frozen=True)
class NamedNumber:
    """A document number as a message gives it; ``explicit``: said in a form that only a document number has."""

    digits: str
    year: str | None
    kind: str | None
    issuer: str | None
    explicit: bool
    text: str

    def is_told_by(self, other: NamedNumber) -> bool:
        """Whether ``other``, found in an entry, is this number: the same digits, and no other kind or year."""
        known = ((self.kind, other.kind), (self.year, other.year))
        same = self.digits.lstrip("0") == other.digits.lstrip("0")
        return same and all(mine is None or mine == theirs for mine, theirs in known)


@dataclass(frozen=True)
class DocumentMatch:
    """What a named number leads to. ``best`` is None when the register lacks it or nothing tells several apart.

    ``alone``: the message says little beside it.
    """

    named: NamedNumber
    best: Document | None
    others: tuple[Document, ...]
    alone: bool = False


def _says_little(folded: str) -> bool:
    return set(re.findall(r"[a-z]+", folded)) <= _SAYS_LITTLE


def _parts(document: Document) -> tuple[str, str | None, str, str]:
    """Digits, year, kind and issuer letters of a register number."""
    number = fold(document.number or "")
    digits = re.match(r"\D*(\d+)", number)
    year = re.search(r"[/-]((?:19|20)\d\d)[/-]", number)
    date_year = str(document.date)[:4] if document.date else None
    tail = re.sub(r"[^a-z]+", " ", number)
    return (digits.group(1) if digits else ""), (year.group(1) if year else date_year), fold(document.kind), tail


class DocumentIndex:
    """Documents by the digits of their number and by the names people give them."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by_digits: dict[str, list[Document]] = defaultdict(list)
        self.by_id = {document.id: document for document in documents}
        for document in self.by_id.values():
            digits = _parts(document)[0]
            if digits:
                self._by_digits[digits.lstrip("0")].append(document)

    def find_numbers(self, text: str) -> list[NamedNumber]:
        """Every number in a message that reads as a document's."""
        typed = clean(text)
        if _DIGIT.search(typed) is None:
            return []
        folded = fold(typed)
        shown = typed if len(typed) == len(folded) else folded
        found: list[NamedNumber] = []
        for match in _NUMBER.finditer(folded):
            letters = match.group("letters")
            kind = _KINDS.get(match.group("kind") or "") or None
            head = re.match(r"[a-z]+", letters or "")
            letter_kind = _LETTER_KINDS.get(head.group(0)) if head else None
            named = bool(match.group("kind"))
            digits = match.group("digits")
            followed_by_unit = _UNITS.match(folded, match.end("digits")) is not None
            after_standard = _STANDARDS.search(folded[: match.start("digits")]) is not None
            if after_standard or (followed_by_unit and not letters and not (named and len(digits) >= 3)):
                continue
            if len(digits) == 4 and digits[:2] in {"19", "20"} and not letters and not match.group("so"):
                if match.group("kind") not in {"quyet dinh", "qd", "ke hoach", "kh", "nghi quyet"}:
                    continue  # a year: «kế hoạch năm 2024», «chương trình 2030»
                if digits.lstrip("0") not in self._by_digits:
                    continue
            explicit = bool(letters) or (
                named and (bool(match.group("year")) or len(digits) >= 2 or kind != "chuong trinh")
            )
            if not explicit and not (match.group("so") or len(digits) >= 3):
                continue
            issuer = next((code for word, code in _ISSUERS.items() if re.search(rf"\b{word}\b", letters or "")), None)
            found.append(
                NamedNumber(
                    digits=digits, year=match.group("year"), kind=letter_kind or kind, issuer=issuer,
                    explicit=explicit, text=shown[match.start() : match.end()].strip(),
                )
            )  # fmt: skip
        return found

    def find(self, text: str, *, province: str = NATIONAL) -> DocumentMatch | None:
        """The document a message names, with those that share its digits; None when it names none.

        Args:
            text: The message as typed.
            province: The person's province: a plan of that province goes before another's of the same digits.
        """
        numbers = self.find_numbers(text)
        folded = fold(clean(text)) if numbers else ""
        # «nhiệm vụ số 5 trong Chương trình 54»: what has a kind or letters names a document before a bare number does
        for named in sorted(numbers, key=lambda named: not named.explicit):
            documents = self._by_digits.get(named.digits.lstrip("0"), [])
            if not documents:
                if named.explicit:
                    is_number = named.kind is not None or len(named.digits) >= 3
                else:
                    is_number = 3 <= len(named.digits) <= 5 and _says_little(folded)
                if is_number:
                    return DocumentMatch(named=named, best=None, others=())
                continue
            match = self._choose(named, documents, folded, province)
            if not named.explicit and not self._is_about(named, match, folded, province):
                continue  # a house number, a weight: bare digits name a document only where little else is said
            return replace(match, alone=_says_little(folded))
        return None

    def _is_about(self, named: NamedNumber, match: DocumentMatch, folded: str, province: str) -> bool:
        """Whether bare digits are a document's number: other words say so too, or there are hardly any."""
        if match.best is not None and self._agreement(named, match.best, folded, province) >= 1:
            return True
        return _says_little(folded)

    def _choose(self, named: NamedNumber, documents: list[Document], folded: str, province: str) -> DocumentMatch:
        scored = sorted(
            ((self._agreement(named, document, folded, province), document) for document in documents),
            key=lambda pair: (-pair[0], pair[1].id),
        )
        possible = [(score, document) for score, document in scored if score > -50]
        if not possible:
            return DocumentMatch(named=named, best=None, others=())
        if not named.explicit and possible[0][0] < 1 and len(possible) > 1:
            return DocumentMatch(named=named, best=None, others=tuple(d for _, d in possible))
        others = tuple(document for _, document in possible[1:])
        tied = len(possible) > 1 and possible[0][0] - possible[1][0] < 0.5
        if tied:
            return DocumentMatch(named=named, best=None, others=tuple(document for _, document in possible))
        return DocumentMatch(named=named, best=possible[0][1], others=others)

    @staticmethod
    def _agreement(named: NamedNumber, document: Document, folded: str, province: str) -> float:
        _, year, kind, tail = _parts(document)
        score = 0.0
        if named.year:
            if year and year != named.year:
                return -100.0
            score += 4.0
        elif year and re.search(rf"\b{year}\b", folded):
            score += 3.0
        if named.kind and named.kind not in {"de an", "chuong trinh"}:
            if named.kind not in kind and named.kind != {"bo luat": "luat"}.get(kind, kind):
                # a plan is often called by the decision that approves it, and the other way round
                if not ({named.kind, kind} <= _PLANS and len(named.digits) >= 3 and not named.issuer):
                    return -100.0
                score += 0.5
            else:
                score += 3.0
        elif named.kind:
            score += 3.0 if named.kind in fold(f"{kind} {document.title} {' '.join(document.names)}") else 0.0
        if named.issuer:
            if named.issuer not in tail.split():
                return -100.0
            score += 3.0
        provinces = load_taxonomy().provinces
        if document.province != NATIONAL:
            place = provinces[document.province]
            if any(re.search(rf"\b{fold(name)}\b", folded) for name in (place.name, place.now_name) if name):
                score += 3.0
            elif document.province == province:
                score += 1.0
            else:
                score -= 1.0
        subject = set(fold(f"{document.title} {document.subject} {document.issuer}").split())
        asked = set(re.findall(r"[a-z]{3,}", folded))
        return score + min(2.0, 0.4 * len(subject & asked))
