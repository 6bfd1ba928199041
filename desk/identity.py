"""Who somebody says they are: phone numbers, tax codes, names. What is wrong comes back as data, to be worded.

A ``Problem`` names the part that is wrong and gives an example of a right one. Nothing here proves that a number is
anybody's.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError
from stdnum.vn import mst

from desk.text import clean_line

PHONE_EXAMPLE = "0912 345 678"
LANDLINE_EXAMPLE = "0272 3826 199"
TAX_EXAMPLE = "0100109106"
NAME_LIMIT = 160
ORGANISATION_LIMIT = 240

_LOOK_ALIKES = str.maketrans("oOlI|", "00111")
_SEPARATORS = re.compile(r"[\s().\-‐‑–—/]+")
_MOBILE = re.compile(r"0[35789]\d{8}")
# the eleven-digit mobile numbers of before 2018 and what they became
_OLD_PREFIXES = {
    "0120": "070", "0121": "079", "0122": "077", "0123": "083", "0124": "084", "0125": "085", "0126": "076",
    "0127": "081", "0128": "078", "0129": "082", "0162": "032", "0163": "033", "0164": "034", "0165": "035",
    "0166": "036", "0167": "037", "0168": "038", "0169": "039", "0186": "056", "0188": "058", "0199": "059",
}  # fmt: skip
# The area codes of before 2017, where no mobile number begins so today, and what they became (plan of the Bộ Thông tin
# và Truyền thông of 2016); a number is only converted where it is none as typed and one afterwards.
_OLD_AREAS = {
    "0210": "0210", "0240": "0204", "0241": "0222", "0280": "0208", "0281": "0209", "0230": "0215", "0231": "0213",
    "0320": "0220", "0321": "0221", "0350": "0228", "0351": "0226", "0500": "0262", "0501": "0261", "0510": "0235",
    "0511": "0236", "0650": "0274", "0651": "0271", "0710": "0292", "0711": "0293", "0780": "0290", "0781": "0291",
    "031": "0225", "053": "0233", "054": "0234", "057": "0257", "060": "0260", "061": "0251", "062": "0252",
    "063": "0263", "064": "0254", "066": "0276", "067": "0277", "068": "0259", "072": "0272", "073": "0273",
    "074": "0294", "075": "0275", "04": "024",
}  # fmt: skip
_OR = re.compile(r"[/,;&]|\b(?:hoặc|hoac|và|va|hay)\b", re.IGNORECASE)
_NOT_CONTACTS = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST}


@dataclass(frozen=True)
class Problem:
    """What is wrong: ``key`` names the text, ``fields`` fill it in, with an ``example`` where one helps."""

    key: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Phone:
    """A phone number in E.164. ``confirm`` names why to ask: ``old_prefix``, ``old_area`` (converted), ``unusual``."""

    e164: str
    confirm: str | None = None

    @property
    def national(self) -> str:
        """As people write it: 0912 345 678; a foreign one with its country."""
        form = PhoneNumberFormat.NATIONAL if self.e164.startswith("+84") else PhoneNumberFormat.INTERNATIONAL
        return phonenumbers.format_number(phonenumbers.parse(self.e164), form)

    @property
    def masked(self) -> str:
        """Its first three and last three digits: 091• ••• 678."""
        return mask_phone(self.e164)


def mask_phone(e164: str) -> str:
    """A stored number with its middle hidden."""
    digits = "0" + e164[3:] if e164.startswith("+84") else e164
    return f"{digits[:3]}• ••• {digits[-3:]}"


def read_phone(text: str) -> Phone | Problem:
    """The number a person typed or shared, as one to call them on.

    Words around it («sđt 0912…», «0912… nhé») are left out. Old eleven-digit mobiles and old area codes are converted;
    mobile numbers the metadata does not know yet are taken. These say so in ``confirm``. Problems: ``phone.empty``,
    ``phone.several``, ``phone.letters`` (``found``), ``phone.too_short`` and ``phone.too_long`` (``digits``,
    ``wanted``), ``phone.area_code`` (``digits``), ``phone.service`` (1900, 1800), ``phone.prefix`` (``prefix``),
    ``phone.invalid``.
    """
    line = clean_line(text)
    if sum(_count_digits(part) >= 9 for part in _OR.split(line)) > 1:
        return Problem("phone.several", {"example": PHONE_EXAMPLE})
    line = _without_words(line, least=7)
    compact = _SEPARATORS.sub("", line.translate(_LOOK_ALIKES))
    if not compact:
        return Problem("phone.empty", {"example": PHONE_EXAMPLE})
    if re.sub(r"[+\d]", "", compact):
        return Problem("phone.letters", {"found": _strange(line, "+"), "example": PHONE_EXAMPLE})
    foreign = compact.startswith(("+", "00")) and not compact.startswith(("+84", "0084"))
    if foreign:
        return _read_foreign("+" + compact.lstrip("+0"))
    national = _national(compact)
    if len(national) == 11 and national[:4] in _OLD_PREFIXES:
        return Phone("+84" + (_OLD_PREFIXES[national[:4]] + national[4:])[1:], "old_prefix")
    try:
        number = phonenumbers.parse(national, "VN")
    except phonenumbers.NumberParseException:
        return _what_is_wrong(national)
    if phonenumbers.is_valid_number(number):
        if phonenumbers.number_type(number) in _NOT_CONTACTS:
            return Problem("phone.service", {"number": national, "example": PHONE_EXAMPLE})
        return Phone(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    if landline := _of_old_area(national):
        return Phone(landline, "old_area")
    if _MOBILE.fullmatch(national):
        return Phone("+84" + national[1:], "unusual")
    return _what_is_wrong(national)


def _count_digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _without_words(line: str, *, least: int) -> str:
    """A number without the words before and after it, where at least so many digits are left."""
    parts = line.replace(":", ": ").split()
    while parts and not _count_digits(parts[0]) and any(letter.isalpha() for letter in parts[0]):
        parts.pop(0)
    while parts and not _count_digits(parts[-1]) and any(letter.isalpha() for letter in parts[-1]):
        parts.pop()
    number = " ".join(parts)
    return number.rstrip(".,") if _count_digits(number) >= least else line


def _strange(line: str, allowed: str = "") -> str:
    """What of a number is no digit, as it was typed."""
    kept = _SEPARATORS.sub("", line)
    return "".join(one for one in kept if not one.translate(_LOOK_ALIKES).isdigit() and one not in allowed)[:20]


def _of_old_area(national: str) -> str | None:
    for length in (4, 3, 2):
        area = _OLD_AREAS.get(national[:length])
        if area is None or national[length : length + 1] in ("", "0", "1", "9"):  # no landline begins so
            continue
        number = phonenumbers.parse(area + national[length:], "VN")
        if phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE:
            return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return None


def _national(compact: str) -> str:
    for prefix in ("+84", "0084"):
        if compact.startswith(prefix):
            return "0" + compact.removeprefix(prefix).lstrip("0")
    if compact.startswith("84") and len(compact) in (11, 12):
        return "0" + compact[2:].lstrip("0")
    if len(compact) == 9 and compact[0] in "35789":
        return "0" + compact
    return compact


def _read_foreign(compact: str) -> Phone | Problem:
    try:
        number = phonenumbers.parse(compact)
    except phonenumbers.NumberParseException:
        return Problem("phone.invalid", {"example": PHONE_EXAMPLE})
    if not phonenumbers.is_valid_number(number):
        return Problem("phone.invalid", {"example": PHONE_EXAMPLE})
    return Phone(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _what_is_wrong(national: str) -> Problem:
    if re.match(r"1[89]00", national):
        return Problem("phone.service", {"number": national, "example": PHONE_EXAMPLE})
    if 6 <= len(national) <= 8 and not national.startswith(("0", "1")):
        return Problem("phone.area_code", {"digits": len(national), "example": LANDLINE_EXAMPLE})
    wanted = 11 if national.startswith("02") else 10
    details: dict[str, Any] = {"digits": len(national), "wanted": wanted, "example": PHONE_EXAMPLE}
    if len(national) < wanted:
        return Problem("phone.too_short", details)
    if len(national) > wanted:
        return Problem("phone.too_long", details)
    return Problem("phone.prefix", {"prefix": national[:3], "example": PHONE_EXAMPLE})


@dataclass(frozen=True)
class TaxCode:
    """A tax code as it is kept. ``kind``: ``organisation``, ``branch`` (hyphenated) or ``personal`` (12 digits).

    A personal code is the holder's identification number: personal data, to be masked.
    """

    value: str
    kind: str

    @property
    def masked(self) -> str:
        """A personal number with its middle hidden; the code of an organisation is public."""
        return mask_tax_code(self.value)


def mask_tax_code(value: str) -> str:
    """A kept code for showing: 12 digits are somebody's identification number."""
    return f"{value[:3]}••••••{value[-3:]}" if len(value) == 12 and value.isdigit() else value


