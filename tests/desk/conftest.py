"""A prepared database, a desk, people who write to it and officers who work at it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from db.engine import Database
from db.models import AuditEvent, OutboxMessage, StaffMember
from db.queries import conversations, departments, requests
from desk import actions, consent
from desk.change import Actor
from desk.settings import Desk, load_desk
from tests.conftest import MakeSettings

NOW = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)  # Friday 09:00 in Vietnam, with Tuesday 24/11 off
MONDAY = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)  # 09:00
DAY = dt.timedelta(days=1)
NUMBERS = itertools.count(1)


def last(notices: list[Any]) -> tuple[str, dict[str, Any]]:
    """Key and fields of the newest notice."""
    return notices[-1]["notice"], notices[-1]["fields"]


class World:
    """The desk of one department on one database."""

    def __init__(self, database: Database, desk: Desk, others: Sequence[Database]) -> None:
        self.database = database
        self.desk = desk
        self.processes = itertools.cycle([database, *others])
        self.write = database.write
        self.read = database.read

    async def person(self, channel: str = "telegram") -> int:
        """A new conversation."""
        key = f"p{next(NUMBERS)}"
        return await self.write(
            lambda c: conversations.open_conversation(
                c, channel=channel, account="1", external_id=key, department_id=self.desk.department_id, now=NOW
            )
        )

    async def officer(self, name: str = "Lê Văn Cán", *, is_active: bool = True) -> Actor:
        values = {
            "department_id": self.desk.department_id, "login": f"can-bo-{next(NUMBERS)}", "name": name,
            "role": "officer", "is_active": is_active, "created_at": NOW,
        }  # fmt: skip
        member = await self.write(
            lambda c: c.execute(insert(StaffMember).values(**values).returning(StaffMember.id)).scalar_one()
        )
        return Actor.staff(member, name)

    async def agree(self, person: int, *, purpose: consent.Purpose = consent.Purpose.HANDLE_REQUEST) -> int:
        return await self.write(
            lambda c: consent.record(
                c, self.desk, conversation_id=person, purpose=purpose, choice=consent.ConsentChoice.GRANTED,
                text_version="1", text="Thông báo", channel="telegram", now=NOW,
            )
        )  # fmt: skip

    async def file(
        self, person: int, *, key: str | None = None, now: dt.datetime = NOW, **values: Any
    ) -> actions.Filed:
        values.setdefault("description", "Tôi muốn đăng ký nhãn hiệu cho hợp tác xã")
        filing = actions.Filing(person, key or f"k{next(NUMBERS)}", **values)
        return await self.write(lambda c: actions.file(c, self.desk, filing=filing, now=now))

    async def filed_by_somebody(self) -> tuple[int, actions.Filed]:
        """A request with everything about its person."""
        person = await self.person()
        await self.agree(person)
        requester = actions.Requester(
            kind="hop-tac-xa", name="Nguyễn Thị Hoa", organisation="HTX Bình Minh", tax_code="0100109106",
            phone="+84912345678", province="vinh-long", old_province="ben-tre", place="Xã Mỹ Thạnh An",
        )  # fmt: skip
        return person, await self.file(person, requester=requester, topic="nhan-hieu", question="Đăng ký ra sao?")

    async def act(self, action: Callable[..., Any], filed: actions.Filed, actor: Actor, **values: Any) -> Any:
        """Take an action now, or at the ``now`` given."""
        values.setdefault("now", NOW)
        return await self.write(lambda c: action(c, self.desk, request_id=filed.request_id, actor=actor, **values))

    async def apart(self, run: Callable[[Connection], Any]) -> Any:
        """Write as another process would: functions of one process share a transaction, these never do."""
        return await next(self.processes).write(run)

    async def row(self, filed: actions.Filed) -> Any:
        found = await self.read(
            lambda c: requests.find_request(c, filed.request_id, department_id=self.desk.department_id)
        )
        assert found is not None
        return found

    async def history(self, filed: actions.Filed) -> list[Any]:
        return await self.read(lambda c: requests.history_of(c, filed.request_id))

    async def messages(self, filed: actions.Filed) -> list[Any]:
        return await self.read(lambda c: requests.messages_of(c, filed.request_id))

    async def notices(self, person: int) -> list[Any]:
        """What was queued for a conversation, in order."""
        statement = select(OutboxMessage.__table__).where(OutboxMessage.conversation_id == person)
        rows = await self.read(lambda c: c.execute(statement.order_by(OutboxMessage.seq)).all())
        return [row.reply for row in rows]

    async def audits(self, action: str) -> list[Any]:
        statement = select(AuditEvent.__table__).where(AuditEvent.action == action).order_by(AuditEvent.id)
        return list(await self.read(lambda c: c.execute(statement).all()))

    async def count(self, table: Any) -> int:
        return await self.read(lambda c: len(c.execute(select(table.__table__)).all()))


@pytest.fixture
async def world(make_settings: MakeSettings) -> AsyncIterator[World]:
    database = Database(make_settings().database_url)

    def load(connection: Connection) -> Desk:
        department = departments.find_department(connection)
        assert department is not None
        return load_desk(connection, department_id=department.id)

    others = [Database(database.url.render_as_string(hide_password=False)) for _ in range(3)]
    yield World(database, await database.read(load), others)
    for one in (database, *others):
        await one.close()
