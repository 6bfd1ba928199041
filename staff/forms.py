"""What was typed into a form, read field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request

from desk.text import clean_line
from staff.accounts import LARGEST_ID
from staff.texts import word

FORM_LIMIT = 64_000
FORM_FIELDS = 100


class FormFault(Exception):  # noqa: N818 - something to tell who typed it
    """A field cannot be taken; ``str`` is the sentence for its owner, ``fields`` fill it in."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(word(f"form.{key}", **fields))


@dataclass(frozen=True)
class Typed:
    """A form that was not taken: which, why, and what was typed, so that nothing is lost."""

    slug: str = ""
    fault: str = ""
    form: Mapping[str, str] = field(default_factory=dict)

    def value(self, slug: str, name: str, otherwise: object = "") -> str:
        """What a field of the form ``slug`` shows: what was typed, or else what is stored."""
        if slug == self.slug and name in self.form:
            return self.form[name]
        return "" if otherwise is None else str(otherwise)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form; of one that is too large or no form at all, nothing."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            return {}
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS))
    except ValueError:
        return {}


def read_id(form: Mapping[str, str], name: str) -> int | None:
    """An id that was chosen; None for anything else."""
    value = form.get(name, "")
    usable = value.isascii() and value.isdecimal() and len(value) <= 10
    return int(value) if usable and 0 < int(value) <= LARGEST_ID else None


def read_line(form: Mapping[str, str], name: str, *, limit: int, label: str) -> str | None:
    """One line without needless blanks; None when empty.

    Raises:
        FormFault: It is too long.
    """
    line = clean_line(form.get(name, ""))
    if len(line) > limit:
        raise FormFault("too_long", label=label, limit=limit)
    return line or None


def need_line(form: Mapping[str, str], name: str, *, limit: int, label: str) -> str:
    """Like ``read_line``, of a field that must not be empty. Raises FormFault."""
    line = read_line(form, name, limit=limit, label=label)
    if line is None:
        raise FormFault("missing", label=label)
    return line


def read_amount(form: Mapping[str, str], name: str, *, most: int, label: str) -> int:
    """A whole number from 1 to ``most``. Raises FormFault."""
    value = form.get(name, "").strip()
    if not (value.isascii() and value.isdecimal() and len(value) <= 6 and 1 <= int(value) <= most):
        raise FormFault("amount", label=label, most=most)
    return int(value)


def ticked(form: Mapping[str, str], prefix: str) -> list[int]:
    """The ids of ticked boxes named ``<prefix>-<id>``."""
    names = [name for name in form if name.startswith(f"{prefix}-")]
    found = [read_id({"id": name.removeprefix(f"{prefix}-")}, "id") for name in names]
    return sorted({number for number in found if number is not None})
