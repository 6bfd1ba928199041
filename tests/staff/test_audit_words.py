"""The log of actions speaks Vietnamese: every action the code writes, and what a change of times holds."""

from __future__ import annotations

import ast
import re

from desk.settings import DEFAULT_HOURS
from staff.audit_log import Names, details_of
from staff.texts import console_texts, names_of
from tests.conftest import ROOT

WRITERS = {"audit", "_audit", "_recompute", "_save_targets", "Export"}
# where the name is put together: the first part, for every plain name given to these
PUT_TOGETHER = {("desk", "record"): "request.", ("desk", "begin"): "request.", ("privacy", "_audit"): "privacy."}
MADE_OF_VARIABLES = {"staff.code_given", "staff.recovery_code_used", "privacy.done", "privacy.refused"}


def actions_written() -> set[str]:
    """Every name of an action that stands in the code."""
    found = set(MADE_OF_VARIABLES)
    for package in ("bot", "desk", "handlers", "staff"):
        for path in (ROOT / package).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(call, ast.Call):
                    continue
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                start = PUT_TOGETHER.get((path.stem, name)) or PUT_TOGETHER.get((package, name))
                given = [*call.args, *(one.value for one in call.keywords if one.arg == "action")]
                for value in given:
                    if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
                        continue
                    if start and re.fullmatch(r"[a-z_]+", value.value):
                        found.add(start + value.value)
                    elif name in WRITERS and re.fullmatch(r"[a-z_]+[.][a-z_]+", value.value):
                        found.add(value.value)
    return found


def test_every_action_has_words_and_a_family() -> None:
    written = actions_written()
    assert {"request.accept", "targets.set", "canned.saved", "requests.exported", "privacy.open"} <= written
    assert len(written) > 50
    assert sorted(written - set(names_of("audit"))) == []
    assert sorted(written - {one for one in written if one.partition(".")[0] in names_of("audit_family")}) == []


def shown(**details: object) -> dict[str, str]:
    from types import SimpleNamespace

    return dict(details_of(SimpleNamespace(details=details), Names({}, {7: "Phòng SHTT"})))  # type: ignore[arg-type]


def test_what_changed_is_told_in_words() -> None:
    hours = {"amount": 2, "unit": "hours"}
    assert shown(accept=hours) == {"Nhận việc": "2 giờ làm việc"}
    answer = {"low": {"amount": 20, "unit": "days"}, "urgent": hours}
    assert shown(answer=answer) == {"Trả lời": "Thấp 20 ngày làm việc, Khẩn 2 giờ làm việc"}
    assert shown(topics={"nhan-hieu": {"urgent": hours}})["Chủ đề"].endswith(": Khẩn 2 giờ làm việc")
    week = {"mon": [["07:00", "11:30"], ["13:30", "17:00"]], "sat": [["07:00", "11:30"]], "sun": []}
    assert shown(week=week) == {"Tuần": "Thứ Hai 07:00–11:30, 13:30–17:00; Thứ Bảy 07:00–11:30"}
    assert "[" not in shown(week=DEFAULT_HOURS["week"])["Tuần"]
    moved = {"from_status": "in_progress", "to_status": "answered"}
    assert shown(actor="staff", **moved) == {"Từ": "Đang xử lý", "Sang": "Đã trả lời"}
    assert shown(actor="person", from_status=None, to_status="new") == {"Sang": "Mới"}
    rated = {"from_status": "closed", "to_status": "closed", "stars": 5}
    assert shown(actor="person", **rated) == {"Số sao": "5"}  # it changed nothing else
    assert shown(from_unit_id=7) == {"Từ đơn vị": "Phòng SHTT"}
    for odd in ({"week": {"x": 1}}, {"accept": {"amount": 1}}, {"answer": {"low": 3}}, {"khac": {"a": 1}}):
        assert next(iter(shown(**odd).values())).startswith("{")  # of another release: shown as it is
    assert all(console_texts()[f"detail.{one}"] for one in ("reply", "title", "sessions", "stars", "message_id"))
