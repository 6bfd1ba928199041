"""Many requests as a department would have them after years, made by a seeded generator, written in bulk."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, insert, text

from benchmark.scoring import read_lines
from db.engine import Database
from db.models import Conversation, Request, RequestWord, StaffMember, StaffSession, Unit, UnitMember
from desk.codes import new_code
from desk.search import request_words
from staff.signing import token_hash

FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi", "Đỗ", "Ngô", "Dương", "Lý")
MIDDLE = ("Thị", "Văn", "Hữu", "Minh", "Ngọc", "Thanh", "Hoàng", "Kim", "Quốc", "Xuân")
GIVEN = ("Hoa", "Dũng", "Lan", "Minh", "Tâm", "Hùng", "Yến", "Phúc", "Sơn", "Trang", "Khoa", "Nhung", "Thảo", "Vinh")
TOPICS = (
    "nhan-hieu",
    "ma-so-ma-vach",
    "ocop",
    "truy-xuat-nguon-goc",
    "do-luong-kiem-dinh",
    "sang-che",
    "nang-suat-chat-luong",
)
PROVINCES = ("vinh-long", "can-tho", "an-giang", "ca-mau", "dong-thap", "tay-ninh", "lam-dong")
CHANNELS = ("web", "zalo", "telegram")
OPEN_SHARE = 0.06  # of many years' requests, this month's are open
OFFICERS, UNITS = 20, 6
BATCH = 1000
COLUMNS = dict.fromkeys(Request.__table__.columns.keys())
OFFICER_TOKEN, MANAGER_TOKEN = "o" * 43, "m" * 43


def write_people(connection: Connection, now: dt.datetime) -> None:
    """A manager, officers in units, and a session of two of them."""
    for number in range(UNITS):
        unit = {"department_id": 1, "name": f"Phòng {number}", "is_default": number == 0, "is_active": True}
        connection.execute(insert(Unit).values(**unit, created_at=now))
    for number in range(1, OFFICERS + 2):
        role = "auditor" if number == 1 else "officer"  # who sees everything, without a second factor to give
        member = {"department_id": 1, "login": f"cb{number}", "name": f"Cán bộ {number}", "role": role}
        connection.execute(insert(StaffMember).values(**member, is_active=True, created_at=now))
        if number > 1:
            values = {"department_id": 1, "unit_id": number % UNITS + 1, "staff_member_id": number}
            connection.execute(insert(UnitMember).values(**values))
    for member_id, token in ((1, MANAGER_TOKEN), (2, OFFICER_TOKEN)):
        connection.execute(
            insert(StaffSession).values(
                token_hash=token_hash(token), department_id=1, staff_member_id=member_id, created_at=now,
                last_seen_at=now, expires_at=now + dt.timedelta(hours=12), is_verified=True,
            )
        )  # fmt: skip


def make_request(
    number: int, code: str, chance: random.Random, sentences: list[str], now: dt.datetime, total: int
) -> dict[str, Any]:
    """A row of ``requests``; the newer, the likelier open."""
    created = now - dt.timedelta(minutes=20 * (total - number))
    is_open = number > total * (1 - OPEN_SHARE * 1.5) and chance.random() < 0.67
    status = chance.choice(("new", "accepted", "in_progress", "waiting")) if is_open else "closed"
    due = created + dt.timedelta(days=chance.choice((3, 5, 10, 20)))
    return {
        "department_id": 1, "code": code, "idempotency_key": f"b{number}",
        "conversation_id": 1 + number % 500,
        "channel": chance.choice(CHANNELS), "topic": chance.choice(TOPICS), "question": chance.choice(sentences),
        "description": f"{chance.choice(sentences)} {chance.choice(sentences)}", "requester_kind": "doanh-nghiep",
        "name": f"{chance.choice(FAMILY)} {chance.choice(MIDDLE)} {chance.choice(GIVEN)}",
        "organisation": f"Cơ sở {chance.choice(GIVEN)} {chance.choice(GIVEN)}", "tax_code": None,
        "phone": f"+849{chance.randrange(10**8):08d}", "province": chance.choice(PROVINCES), "old_province": None,
        "place": f"Xã {chance.choice(GIVEN)} {chance.choice(MIDDLE)}", "legal_basis": "consent", "status": status,
        "is_open": is_open, "is_running": is_open and status != "waiting", "priority": "normal",
        "unit_id": 1 + number % UNITS, "assignee_id": chance.choice((None, 2 + number % OFFICERS)), "version": 1,
        "unread_at": created if is_open and chance.random() < 0.2 else None, "clock_started_at": created,
        "target_amount": 3, "target_unit": "days", "accept_due_at": due, "reply_due_at": due, "due_at": due,
        "warn_at": due, "due_provisional": False, "paused_at": None, "paused_seconds": 0, "pauses": [],
        "created_at": created, "updated_at": created,
    }  # fmt: skip


def _different_codes() -> Iterator[str]:
    seen: set[str] = set()
    while True:
        code = new_code(2026)
        if code not in seen:
            seen.add(code)
            yield code


async def fill(database: Database, total: int, *, seed: int = 7) -> None:
    """Write ``total`` requests with their words into a prepared database, and let it gather its statistics."""
    chance, now = random.Random(seed), dt.datetime.now(dt.UTC)
    sentences = [line["text"] for line in read_lines(Path(__file__).parent / "dev" / "questions.jsonl")]
    codes = list(islice(_different_codes(), total))
    person = {"department_id": 1, "channel": "web", "account": "web", "state": {}, "version": 0, "next_seq": 1}

    def people(connection: Connection) -> None:
        rows = [{**person, "external_id": f"p{n}", "created_at": now, "last_inbound_at": now} for n in range(500)]
        connection.execute(insert(Conversation), rows)
        write_people(connection, now)

    def batch(connection: Connection, first: int) -> None:
        numbers = range(first, min(first + BATCH, total))
        rows = [make_request(number, codes[number], chance, sentences, now, total) for number in numbers]
        connection.execute(
            insert(Request), [{**row, "id": number + 1} for number, row in zip(numbers, rows, strict=True)]
        )
        words = [
            {"department_id": 1, "request_id": number + 1, "word": word}
            for number, row in zip(numbers, rows, strict=True)
            for word in request_words(SimpleNamespace(**{**COLUMNS, **row}))
        ]
        connection.execute(insert(RequestWord), words)

    await database.write(people)
    for first in range(0, total, BATCH):
        await database.write(lambda c, at=first: batch(c, at))  # type: ignore[misc]
    await database.write(lambda c: c.execute(text("ANALYZE")))
