"""A person who files a request on the web chat, step by step, through the real service."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, Row, func, select

from db.engine import Database
from db.models import Request, RequestDraft, RequestFile
from tests.harness import WebPerson

CODE = re.compile(r"HT\d\d-[0-9A-Z]{6}")
NAME, PHONE, TAX = "Nguyễn Thị Hoa", "0912345678", "0100109106"
NEED = "Tôi muốn đăng ký nhãn hiệu cho mắm ruốc nhà làm, chưa biết bắt đầu từ đâu."
CONSENT = ("gửi yêu cầu hỗ trợ", "đồng ý", "không đồng ý", "không đồng ý")
WHO = ("doanh nghiệp", f"tôi tên là {NAME}", "Cơ sở Mắm Ba Làng", TAX, PHONE, "xã Tân Trạch, Long An")


async def says_all(person: WebPerson, *texts: str) -> list[dict[str, Any]]:
    """Say one thing after the other; the replies to the last."""
    replies: list[dict[str, Any]] = []
    for text in texts:
        replies = await person.says(text)
    return replies


async def fill_in(person: WebPerson) -> list[dict[str, Any]]:
    """Everything up to the review screen, which is returned."""
    return await says_all(person, *CONSENT, *WHO, NEED, "bỏ qua")


def code_of(replies: list[dict[str, Any]]) -> str:
    """The code in the last reply that has one."""
    return [match.group() for reply in replies for match in CODE.finditer(reply["body"])][-1]


async def file(person: WebPerson) -> str:
    """File a request; its code."""
    await fill_in(person)
    return code_of(await person.says("gửi"))


def button(replies: list[dict[str, Any]], label: str) -> str:
    """What the button with this label carries."""
    return next(data for reply in replies for shown, data in reply["choices"] if shown == label)


async def all_requests(database: Database) -> list[Row[Any]]:
    return await database.read(lambda c: list(c.execute(select(Request.__table__).order_by(Request.id))))


async def count(database: Database, table: Any = RequestDraft, *where: Any) -> int:
    def run(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())

    return await database.read(run)


async def files_of(database: Database) -> list[Row[Any]]:
    return await database.read(lambda c: list(c.execute(select(RequestFile.__table__).order_by(RequestFile.id))))
