"""Codes people read out: ``HT26-4F7KQ2`` in form. Never sequential; a mistyped one is recognised as such.

The last character checks the others over GF(32): with one weight per place, all different and none zero, a weighted
sum of zero is broken by every single wrong character and by every swap of two.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_PRIMITIVE = 0b100101  # x^5 + x^2 + 1, irreducible, of which x = 2 is a generator
_LENGTH = 8  # two digits of the year, five random characters, the check
_LOOK_ALIKES = str.maketrans("OIL", "011")
_GAP = r"[\s._\-‐‑‒–—]*"
_CODE = re.compile(rf"(?<![0-9A-Z])HT{_GAP}([0-9OIL]{{2}}){_GAP}([0-9A-Z]{{6}})(?![0-9A-Z])")


def _multiply(left: int, right: int) -> int:
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 32:
            left ^= _PRIMITIVE
        right >>= 1
    return product


def _powers() -> tuple[int, ...]:
    powers = [1]
    while len(powers) < _LENGTH:
        powers.append(_multiply(powers[-1], 2))
    return tuple(reversed(powers))  # the check itself weighs 1


_WEIGHTS = _powers()


def _sum(characters: str) -> int:
    total = 0
    for weight, character in zip(_WEIGHTS, characters, strict=False):
        total ^= _multiply(weight, _VALUE[character])
    return total


def is_valid(code: str) -> bool:
    """Whether a code in its written form (``HT26-4F7KQ2``) is one that ``new_code`` could have made."""
    characters = code[2:4] + code[5:]
    in_form = len(code) == 11 and code.startswith("HT") and code[4] == "-" and code[2:4].isdigit()
    return in_form and all(character in _VALUE for character in characters) and _sum(characters) == 0


def new_code(year: int) -> str:
    """A code for a request of ``year``; the caller tries again in the rare case that it is taken."""
    body = f"{year % 100:02d}" + "".join(secrets.choice(ALPHABET) for _ in range(5))
    return f"HT{body[:2]}-{body[2:]}{ALPHABET[_sum(body)]}"


@dataclass(frozen=True)
class FoundCode:
    """What was typed, in the written form. ``is_valid`` is false for a mistyped one: no request has it."""

    code: str
    is_valid: bool


def find_code(text: str) -> FoundCode | None:
    """The first code in a text, however typed: lower case, without hyphen, with O for 0 and I or L for 1.

    A well-formed code with a right check is preferred to one that is mistyped.
    """
    found = None
    for match in _CODE.finditer(text.upper()):
        digits, rest = (part.translate(_LOOK_ALIKES) for part in match.groups())
        code = f"HT{digits}-{rest}"
        if is_valid(code):
            return FoundCode(code, is_valid=True)
        # "ht 10 chuong trinh" is no code: one typed with spaces must at least have a digit among its random part
        if " " not in match.group() or any(character.isdigit() for character in match.group(2)):
            found = found or FoundCode(code, is_valid=False)
    return found
