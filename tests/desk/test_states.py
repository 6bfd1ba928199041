"""The table of transitions, whole: what is allowed where is written down here a second time, by hand."""

from __future__ import annotations

import pytest

from db.models import RequestStatus as S
from desk.errors import TransitionRefused
from desk.notices import NOTICES
from desk.states import ENDED, OPEN, RUNNING, TRANSITIONS, Clock, Who, allowed, find_transition

ALWAYS = {"note", "mark_read", "mark_called"}
WORK = {"reply", "ask_for_more", "answer", "close", "reject", "forward_outside", "forward", "assign", "set_priority",
        "set_topic", "extend"} | ALWAYS  # fmt: skip
STAFF = {
    S.NEW: WORK | {"accept"},
    S.ACCEPTED: WORK,
    S.IN_PROGRESS: WORK,
    S.WAITING: WORK | {"resume"},
    S.REOPENED: WORK | {"accept"},
    S.ANSWERED: {"reply", "close", "assign", "set_topic", "reopen"} | ALWAYS,
    S.CLOSED: {"reopen"} | ALWAYS,
    S.REJECTED: ALWAYS,
    S.WITHDRAWN: ALWAYS,
}
PERSON = {
    **{status: {"person_wrote", "withdraw"} for status in OPEN},
    S.ANSWERED: {"person_wrote", "withdraw", "close", "reopen"},
    S.CLOSED: {"reopen", "rate"},
    S.REJECTED: set(),
    S.WITHDRAWN: set(),
}


@pytest.mark.parametrize("status", list(S))
def test_what_is_allowed(status: S) -> None:
    assert set(allowed(status, Who.STAFF)) == STAFF[status]
    assert set(allowed(status, Who.PERSON)) == PERSON[status]
    assert allowed(status, Who.SYSTEM) == (["close_unanswered"] if status is S.ANSWERED else [])


def test_no_two_rows_compete() -> None:
    seen = [(row.action, status, who) for row in TRANSITIONS for status in row.sources for who in row.who]
    assert len(seen) == len(set(seen))


def test_every_notice_exists_and_the_clock_agrees_with_the_status() -> None:
    for row in TRANSITIONS:
        assert row.notice is None or row.notice in NOTICES
        if row.target is not None:
            if row.target is S.WAITING:
                assert row.clock is Clock.PAUSE
            if row.target in RUNNING and S.WAITING in row.sources:
                assert row.clock is Clock.RESUME
            if row.target in ENDED | {S.ANSWERED} and row.sources & OPEN:
                assert row.clock is Clock.STOP
            assert (row.clock is Clock.RESTART) == (row.target is S.REOPENED)


def test_the_rest_is_refused_with_what_and_why() -> None:
    with pytest.raises(TransitionRefused) as refused:
        find_transition("answer", S.CLOSED, Who.STAFF, code="HT26-000000")
    assert refused.value.fields == {"action": "answer", "status": "closed", "code": "HT26-000000"}
