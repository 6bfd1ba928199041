"""What a request is found by, and what an officer looks for, as words without diacritics."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection

from db.queries import request_search
from db.queries.request_search import Found
from desk.codes import find_code
from desk.places import place_names
from desk.text import words

TEXT_WORDS = 80
_NUMBER = re.compile(r"(?<!\d)\+?\d(?:[ .-]?\d){5,14}(?!\d)")


def _digits(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return "0" + digits[2:] if digits.startswith("84") and len(digits) >= 11 else digits


def request_words(request: Any) -> list[str]:
    """The words of a row of ``requests``: code, who, phone (whole, its last six and four digits), what it is about."""
    found = [request.code.replace("-", "").lower(), request.code[5:].lower()]
    named = place_names(request.commune, request.former_unit)
    for value in (request.name, request.organisation, request.place, *named):
        found += words(value or "")
    for number in (request.phone, request.tax_code):
        if number:
            digits = _digits(number)
            found += [digits, digits[-6:], digits[-4:]]
    found += words(f"{request.question or ''} {request.description or ''}")[:TEXT_WORDS]
    return list(dict.fromkeys(found))


def index(connection: Connection, request: Any) -> None:
    """Make a request findable by its present words."""
    request_search.set_words(connection, request.id, request_words(request), department_id=request.department_id)


def query_words(text: str) -> list[str]:
    """The words of a search; a code and a phone number typed with spaces or hyphens are one word each."""
    code = find_code(text)
    if code is not None:
        return [code.code.replace("-", "").lower()]
    numbers = [_digits(match.group()) for match in _NUMBER.finditer(text)]
    return list(dict.fromkeys(numbers + words(_NUMBER.sub(" ", text))))[:8]


def find(
    connection: Connection, text: str, *, department_id: int, before_id: int | None = None, limit: int = 25
) -> Found:
    """The requests that a search by code, name, phone, organisation or words finds, newest first, and whether to go on.

    What was found may be fewer than ``limit`` while older ones have yet to be looked for, from ``next_before`` on.
    """
    found = query_words(text)
    return request_search.search(connection, found, department_id=department_id, before_id=before_id, limit=limit)
