"""Requests for the console's tests: filed, brought to a status and handed to units by the desk's own functions."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from sqlalchemy import Connection, insert, select, update

from db.engine import Database
from db.models import OutboxMessage, Request, RequestMessage, StaffMember
from db.queries import canned_replies, conversations
from db.queries import desk as desk_queries
from desk import actions, consent, handover
from desk.change import Actor
from desk.settings import load_desk

NUMBERS = itertools.count(1)
PHONE = "+84912345678"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def member_id(database: Database, login: str) -> int:
    statement = select(StaffMember.id).where(StaffMember.login == login)
    return await database.read(lambda c: c.execute(statement).scalar_one())


async def add_unit(database: Database, name: str, *logins: str, is_default: bool = False) -> int:
    """A unit with these members."""
    members = [await member_id(database, login) for login in logins]

    def write(connection: Connection) -> int:
        unit = desk_queries.add_unit(connection, department_id=1, name=name, now=now(), is_default=is_default)
        desk_queries.set_members(connection, unit, members, department_id=1)
        return unit

    return await database.write(write)


async def file_request(
    database: Database, *, status: str = "new", unit_id: int | None = None, assignee_id: int | None = None,
    description: str = "Tôi muốn đăng ký nhãn hiệu cho hợp tác xã", name: str = "Nguyễn Thị Hoa", phone: str = PHONE,
    due_at: dt.datetime | None = None, **values: Any,
) -> str:  # fmt: skip
    """A request from the chat, in the status asked for; its code."""

    def write(connection: Connection) -> str:
        desk = load_desk(connection, department_id=1)
        number, moment = next(NUMBERS), now()
        person = conversations.open_conversation(
            connection, channel=values.pop("on_channel", "telegram"), account="1", external_id=f"c{number}",
            department_id=1, now=moment,
        )  # fmt: skip
        consent.record(
            connection,
            desk,
            conversation_id=person,
            purpose=consent.Purpose.HANDLE_REQUEST,
            choice=consent.ConsentChoice.GRANTED,
            text_version="1",
            text="Thông báo",
            channel="telegram",
            now=moment,
        )
        requester = actions.Requester(
            kind="hop-tac-xa",
            name=name,
            organisation=values.pop("organisation", "HTX Bình Minh"),
            phone=phone,
            province="vinh-long",
            old_province="ben-tre",
            place="Xã Mỹ Thạnh An",
        )
        topic = values.pop("topic", "nhan-hieu")
        filing = actions.Filing(person, f"key-{number}", description, topic=topic, requester=requester)
        filed = actions.file(connection, desk, filing=filing, now=moment)
        officer = connection.execute(select(StaffMember.id).order_by(StaffMember.id).limit(1)).scalar()
        given: dict[str, Any] = {"request_id": filed.request_id, "actor": Actor.staff(officer or 0), "now": moment}
        if status in {"accepted", "in_progress", "waiting", "answered", "closed"}:
            actions.accept(connection, desk, **given)
        if status in {"in_progress", "waiting"}:
            actions.reply(connection, desk, text="Chào chị", **given)
        if status == "waiting":
            actions.ask_for_more(connection, desk, text="Chị gửi giúp ảnh", **given)
        if status in {"answered", "closed"}:
            actions.answer(connection, desk, text="Hồ sơ gồm hai bản", **given)
        if status == "closed":
            actions.close(connection, desk, result="Đã hướng dẫn", **given)
        changed = {"unit_id": unit_id, "assignee_id": assignee_id, **values}
        if due_at is not None:
            changed["due_at"] = due_at
        connection.execute(update(Request).where(Request.id == filed.request_id).values(**changed))
        return filed.code

    return await database.write(write)


async def request_row(database: Database, code: str) -> Any:
    statement = select(Request.__table__).where(Request.code == code)
    return await database.read(lambda c: c.execute(statement).one())


async def messages(database: Database, code: str) -> list[Any]:
    statement = (
        select(RequestMessage.__table__)
        .join(Request, Request.id == RequestMessage.request_id)
        .where(Request.code == code)
        .order_by(RequestMessage.id)
    )
    return list(await database.read(lambda c: c.execute(statement).all()))


async def set_delivery(database: Database, message_id: int, **values: Any) -> None:
    """What the messenger said of a message."""
    outbox = select(RequestMessage.outbox_id).where(RequestMessage.id == message_id).scalar_subquery()
    await database.write(lambda c: c.execute(update(OutboxMessage).where(OutboxMessage.id == outbox).values(**values)))


async def take(database: Database, code: str, member: int) -> None:
    """An officer holds the conversation of a request."""
    row = await request_row(database, code)

    def write(connection: Connection) -> None:
        desk = load_desk(connection, department_id=1)
        actor = Actor.staff(member, "Cán bộ")
        handover.take(connection, desk, conversation_id=row.conversation_id, actor=actor, now=now())

    await database.write(write)


async def withdraw_consent(database: Database, code: str) -> None:
    """The person of a request takes back what it stands on."""
    row = await request_row(database, code)

    def write(connection: Connection) -> bool:
        return consent.withdraw(
            connection, load_desk(connection, department_id=1), conversation_id=row.conversation_id,
            purpose=consent.Purpose.HANDLE_REQUEST, channel="telegram", now=now(),
        )  # fmt: skip

    assert await database.write(write)


async def add_canned(
    database: Database, *, title: str = "Chào", text: str = "Chào {ten}, yêu cầu {ma}", unit_id: int | None = None
) -> int:
    """A canned reply of the department, or of a unit."""
    return await database.write(
        lambda c: canned_replies.add_reply(c, department_id=1, unit_id=unit_id, title=title, text=text, by=1, now=now())
    )


async def add_other_department(database: Database) -> int:
    """Another department on the same server."""
    from db.models import Department

    values = {"slug": "khac", "name": "Sở khác", "short_name": "Sở khác", "province": "ha-noi", "phones": [],
              "created_at": now()}  # fmt: skip
    statement = insert(Department).values(**values).returning(Department.id)
    return await database.write(lambda c: c.execute(statement).scalar_one())
