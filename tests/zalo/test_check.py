"""``check`` asks Zalo: one line each, a status that says whether the service could run, nothing changed, no secret."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from pydantic import SecretStr
from sqlalchemy import update

from bot.commands.check import Finding, channel_findings
from bot.config import Settings
from bot.secrets_box import SecretsBox
from db.engine import Database
from db.models import ZaloToken
from tests.conftest import MakeSettings
from tests.fakes.zalo import Fault
from tests.fakes.zalo_bot import FakeZaloBot
from tests.test_commands import lines, run
from tests.zalo.conftest import fake_zalo, zalo_service


async def found(settings: Settings, database: Database | None, subject: str = "zalo") -> Finding:
    return {one.subject: one async for one in channel_findings(settings, database)}[subject]


async def test_the_command_names_the_account_and_no_secret(sqlite_settings: MakeSettings) -> None:
    async with fake_zalo() as fake:
        values = fake.settings()
        environment = {name.upper(): str(value) for name, value in values.items()}
        result = await asyncio.to_thread(run, "check", settings=sqlite_settings(**values), **environment)
        assert (result.returncode, lines(result)["zalo"]) == (0, "ok"), result.stdout
        assert "Sở KH&CN Mẫu" in result.stdout
        secrets = [str(value) for name, value in values.items() if "token" in name or "secret" in name]
        assert not [secret for secret in secrets if secret in result.stdout + result.stderr]


async def test_the_stored_pair_is_asked_with_and_left_alone(make_settings: MakeSettings, understander) -> None:
    async with fake_zalo() as fake:
        settings = make_settings(**fake.settings())
        assert (await found(settings, None)).status == "ok"  # before the first start, with the configured pair
        async with zalo_service(settings, fake, understander) as z:
            await z.channel.tokens.renew(await z.channel.tokens.current())
            refreshes, before = fake.refreshes, await z.tokens()
            assert (await found(settings, z.database)).status == "ok"  # the configured one is dead by now
            assert (fake.refreshes, await z.tokens()) == (refreshes, before)

            async def set_row(**changes: Any) -> Finding:
                await z.database.write(lambda c: c.execute(update(ZaloToken).values(**changes)))
                return await found(settings, z.database)

            other = SecretsBox(SecretStr("another key"), "zalo").seal("token")
            finding = await set_row(access_token=other)
            assert (finding.status, "SECRET_KEY" in finding.text) == ("error", True)
            assert (await set_row(access_token=before.access_token)).status == "ok"
            old = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
            assert (await set_row(access_expires_at=old)).status == "warning"
            finding = await set_row(refused_at=old, refused_code="-19999")
            assert (finding.status, "zalo consent" in finding.text) == ("error", True)
            assert fake.refreshes == refreshes


async def test_nobody_has_consented_yet_or_zalo_refuses_or_is_away(sqlite_settings: MakeSettings) -> None:
    async with fake_zalo() as fake:
        values = {key: value for key, value in fake.settings().items() if "_token" not in key}
        finding = await found(sqlite_settings(**values), None)
        assert (finding.status, "zalo consent" in finding.text) == ("warning", True)
        settings = sqlite_settings(**fake.settings())
        fake.faults.append(Fault("/getoa", code=-224))
        assert (await found(settings, None)).status == "error"
        fake.faults.append(Fault("/getoa", body=b"<html>maintenance</html>", status=503))
        assert (await found(settings, None)).status == "warning"
    assert (await found(settings, None)).status == "warning"


async def test_the_bot_of_the_bot_platform(sqlite_settings: MakeSettings) -> None:
    fake = FakeZaloBot()
    await fake.start()
    try:
        finding = await found(sqlite_settings(**fake.settings()), None, "zalo bot")
        assert (finding.status, "bot.Mẫu" in finding.text) == ("ok", True)
        wrong = sqlite_settings(**{**fake.settings(), "zalo_bot_token": "1234567890:Guessed"})
        assert (await found(wrong, None, "zalo bot")).status == "error"
    finally:
        await fake.stop()
    assert (await found(sqlite_settings(**fake.settings()), None, "zalo bot")).status == "warning"
    assert (await found(sqlite_settings(), None, "zalo bot")).status == "ok"  # off
