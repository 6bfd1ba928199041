"""Somebody at the console, through its real HTTP: follows no redirect by itself and keeps cookies like a browser."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import httpx
import pyotp
from sqlalchemy import Connection, bindparam, text

from db.base import UtcDateTime
from db.engine import Database
from db.models import StaffRole
from staff.accounts import NewLink, add_account
from tests.harness import Running

PASSWORD = "bốn chữ rất dễ nhớ"


def text_of(page: httpx.Response) -> str:
    """What a person reads."""
    body = re.sub(r"(?s)<head>.*?</head>", "", page.text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def token_of(page: httpx.Response) -> str:
    match = re.search(r'name="token" value="([0-9a-f]{64})"', page.text)
    assert match, page.text
    return match[1]


async def invite(database: Database, *, login: str = "lan", role: StaffRole = StaffRole.ADMINISTRATOR) -> str:
    """A new account; the path of its link."""
    link, now = NewLink.make(), dt.datetime.now(dt.UTC)
    return await database.write(
        lambda c: add_account(c, department_id=1, login=login, name=f"Cán bộ {login}", role=role, link=link, now=now)
    )


async def sql(database: Database, statement: str, **values: Any) -> list[Any]:
    """Look at rows, or change them where a test needs time to have passed."""

    def run(connection: Connection) -> list[Any]:
        times = [bindparam(key, type_=UtcDateTime()) for key, value in values.items() if isinstance(value, dt.datetime)]
        result = connection.execute(text(statement).bindparams(*times), values)
        return list(result) if result.returns_rows else []

    return await database.write(run)


class Browser:
    """One browser; ``client`` holds its cookies."""

    def __init__(self, running: Running) -> None:
        self.client = httpx.AsyncClient(base_url=running.url, timeout=20)
        self.database = running.database
        self.secret: str | None = None  # of the authenticator app, once there is one

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.aclose()

    async def get(self, path: str, **parameters: str) -> httpx.Response:
        return await self.client.get(path, params=parameters or None)

    async def post(self, path: str, *, form_on: str | None = None, **fields: str) -> httpx.Response:
        """Post a form as it stands on the page ``form_on`` (by default, the same path)."""
        page = await self.client.get(form_on or path)
        return await self.client.post(path, data={"token": token_of(page), **fields})

    async def use_link(self, path: str, password: str = PASSWORD) -> httpx.Response:
        return await self.post(path, password=password, again=password)

    async def sign_in(self, login: str = "lan", password: str = PASSWORD, back: str = "/staff/") -> httpx.Response:
        return await self.post("/staff/dang-nhap", login=login, password=password, tiep=back)

    async def enrol(self) -> httpx.Response:
        """Set up the second factor; the page with the recovery codes."""
        page = await self.get("/staff/hai-lop")
        match = re.search(r"secret=([A-Z2-7]+)", page.text)
        assert match, page.text
        self.secret = match[1]
        code = pyotp.TOTP(self.secret).now()
        return await self.client.post("/staff/hai-lop", data={"token": token_of(page), "code": code})

    async def fresh_code(self) -> str:
        """The present code, good although one of this half minute was used: as if time had passed."""
        assert self.secret is not None
        await sql(self.database, "UPDATE staff_second_factors SET last_step = 0")
        return pyotp.TOTP(self.secret).now()

    async def join(self, *, login: str = "lan", role: StaffRole = StaffRole.ADMINISTRATOR) -> None:
        """Be invited, set a password and, where it is asked for, the second factor; be in."""
        response = await self.use_link(await invite(self.database, login=login, role=role))
        assert response.status_code == 303, response.text
        if response.headers["location"] == "/staff/hai-lop":
            assert "mã dự phòng" in text_of(await self.enrol())
        assert (await self.get("/staff/")).status_code == 200
