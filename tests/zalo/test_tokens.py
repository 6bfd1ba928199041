"""The token drill: expiry under load, a lost answer, two processes at once, a refusal. One pair, no message lost."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from bot import delivery
from bot.channels.zalo_tokens import TokenRefused, read_pair
from bot.errors import ChannelUnavailable, CredentialsRejected
from bot.secrets_box import SealBroken, SecretsBox
from db.models import ZaloToken
from tests.conftest import MakeSettings
from tests.fakes.zalo import Fault
from tests.zalo.conftest import fake_zalo, zalo_service, zalo_world


async def test_a_configured_pair_is_taken_in_once_and_sealed(make_settings: MakeSettings, understander) -> None:
    async with fake_zalo() as fake:
        settings = make_settings(**fake.settings())
        given = (settings.zalo_access_token.get_secret_value(), settings.zalo_refresh_token.get_secret_value())
        async with zalo_service(settings, fake, understander) as z:
            row = await z.tokens()
            assert row.generation == 1
            assert not any(secret in str(value) for value in row for secret in given)
            assert (await z.channel.tokens.current()).value == given[0]
            await z.channel.tokens.renew(await z.channel.tokens.current())
        async with zalo_service(settings, fake, understander) as z:  # the same settings do not bring the old one back
            assert (await z.tokens()).generation == 2
            assert (await z.channel.tokens.current()).value in fake.access
        other = make_settings(**fake.settings())
        async with zalo_service(other, fake, understander) as z:  # others do
            assert (await z.tokens()).generation == 3
            assert (await z.channel.tokens.current()).value == other.zalo_access_token.get_secret_value()


@pytest.mark.parametrize("old_token_dies", [True, False])
async def test_expiry_under_load_loses_no_message(
    old_token_dies: bool, make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander, doubts={"old_token_dies": old_token_dies}) as z:
        people = [z.fake.person() for _ in range(20)]
        for person in people[:5]:
            await person.says("menu")
        z.fake.access.clear()  # it dies while messages are under way
        await asyncio.gather(*(person.says("menu") for person in people[5:]))
        for person in people:
            assert len(await z.answered(person, 2)) == 2
        assert z.fake.refreshes == 1
        assert (await z.tokens()).generation == 2
        assert await z.alerts() == []


async def test_a_token_known_to_be_expired_is_refreshed_before_the_call(
    make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander) as z:
        await z.travel(26)
        person = z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        assert z.fake.refreshes == 1
        assert {call.status for call in z.fake.calls} == {"0"}


async def test_a_pair_is_refreshed_at_twenty_hours(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        await z.travel(19)
        await z.channel.tokens.refresh_if_due()
        assert z.fake.refreshes == 0
        await z.travel(1.1)
        await z.until(lambda: z.fake.refreshes == 1)  # by the upkeep itself
        assert (await z.channel.tokens.current()).value in z.fake.access


async def test_a_lost_answer_before_the_rotation_heals_by_itself(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.channel.tokens.in_doubt_s = 0.5
        z.fake.faults.append(Fault("/access_token", drop=True))
        z.fake.access.clear()
        person = z.fake.person()
        await person.says("menu")
        assert len(await z.answered(person, 2)) == 2
        assert await z.alerts() == []
        assert (await z.tokens()).refresh_started_at is None


async def test_a_lost_answer_after_the_rotation_alerts_once_and_a_new_pair_delivers_everything(
    make_settings: MakeSettings, understander, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(delivery, "CREDENTIALS_PAUSE_S", 0.5)
    monkeypatch.setattr(delivery, "backoff_s", lambda _attempts: 0.3)
    async with zalo_world(make_settings, understander) as z:
        z.channel.tokens.in_doubt_s = 0.5
        z.fake.faults.append(Fault("/access_token", drop=True, effect=True))
        z.fake.access.clear()
        person = z.fake.person()
        await person.says("menu")
        await z.until(z.alerts)
        refreshes = z.fake.refreshes
        await asyncio.sleep(2)
        assert z.fake.refreshes == refreshes  # refused once: it stops trying
        assert person.texts == []
        row = await z.tokens()
        assert "after a lost answer" in row.refused_code
        assert await z.alerts() == ["zalo_needs_consent"]
        pair = z.fake.new_pair()
        await z.channel.tokens.paste(pair["access_token"], pair["refresh_token"])
        assert len(await z.answered(person, 2)) == 2
        assert await z.alerts() == []


async def test_while_a_refresh_is_in_doubt_the_old_token_is_used_as_long_as_it_lives(
    make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander, doubts={"old_token_dies": False}) as z:
        z.fake.faults.append(Fault("/access_token", drop=True, effect=True))
        await z.travel(20.5)
        await z.until(lambda: z.fake.refreshes == 1)
        assert (await z.tokens()).refresh_started_at is not None
        person = z.fake.person()
        await person.says("menu")
        assert len(await z.answered(person, 2)) == 2


async def test_two_processes_refresh_once(make_settings: MakeSettings, understander) -> None:
    """Two services on one database; SQLite has one process in earnest, but the rule is the same."""
    async with fake_zalo() as fake:
        settings = make_settings(**fake.settings())
        fake.faults.append(Fault("/access_token", slow_s=0.5, effect=True, times=9))
        async with (
            zalo_service(settings, fake, understander) as one,
            zalo_service(settings, fake, understander) as two,
        ):
            old = await one.channel.tokens.current()
            fake.access.clear()
            new = await asyncio.gather(*(z.channel.tokens.renew(old) for z in (one, two) for _ in range(5)))
            assert fake.refreshes == 1
            assert {token.value for token in new} == set(fake.access)
            assert (await one.tokens()).generation == 2


async def test_a_refresher_that_died_is_replaced(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.access.clear()
        dead = update(ZaloToken).values(refresh_started_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=29))
        await z.database.write(lambda c: c.execute(dead))
        person = z.fake.person()
        started = asyncio.get_running_loop().time()
        await person.says("menu")
        assert len(await z.answered(person, 2)) == 2
        assert asyncio.get_running_loop().time() - started > 0.5  # it waited until the other counted as lost
        assert await z.alerts() == []


@pytest.mark.parametrize("status", [200, 400])
async def test_a_refused_refresh_alerts_once_and_stops(
    status: int, make_settings: MakeSettings, understander, monkeypatch
) -> None:
    monkeypatch.setattr(delivery, "CREDENTIALS_PAUSE_S", 0.3)
    monkeypatch.setattr(delivery, "backoff_s", lambda _attempts: 0.2)
    async with zalo_world(make_settings, understander, doubts={"token_error_status": status}) as z:
        z.fake.refresh = "revoked"
        z.fake.access.clear()
        people = [z.fake.person() for _ in range(3)]
        await asyncio.gather(*(person.says("menu") for person in people))
        await z.until(z.alerts)
        await asyncio.sleep(1.5)
        assert z.fake.refreshes == 1
        assert await z.alerts() == ["zalo_needs_consent"]
        assert await z.statuses() == ["queued"] * 6
        with pytest.raises(CredentialsRejected):
            await z.channel.tokens.renew(await z.channel.tokens.current())
        row = await z.tokens()
        assert row.refresh_token is not None and row.generation == 1  # the refusal did not overwrite the pair
        pair = z.fake.new_pair()
        await z.channel.tokens.paste(pair["access_token"], pair["refresh_token"])
        for person in people:
            assert len(await z.answered(person, 2)) == 2


async def test_no_network_is_not_a_refusal(make_settings: MakeSettings, understander, monkeypatch) -> None:
    monkeypatch.setattr(delivery, "backoff_s", lambda _attempts: 0.3)
    async with zalo_world(make_settings, understander) as z:
        z.channel.tokens.in_doubt_s = 0.3
        z.fake.faults.append(Fault("/access_token", body=b"<html>maintenance</html>", status=503, times=3))
        z.fake.access.clear()
        person = z.fake.person()
        await person.says("menu")
        assert len(await z.answered(person, 2)) == 2
        assert await z.alerts() == []


async def test_tokens_are_never_logged(sqlite_settings: MakeSettings, understander, capsys, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        async with zalo_world(sqlite_settings, understander) as z:
            secrets = {*z.fake.access, z.fake.refresh, z.fake.app_secret, z.fake.oa_secret}
            await z.channel.tokens.renew(await z.channel.tokens.current())
            z.fake.refresh = "revoked"
            with pytest.raises(CredentialsRejected):
                await z.channel.tokens.renew(await z.channel.tokens.current())
            secrets |= {*z.fake.access}
    captured = capsys.readouterr()
    logged = caplog.text + captured.out + captured.err
    assert not [secret for secret in secrets if secret and secret in logged]


def test_only_a_whole_pair_is_a_success() -> None:
    assert read_pair(200, b'{"access_token":"a","refresh_token":"b","expires_in":"90000"}').life_s == 90_000
    assert read_pair(200, b'{"access_token":"a","refresh_token":"b","expires_in":3600}').life_s == 3600
    assert read_pair(200, b'{"access_token":"a","refresh_token":"b"}').life_s == 90_000
    for body in (b'{"access_token":"a"}', b'{"error_name":"x"}', b'{"access_token":"","refresh_token":"b"}', b"{}"):
        with pytest.raises(TokenRefused):
            read_pair(200, body)
    for status, body in ((502, b"<html>"), (200, b"[]"), (500, b"{}"), (429, b"{}")):
        with pytest.raises(ChannelUnavailable):
            read_pair(status, body)


def test_a_box_opens_only_with_its_key_and_purpose() -> None:
    box = SecretsBox(SecretStr("k" * 40), "zalo")
    sealed = box.seal("bí mật")
    assert "bí mật" not in sealed and box.open(sealed) == "bí mật"
    for other in (SecretsBox(SecretStr("j" * 40), "zalo"), SecretsBox(SecretStr("k" * 40), "other")):
        with pytest.raises(SealBroken):
            other.open(sealed)
