"""What belongs into the forms of the administration pages, for the table over all routes."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from db.engine import Database
from db.models import DataRight
from db.queries import conversations
from db.queries import desk as desk_queries
from desk import privacy
from desk.settings import DEFAULT_HOURS, load_desk
from tests.harness import Running
from tests.staff.casework import NUMBERS
from tests.staff.driver import sql

SETTINGS = {
    "zalo_app_id": "111", "zalo_app_secret": "app", "zalo_oa_id": "222", "zalo_oa_secret": "oa",
    "zalo_api_url": "http://127.0.0.1:9", "zalo_oauth_url": "http://127.0.0.1:9", "public_url": "http://khcn.example",
}  # fmt: skip
# they answer with a page that is not to be come back to: it shows a link
SHOWS_ONCE = {"/staff/can-bo", "/staff/can-bo/{member_id:int}/lien-ket", "/staff/kenh/zalo/dong-y"}
PLACES = {"{member_id:int}": "1", "{unit_id:int}": "1", "{outbox_id:int}": "1", "{channel}": "web",
          "{task_id:int}": "1"}  # fmt: skip

AMOUNTS = {
    f"{name}-{part}": value
    for name in ("accept", "first_reply", "low", "normal", "high", "urgent", "topic")
    for part, value in (("amount", "3"), ("unit", "days"))
}
WEEK = {
    f"{day}-sang-{end}": at
    for day in ("mon", "tue", "wed", "thu", "fri")
    for end, at in (("tu", "07:00"), ("den", "11:00"))
}


async def ask_about_data(database: Database, right: DataRight, *, conversation_id: int | None = None) -> int:
    """A task about personal data, of a new person unless said; its id."""
    now = dt.datetime.now(dt.UTC)

    def write(connection: Connection) -> int:
        person = conversation_id or conversations.open_conversation(
            connection, channel="telegram", account="1", external_id=f"d{next(NUMBERS)}", department_id=1, now=now
        )
        desk = load_desk(connection, department_id=1)
        return privacy.open_task(connection, desk, conversation_id=person, right=right, now=now).id

    return await database.write(write)


async def fields_for(running: Running, path: str) -> dict[str, str]:
    """The fields of the form at ``path``; what it is about is made first."""
    if path.startswith("/staff/du-lieu"):
        await ask_about_data(running.database, DataRight.ERASE if path.endswith("/xoa") else DataRight.VIEW)
        return {"reason": "Vì thế"}
    if not path.startswith(("/staff/can-bo", "/staff/don-vi", "/staff/phan-viec", "/staff/thoi-han", "/staff/lich",
                            "/staff/ho-so", "/staff/kenh", "/staff/chua-gui")):  # fmt: skip
        return {}
    if path.startswith("/staff/chua-gui"):
        await sql(running.database, "UPDATE outbox_messages SET status = 'undeliverable', error = 'x: y'")
    if path == "/staff/lich/bo-mua":
        season = {"first": "04-16", "last": "10-15", "week": {"mon": [["07:00", "11:00"]]}}
        hours = {**DEFAULT_HOURS, "seasons": [season]}
        now = dt.datetime.now(dt.UTC)

        def set_season(connection: Connection) -> None:
            desk_queries.lock_settings(connection, department_id=1, now=now)
            desk_queries.save_settings(connection, department_id=1, now=now, hours=hours)

        await running.database.write(set_season)
    return {
        "season": "04-16" if path == "/staff/lich/bo-mua" else "", "first": "16/04", "last": "15/10",
        "login": "moi", "name": "Tên mới", "role": "officer", "short_name": "Sở", "version": "1",
        "province": "ben-tre" if path == "/staff/ho-so" else "", "mode": "paused", "notice": "Tạm nghỉ ạ.",
        "refresh_token": "r" * 40, "day": "2026-12-31", "kind": "off", "document": "123/UBND", **AMOUNTS, **WEEK,
    }  # fmt: skip
