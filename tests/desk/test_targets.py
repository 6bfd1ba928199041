"""Targets and the clock: pauses never shorten, due times stay inside working hours, the arithmetic fits."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.models import Priority
from desk.calendar import WorkCalendar
from desk.explain import explain
from desk.targets import Clock, Target, parse_target, parse_targets
from tests.desk.test_calendar import CALENDAR, MOMENTS, at, calendars, inside

TARGETS = st.builds(Target, st.integers(1, 12), st.sampled_from(["hours", "days"]))
GAPS = st.lists(st.integers(1, 20_000), max_size=8).map(lambda numbers: numbers[: len(numbers) // 2 * 2])


def pauses_from(start: dt.datetime, gaps: list[int]) -> list[tuple[dt.datetime, dt.datetime]]:
    moment, pauses = start, []
    for before, length in zip(gaps[::2], gaps[1::2], strict=True):
        paused = moment + dt.timedelta(minutes=before)
        moment = paused + dt.timedelta(minutes=length)
        pauses.append((paused, moment))
    return pauses


def test_the_defaults_are_the_proposals() -> None:
    targets = parse_targets({})
    assert targets.of(None, Priority.NORMAL) == Target(5, "days")
    assert targets.of("nhan-hieu", Priority.URGENT) == Target(8, "hours")
    assert targets.accept == Target(1, "days")
    assert targets.first_reply == Target(3, "days")


def test_a_department_overrides_by_topic_and_priority() -> None:
    topics = {"an-toan-buc-xa": {"normal": {"amount": 4, "unit": "hours"}}}
    own = {"topics": topics, "answer": {"low": {"amount": 9, "unit": "days"}}}
    targets = parse_targets(own)
    assert targets.of("an-toan-buc-xa", Priority.NORMAL) == Target(4, "hours")
    assert targets.of("an-toan-buc-xa", Priority.HIGH) == Target(3, "days")
    assert targets.of(None, Priority.LOW) == Target(9, "days")


@pytest.mark.parametrize(
    "data",
    [{}, {"amount": 1}, {"amount": 0, "unit": "days"}, {"amount": True, "unit": "days"}, {"amount": 1, "unit": "weeks"},
     {"amount": 2000, "unit": "days"}, {"amount": "5", "unit": "days"}],
)  # fmt: skip
def test_a_target_must_be_one(data: Any) -> None:
    with pytest.raises(ValueError):
        parse_target(data)


def test_a_pause_moves_what_is_due_by_the_working_time_it_took() -> None:
    clock = Clock(at("2026-11-13T11:00"), Target(8, "hours"))
    assert clock.due(CALENDAR).at == at("2026-11-16T11:30")
    paused = Clock(clock.started_at, clock.target, [(at("2026-11-13T14:30"), at("2026-11-17T09:00"))])
    due = paused.due(CALENDAR)
    assert due.at == at("2026-11-18T08:00")  # 1.5 h on Friday, then 6 h on Tuesday, half an hour on Wednesday
    assert explain(due) == "1 giờ 30 phút thứ Sáu + 6 giờ thứ Ba + 30 phút thứ Tư"


def test_a_pause_of_a_target_in_days_is_explained_in_hours() -> None:
    paused = Clock(at("2026-11-16T09:00"), Target(2, "days"), [(at("2026-11-17T09:30"), at("2026-11-19T13:30"))])
    due = paused.due(CALENDAR)
    assert due.at == at("2026-11-23T09:30")  # the day of receipt is free; 13 of 15 hours were left
    assert explain(due) == "2 giờ thứ Ba + 3 giờ 30 phút thứ Năm + 7 giờ 30 phút thứ Sáu + 2 giờ thứ Hai"


def test_a_pause_that_begins_after_the_due_time_changes_nothing() -> None:
    late = Clock(at("2026-11-13T08:00"), Target(2, "hours"), [(at("2026-11-13T15:00"), at("2026-11-20T09:00"))])
    assert late.due(CALENDAR).at == at("2026-11-13T10:00")


@settings(max_examples=200, deadline=None)
@given(calendars(), MOMENTS, TARGETS, GAPS)
def test_pausing_never_shortens(calendar: WorkCalendar, start: dt.datetime, target: Target, gaps: list[int]) -> None:
    pauses = pauses_from(start, gaps)
    dues = [Clock(start, target, pauses[:number]).due(calendar) for number in range(len(pauses) + 1)]
    for earlier, later in itertools.pairwise(dues):
        assert later.at >= earlier.at
    for number, due in enumerate(dues):
        assert inside(calendar, due.at)
        clock = Clock(start, target, pauses[:number])
        warn_at = clock.warn_at(calendar)
        assert inside(calendar, warn_at)
        assert warn_at <= due.at or number  # with pauses the warning may not be counted from the start
        whole = clock.target.due(calendar, start)
        wanted = calendar.working_time(clock.counted_from(calendar), whole.at)
        assert sum((part.amount for part in due.parts), dt.timedelta()) == wanted


@settings(max_examples=100, deadline=None)
@given(calendars(), MOMENTS, TARGETS, st.integers(1, 9000), st.integers(1, 9000), st.integers(0, 9000))
def test_a_longer_pause_is_never_due_earlier(
    calendar: WorkCalendar, start: dt.datetime, target: Target, before: int, length: int, more: int
) -> None:
    paused = start + dt.timedelta(minutes=before)
    short = Clock(start, target, [(paused, paused + dt.timedelta(minutes=length))])
    long = Clock(start, target, [(paused, paused + dt.timedelta(minutes=length + more))])
    assert short.due(calendar).at <= long.due(calendar).at
