"""Killed between storing and replying: after the restart each message is answered once, on both databases."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bot.config import Settings
from handlers.texts import say
from tests.conftest import ROOT, MakeSettings
from tests.fakes.zalo import Fault
from tests.postgres import free_port
from tests.zalo.conftest import QUESTION, fake_zalo


def environment(settings: Settings) -> dict[str, str]:
    """The settings as a process gets them."""
    values = {}
    for name in settings.model_fields_set:
        value: Any = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        values[name.upper()] = str(value)
    return {**{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}, **values}


@contextlib.asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """``khcn-bot serve``, ready to serve; killed at the end whatever happened."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", cwd=ROOT, env=environment(settings),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"http://127.0.0.1:{settings.port}/readyz")).status_code == 200:
                        break
                assert running.returncode is None
                await asyncio.sleep(0.1)
        yield running
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGKILL)
            await running.wait()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_sigkill_between_storing_and_replying_loses_nothing(make_settings: MakeSettings) -> None:
    async with fake_zalo() as fake:
        settings = make_settings(**fake.settings(), port=free_port())
        fake.webhook_url = f"http://127.0.0.1:{settings.port}/webhooks/zalo"
        people = [fake.person() for _ in range(3)]
        async with process(settings) as first:
            # nothing gets through: whatever is answered now is stored, and not sent
            fake.faults.append(Fault("/message/cs", slow_s=60, body=b"", status=502, times=99))
            for person in people:
                assert await person.says(QUESTION) == 200
            async with asyncio.timeout(30):
                while len([fault for fault in fake.faults if fault.times < 99]) == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            late = fake.person()
            assert await late.says("menu") == 200
            first.send_signal(signal.SIGKILL)
            await first.wait()
        fake.faults.clear()
        assert [person.texts for person in people] == [[]] * 3
        async with process(settings):
            async with asyncio.timeout(60):
                while not all(len(person.texts) >= 2 for person in [*people, late]):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            await asyncio.sleep(3)
        for person in people:
            assert len(person.texts) == 2 and "Nguồn:" in person.texts[1]
        assert len(late.texts) == 2 and late.texts[1].startswith(say("menu"))