def read_tax_code(text: str, *, today: dt.date | None = None) -> TaxCode | Problem:
    """The tax code a person typed.

    Words around it («MST 0100…») are left out. Problems: ``tax.empty``, ``tax.letters`` (``found``), ``tax.length``
    (``digits``), ``tax.check_digit``, ``tax.branch`` (the three digits after the hyphen), ``tax.number``,
    ``tax.personal_century`` (``digit``, the fourth) and ``tax.personal_year`` (``digits``, the fifth and sixth). All
    with ``example``.
    """
    line = _without_words(clean_line(text), least=5)
    compact = _SEPARATORS.sub("", line.translate(_LOOK_ALIKES))
    example = {"example": TAX_EXAMPLE}
    if not compact:
        return Problem("tax.empty", example)
    if re.sub(r"\d", "", compact):
        return Problem("tax.letters", {"found": _strange(line), **example})
    if len(compact) == 12:
        return _read_personal(compact, today or dt.datetime.now(dt.UTC).date())
    if len(compact) not in (10, 13):
        return Problem("tax.length", {"digits": len(compact), **example})
    try:
        value = mst.format(mst.validate(compact))
    except InvalidChecksum:
        return Problem("tax.check_digit", example)
    except InvalidComponent:
        return Problem("tax.branch" if compact[10:] == "000" else "tax.number", example)
    except ValidationError:
        return Problem("tax.number", example)
    return TaxCode(value, "branch" if len(compact) == 13 else "organisation")


