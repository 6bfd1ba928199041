"""Where a person is: the province, then the commune, by whatever name; what may mean several places is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from desk.places import Area, PlaceMatch, communes_of, find_places, place_of, province_name, provinces, show_place
from desk.text import clean_line
from handlers.context import choice
from handlers.form import Answered, Form, Step, Wrong
from handlers.messages import Choice
from handlers.texts import say

CHOICES = 4
WORDS_LIMIT = 8  # of a place we do not know; a longer text tells something else
KEPT_LENGTH = 200
_NOTHING: dict[str, Any] = {"province": None, "old_province": None, "commune": None, "former_unit": None}


def place_text(form: Form, *, with_rest: bool = True) -> str:
    """What was said, for showing; without ``with_rest`` no house, street or hamlet."""
    rest = form.place if with_rest else None
    return show_place(form.province, form.old_province, form.commune, form.former_unit, rest)


def read_place(form: Form, text: str, *, near: str | None) -> Answered | Wrong:
    """An answer to «where are you»: a province at least, or an address. ``near`` is where the person probably is."""
    matches = find_places(text, near, limit=CHOICES)
    if not matches:
        keep = (choice("form.place_keep", "s:pk"),)
        return Wrong(say("problem.place.unknown"), keep, replace(form, place=clean_line(text)[:KEPT_LENGTH] or None))
    if not matches[0].is_sure:
        return _which(replace(form, place=None), matches)
    return _taken(replace(form, place=matches[0].rest[:KEPT_LENGTH] or None), matches[0])


def read_commune(form: Form, text: str) -> Answered | Wrong:
    """An answer to «which commune», within the province that is known; another one may be named all the same."""
    if form.province is None:
        return Wrong(say("problem.commune.unclear"))
    district = form.former_unit if form.commune is None else None
    matches = find_places(text, within=Area(form.province, form.old_province, district), limit=CHOICES)
    if not matches or (not matches[0].commune and len(matches[0].rest.split()) > WORDS_LIMIT):
        return Wrong(say("problem.commune.unclear"))
    if not matches[0].is_sure:
        return _which(form, matches)
    match = matches[0]
    rest = ", ".join(dict.fromkeys(part for part in (match.rest, form.place) if part))[:KEPT_LENGTH] or None
    if match.commune is None and match.rest:
        former = match.former or district
        form = replace(form, province=match.province, old_province=match.old, former_unit=former, place=rest)
        return Answered(form.answered(Step.COMMUNE), say("form.place_noted"))
    return _taken(replace(form, place=rest), match)


def choose(form: Form, data: str) -> Answered | None:
    """What was tapped: a commune or district (``c:code:former``), a province (``p:id:former``), or ``pk``.

    None: no such place, or nothing was typed that could be kept.
    """
    action, _, rest = data.partition(":")
    match action:
        case "c":
            code, _, former = rest.partition(":")
            match = place_of(code, former or None)
            return _taken(form, match) if match else None
        case "p":
            return _choose_province(form, *rest.split(":", 1))
        case "pk" if form.place:
            typed = form.answered(Step.PLACE, **_NOTHING, place=form.place)
            return Answered(typed, say("form.place_noted"))
        case _:
            return None


def _choose_province(form: Form, province: str, old: str = "") -> Answered | None:
    known = next((known for known in provinces() if known.id == province), None)
    if known is None or (old and old not in dict(known.was)):
        return None
    return Answered(form.answered(Step.PLACE, **{**_NOTHING, "province": province, "old_province": old or None}))


def skipped(form: Form, step: Step) -> Form:
    """The form without a place; without a commune only, where the province is known."""
    return form.answered(step) if step is Step.COMMUNE else form.answered(step, **_NOTHING, place=None)


def commune_choices(form: Form) -> tuple[Choice, ...]:
    """The communes that a named district went to, where they are few enough to choose from."""
    if form.commune is not None:
        return ()
    found = communes_of(form.former_unit)
    return tuple(_choice(match) for match in found) if len(found) <= CHOICES else ()


def commune_question(form: Form) -> str:
    """What is asked once the province is known."""
    where = show_place(form.province, form.old_province, None, form.former_unit, in_sentence=True)
    return say("form.commune", where=where)


def _which(form: Form, matches: Sequence[PlaceMatch]) -> Wrong:
    one = "one" if len(matches) == 1 else "which"
    choices = tuple(_choice(match) for match in matches)
    rest = matches[0].rest[:KEPT_LENGTH] or form.place
    return Wrong(say(f"problem.place.{one}"), choices, replace(form, place=rest))


def _choice(match: PlaceMatch) -> Choice:
    if match.commune:
        return Choice(match.label, f"s:c:{match.commune}:{match.former or ''}")
    if match.former:
        return Choice(match.label, f"s:c:{match.former}")
    return Choice(province_name(match.province, match.old), f"s:p:{match.province}:{match.old or ''}")


def _taken(form: Form, match: PlaceMatch) -> Answered:
    """A place that is sure. With a commune, or words beside the province that we do not know, nothing more is asked."""
    form = replace(
        form, province=match.province, old_province=match.old, commune=match.commune, former_unit=match.former
    )
    if match.commune is not None:
        form = form.answered(Step.COMMUNE).answered(Step.PLACE)
        return Answered(form, _what_it_is_today(match))
    if form.place and not match.is_district:
        return Answered(form.answered(Step.COMMUNE).answered(Step.PLACE), say("form.place_noted"))
    return Answered(form.without(Step.COMMUNE).answered(Step.PLACE), _what_it_is_today(match))


def _what_it_is_today(match: PlaceMatch) -> str | None:
    if match.commune is not None and match.former is not None:
        now = show_place(match.province, match.old, match.commune, in_sentence=True)
        return say("form.commune_today", old=match.former_name, now=now)
    return say("form.place_today", old=match.old_name, now=match.name) if match.old_name else None
