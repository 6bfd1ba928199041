"""The working calendar: official days, vectors, and what must hold for any hours, days and times."""

from __future__ import annotations

import datetime as dt
from typing import Any

import holidays as package
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.calendar import VIETNAM, WEEKDAYS, WorkCalendar, local_date, parse_hours
from desk.explain import explain
from desk.holidays import SpecialDay, shipped
from desk.settings import DEFAULT_HOURS

TABLE = shipped()
CALENDAR = WorkCalendar(parse_hours(DEFAULT_HOURS), TABLE.days, TABLE.published, TABLE.lunar)
DAY = dt.timedelta(days=1)


def at(text: str) -> dt.datetime:
    """A moment in Vietnam."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def days_between(first: str, last: str) -> list[dt.date]:
    day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [day + number * DAY for number in range((end - day).days + 1)]


def test_the_package_differs_on_its_two_known_errors_only() -> None:
    """It misses the swap of Công văn 12729/VPCP-KGVX; 2028 to 2050 are rules on both sides."""
    other = package.country_holidays("VN", years=range(2025, 2051), language="vi")
    differing = [
        day
        for day in days_between("2025-01-01", "2050-12-31")
        if other.is_working_day(day) != CALENDAR.is_working_day(day)
    ]
    assert differing == [dt.date(2026, 1, 2), dt.date(2026, 1, 10)]


def test_every_row_has_its_document() -> None:
    for day in TABLE.days.values():
        assert day.document
        assert day.address
        assert day.address.startswith("https://")
        assert day.name
    swaps = [day for day in TABLE.days.values() if day.is_working]
    assert {(day.day, day.instead_of) for day in swaps} == {
        (dt.date(2025, 4, 26), dt.date(2025, 5, 2)),
        (dt.date(2026, 1, 10), dt.date(2026, 1, 2)),
        (dt.date(2026, 8, 22), dt.date(2026, 8, 31)),
    }
    assert all(not TABLE.days[day.instead_of].is_working for day in swaps if day.instead_of)


@pytest.mark.parametrize(
    ("start", "days", "ends"),
    [
        ("2026-11-20", 3, "2026-11-26"),
        ("2025-12-31", 1, "2026-01-05"),
        ("2026-01-08", 2, "2026-01-10"),
        ("2026-08-21", 1, "2026-08-22"),
        ("2026-08-28", 1, "2026-09-03"),
        ("2027-02-03", 1, "2027-02-11"),
        ("2027-04-29", 1, "2027-05-04"),
        ("2027-09-01", 1, "2027-09-06"),
        ("2026-11-21", 1, "2026-11-25"),  # a Saturday counts as received on Monday 23/11; Tuesday is off
    ],
)
def test_working_days(start: str, days: int, ends: str) -> None:
    due = CALENDAR.add_days(at(f"{start}T09:00"), days)
    assert due.at == at(f"{ends}T17:00")
    assert due.at.tzinfo is dt.UTC
    assert len(due.parts) == days


def test_after_closing_time_it_is_received_the_next_working_day() -> None:
    assert CALENDAR.add_days(at("2026-11-20T17:00"), 1).at == at("2026-11-23T17:00")
    assert CALENDAR.add_days(at("2026-11-20T17:01"), 1).at == at("2026-11-25T17:00")
    assert CALENDAR.add_days(at("2026-11-20T03:00"), 1).at == at("2026-11-23T17:00")


@pytest.mark.parametrize(
    ("start", "hours", "ends", "explained"),
    [
        ("2026-11-13T13:00", 7.5, "2026-11-16T11:30", "3 giờ 30 phút thứ Sáu + 4 giờ thứ Hai"),
        ("2026-11-13T11:00", 8, "2026-11-16T11:30", "4 giờ thứ Sáu + 4 giờ thứ Hai"),
        ("2026-11-13T08:00", 2, "2026-11-13T10:00", "2 giờ thứ Sáu"),
        ("2026-11-13T11:30", 0, "2026-11-13T11:30", "0 giờ"),
        ("2026-11-13T12:00", 1, "2026-11-13T14:30", "1 giờ thứ Sáu"),
        ("2026-11-23T16:00", 2, "2026-11-25T08:30",
         "1 giờ thứ Hai + 1 giờ thứ Tư; nghỉ thứ Ba 24/11 (Ngày Văn hóa Việt Nam)"),
    ],
)  # fmt: skip
def test_working_hours_and_their_arithmetic(start: str, hours: float, ends: str, explained: str) -> None:
    due = CALENDAR.add_hours(at(start), hours)
    assert due.at == at(ends)
    assert explain(due) == explained


def test_days_are_explained_by_name_and_date() -> None:
    assert explain(CALENDAR.add_days(at("2026-11-20T09:00"), 3)) == (
        "3 ngày làm việc: thứ Hai 23/11 + thứ Tư 25/11 + thứ Năm 26/11; nghỉ thứ Ba 24/11 (Ngày Văn hóa Việt Nam)"
    )
    assert explain(CALENDAR.add_days(at("2026-12-01T09:00"), 15)) == (
        "15 ngày làm việc, từ thứ Tư 02/12 đến thứ Ba 22/12"
    )


def test_a_year_that_is_not_published_is_provisional() -> None:
    assert not CALENDAR.add_days(at("2027-12-20T09:00"), 3).is_provisional
    due = CALENDAR.add_days(at("2027-12-30T09:00"), 3)
    assert due.is_provisional
    assert due.at == at("2028-01-05T17:00")  # 01/01/2028 is a Saturday: Monday is off instead
    assert explain(due).endswith("(dự kiến)")


def test_a_year_without_lunar_table_still_has_its_solar_days() -> None:
    assert not CALENDAR.is_working_day(dt.date(2060, 11, 24))
    assert CALENDAR.add_days(at("2060-03-01T09:00"), 1).is_provisional


def test_a_departments_own_days_and_hours_count() -> None:
    own = SpecialDay(dt.date(2026, 11, 23), is_working=False, name="Mất điện", document="Thông báo 1/TB-SKHCN")
    week = {day: [["07:00", "11:00"]] for day in WEEKDAYS[:6]}
    winter = {"first": "11-01", "last": "03-31", "week": {day: [["08:00", "12:00"]] for day in WEEKDAYS[:6]}}
    hours = parse_hours({"week": week, "seasons": [winter]})
    calendar = WorkCalendar(hours, {**TABLE.days, own.day: own}, TABLE.published, TABLE.lunar)
    due = calendar.add_hours(at("2026-11-21T10:00"), 3)  # Saturday is worked here
    assert due.at == at("2026-11-25T09:00")
    assert explain(due) == (
        "2 giờ thứ Bảy + 1 giờ thứ Tư; nghỉ thứ Hai 23/11 (Mất điện), thứ Ba 24/11 (Ngày Văn hóa Việt Nam)"
    )
    assert calendar.sessions(dt.date(2026, 10, 31))[0][0] == at("2026-10-31T07:00")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"week": {}},
        {"week": {"mon": []}},
        {"week": {"mon": [["11:00", "07:00"]]}},
        {"week": {"mon": [["07:00", "11:00"], ["10:00", "12:00"]]}},
        {"week": {"thứ hai": [["07:00", "11:00"]]}},
        {"week": {"mon": [["07:00"]]}},
        {"week": {"mon": [["7h", "11h"]]}},
        {"week": [1]},
        {"week": {"mon": [["07:00", "11:00"]]}, "seasons": [{"first": "04-31", "last": "10-15", "week": {}}]},
        {"week": {"mon": [["07:00", "11:00"]]}, "seasons": [{"first": "04-16", "last": "10-15", "week": {}}]},
        *(
            {
                "week": (week := {"mon": [["07:00", "11:00"]]}),
                "seasons": [
                    {"first": "04-16", "last": "10-15", "week": week},
                    {"first": first, "last": last, "week": week},
                ],
            }
            for first, last in (("10-15", "12-31"), ("12-01", "04-16"), ("05-01", "05-01"))
        ),
    ],
)
def test_hours_that_make_no_sense_are_refused(data: Any) -> None:
    with pytest.raises(ValueError):
        parse_hours(data)


# -- what must hold for any hours, days and times -----------------------------------------------------------------

QUARTERS = st.integers(0, 95).map(lambda number: f"{number // 4:02d}:{number % 4 * 15:02d}")


@st.composite
def weeks(draw: st.DrawFn) -> dict[str, Any]:
    week = {}
    for day in WEEKDAYS:
        moments = sorted(draw(st.sets(QUARTERS, max_size=4)))
        week[day] = [list(pair) for pair in zip(moments[::2], moments[1::2], strict=False)]
    if not any(week.values()):
        week["wed"] = [["08:00", "12:00"]]
    return {"week": week}


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    own = {}
    for offset, working in draw(st.dictionaries(st.integers(0, 60), st.booleans(), max_size=10)).items():
        day = dt.date(2026, 11, 1) + offset * DAY
        own[day] = SpecialDay(day, is_working=working, name="Ngày riêng", document="Thông báo")
    return WorkCalendar(parse_hours(draw(weeks())), {**TABLE.days, **own}, TABLE.published, TABLE.lunar)


MOMENTS = st.datetimes(dt.datetime(2026, 10, 1), dt.datetime(2027, 3, 1)).map(
    lambda value: value.replace(tzinfo=dt.UTC)
)
MINUTES = st.integers(0, 6000).map(lambda number: dt.timedelta(minutes=number))


def inside(calendar: WorkCalendar, moment: dt.datetime) -> bool:
    return any(start <= moment <= end for start, end in calendar.sessions(local_date(moment)))


@settings(max_examples=150, deadline=None)
@given(calendars(), MOMENTS, MINUTES, st.integers(0, 15))
def test_due_times_are_inside_working_hours_and_add_up(
    calendar: WorkCalendar, start: dt.datetime, amount: dt.timedelta, days: int
) -> None:
    due = calendar.add_working_time(start, amount)
    assert inside(calendar, due.at)
    assert due.at >= start
    assert sum((part.amount for part in due.parts), dt.timedelta()) == amount == calendar.working_time(start, due.at)
    in_days = calendar.add_days(start, days)
    assert inside(calendar, in_days.at)
    assert in_days.at >= start
    assert local_date(in_days.at) >= calendar.day_of_receipt(start)


@settings(max_examples=150, deadline=None)
@given(calendars(), MOMENTS, MOMENTS, MINUTES, MINUTES, st.integers(0, 10), st.integers(0, 10))
def test_adding_is_monotonic(
    calendar: WorkCalendar, one: dt.datetime, two: dt.datetime, less: dt.timedelta, more: dt.timedelta, few: int,
    many: int,
) -> None:  # fmt: skip
    (first, second), (less, more), (few, many) = sorted((one, two)), sorted((less, more)), sorted((few, many))
    assert calendar.add_working_time(first, less).at <= calendar.add_working_time(second, less).at
    assert calendar.add_working_time(first, less).at <= calendar.add_working_time(first, more).at
    assert calendar.add_days(first, few).at <= calendar.add_days(second, few).at
    assert calendar.add_days(first, few).at <= calendar.add_days(first, many).at


@settings(max_examples=100, deadline=None)
@given(calendars(), MOMENTS)
def test_the_next_opening_is_the_first_open_moment(calendar: WorkCalendar, moment: dt.datetime) -> None:
    opening = calendar.next_opening(moment)
    assert calendar.is_open(opening)
    assert opening >= moment
    if calendar.is_open(moment):
        assert opening == moment
    else:
        assert calendar.working_time(moment, opening) == dt.timedelta()


def test_closing_on_or_before_goes_back_over_days_off() -> None:
    assert CALENDAR.closing_on_or_before(dt.date(2026, 11, 24)) == at("2026-11-23T17:00")
    assert CALENDAR.closing_on_or_before(dt.date(2026, 11, 22)) == at("2026-11-20T17:00")
    assert CALENDAR.closing_on_or_before(dt.date(2026, 11, 20)) == at("2026-11-20T17:00")