def _read_personal(digits: str, today: dt.date) -> TaxCode | Problem:
    """Only what cannot be: the place of birth says nothing, people are born abroad; there is no check digit."""
    example = {"example": "079084000999"}
    century = int(digits[3])
    if century > 3:
        return Problem("tax.personal_century", {"digit": digits[3], **example})
    if 1900 + century // 2 * 100 + int(digits[4:6]) > today.year:
        return Problem("tax.personal_year", {"digits": digits[4:6], **example})
    return TaxCode(digits, "personal")


def read_name(text: str) -> str | Problem:
    """A person's name as typed. Problems: ``name.empty``, ``name.too_long`` (``limit``), ``name.digits``."""
    name = clean_line(text)
    if not any(character.isalpha() for character in name):
        return Problem("name.empty", {"example": "Nguyễn Thị Hoa"})
    if len(name) > NAME_LIMIT:
        return Problem("name.too_long", {"limit": NAME_LIMIT})
    if sum(character.isdigit() for character in name) >= 4:
        return Problem("name.digits", {"example": "Nguyễn Thị Hoa"})
    return name


def read_organisation(text: str) -> str | Problem:
    """An organisation's name as typed. Problems: ``organisation.empty``, ``organisation.too_long`` (``limit``)."""
    name = clean_line(text)
    if not any(character.isalpha() for character in name):
        return Problem("organisation.empty", {"example": "HTX Nông nghiệp Bình Minh"})
    if len(name) > ORGANISATION_LIMIT:
        return Problem("organisation.too_long", {"limit": ORGANISATION_LIMIT})
    return name
