"""An account that is reset at the very moment somebody gets in: no session of the old days is left."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from db.models import StaffRole
from staff import second_step
from staff.accounts import NewLink, reset_account
from staff.passwords import Hashing
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.driver import Browser, sql


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def test_a_reset_while_the_password_is_judged_leaves_no_session(running: Running, monkeypatch) -> None:
    async with Browser(running) as lan, Browser(running) as late:
        await lan.join(role=StaffRole.OFFICER)
        judge = Hashing.matches

        async def judge_slowly(self: Hashing, password: str, hashed: str | None) -> bool:
            right = await judge(self, password, hashed)
            await reset(running)
            return right

        monkeypatch.setattr(Hashing, "matches", judge_slowly)
        refused = await late.sign_in()
        assert refused.status_code == 403
        assert await sql(running.database, "SELECT 1 FROM staff_sessions") == []


async def test_a_reset_while_the_code_is_judged_leaves_no_session(running: Running, monkeypatch) -> None:
    async with Browser(running) as lan:
        await lan.join()
        await lan.sign_in()
        judge = second_step.try_code

        async def judge_slowly(*given: Any, **values: Any) -> Any:
            found = await judge(*given, **values)
            await reset(running)
            return found

        monkeypatch.setattr(second_step, "try_code", judge_slowly)
        refused = await lan.post("/staff/xac-nhan", code=await lan.fresh_code())
        assert (refused.status_code, refused.headers["location"]) == (303, "/staff/dang-nhap")
        assert await sql(running.database, "SELECT 1 FROM staff_sessions") == []


async def reset(running: Running) -> None:
    """As the command line does it."""
    link, now = NewLink.make(), dt.datetime.now(dt.UTC)
    await running.database.write(lambda c: reset_account(c, department_id=1, login="lan", link=link, now=now))
