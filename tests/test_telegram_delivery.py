"""Updates into the service by webhook and by polling: nothing lost, nothing twice, nothing blocks."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select, text

from bot.channels.telegram_poll import read_cursor, write_cursor
from db.engine import Database
from db.models import ChannelState, Conversation, InboxMessage, InboxStatus, OutboxMessage
from handlers.texts import say
from tests.channels.drivers import TelegramDriver, World, settled, world
from tests.conftest import MakeSettings
from tests.fakes.telegram import TOKEN, Fault, fake_telegram
from tests.harness import running_service
from tests.waiting import eventually

MENU = say("menu")
both_ways = pytest.mark.parametrize("channel", ["telegram", "telegram-polling"])
on_postgresql = pytest.mark.parametrize("make_settings", ["postgresql"], indirect=True)


async def column(database: Database, what: Any, *where: Any) -> list[Any]:
    return list(await database.read(lambda c: c.execute(select(what).where(*where).order_by(what)).scalars().all()))


def menus(person: Any) -> int:
    return sum(message["text"] == MENU for message in person.user.messages)


def calls(world: World, channel: str, method: str) -> list[dict[str, Any]]:
    return [call.params for call in world.drivers[channel].server.calls if call.method == method]


# -- the pitfalls of both ways ------------------------------------------------------------------------------------


@both_ways
async def test_what_waited_while_we_were_away_is_answered(channel, make_settings: MakeSettings, understander) -> None:
    """Nobody drops pending updates, neither at the start nor when the webhook is set or taken off."""
    driver = TelegramDriver("polling" if "polling" in channel else "webhook")
    await driver.open()
    person = driver.person()
    await person.says("menu")
    async with running_service(make_settings(**driver.settings()), understander) as running:
        await driver.attach(running)
        await eventually(lambda: menus(person) == 1)
    for call in driver.server.calls:
        assert not call.params.get("drop_pending_updates")
    await driver.close()


@both_ways
async def test_ids_that_start_anew_lower_hide_nothing(channel, make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, channel) as w:
        server, people = w.drivers[channel].server, [w.drivers[channel].person() for _ in range(3)]
        for person, next_id in zip(people, (2_000_000_000, 5, 1_000_000), strict=True):
            server.next_update_id = next_id
            await person.says("menu")
            await eventually(lambda p=person: menus(p) == 1)
            await asyncio.sleep(0.1)


@both_ways
async def test_a_press_and_a_message_that_overtake_each_other_are_both_answered(
    channel, make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, channel) as w:
        server, person = w.drivers[channel].server, w.drivers[channel].person()
        message, press = person.user.message(text="menu"), person.user.callback(999, "p")
        server.queue(press)
        server.queue(message)
        await eventually(lambda: menus(person) == 1)
        await w.settled()
        assert say("province.ask") in [shown["text"] for shown in person.user.messages]
        assert len(person.user.messages) == 3


async def test_a_keyboard_is_of_use_without_its_presses(make_settings: MakeSettings, understander) -> None:
    """A press is dropped after 150 seconds of trouble; the number of the choice does the same."""
    async with world(make_settings, understander, "telegram") as w:
        person = w.drivers["telegram"].person()
        await person.says("menu")
        await w.answered(person, at_least=2)
        await person.says("1")
        replies = await w.answered(person, at_least=3)
        assert replies[-1]["choices"]
        assert replies[-1]["text"] != MENU


@both_ways
async def test_a_poisonous_update_is_set_aside_and_blocks_nothing(
    channel, make_settings: MakeSettings, understander
) -> None:
    async with world(make_settings, understander, channel) as w:
        server, people = w.drivers[channel].server, [w.drivers[channel].person() for _ in range(2)]
        without_chat_instance = people[0].user.callback(1, "m")
        del without_chat_instance["callback_query"]["chat_instance"]
        broken_date = people[0].user.message(text="x")
        broken_date["message"]["date"] = "hôm qua"
        huge = people[0].user.message(text="x" * 10, date=10**30)
        for update in (people[0].user.message(text="menu"), without_chat_instance, broken_date, huge):
            server.queue(update)
        server.queue(people[1].user.message(text="menu"))
        await eventually(lambda: menus(people[0]) == 1 and menus(people[1]) == 1)
        await asyncio.sleep(0.1)
        kept = await column(w.database, InboxMessage.raw, InboxMessage.status == InboxStatus.SET_ASIDE)
        ids = {json.loads(bytes(raw))["update_id"] for raw in kept}
        assert ids == {update["update_id"] for update in (without_chat_instance, broken_date, huge)}
        assert not server.pending
        assert all(200 <= status < 300 for status in server.deliveries)


async def test_a_moved_chat_gets_its_replies_under_the_new_id(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram") as w:
        driver, person = w.drivers["telegram"], w.drivers["telegram"].person()
        driver.refuse(person, "moved")
        await person.says("menu")
        moved_to = person.user.chat_id - 100
        await eventually(lambda: len(driver.server.messages[moved_to]) == 2)
        assert await column(w.database, Conversation.external_id) == [str(moved_to)]


async def test_who_blocked_us_and_writes_again_is_answered(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram") as w:
        server, person = w.drivers["telegram"].server, w.drivers["telegram"].person()
        server.blocked.add(person.user.chat_id)
        await person.says("menu")
        await eventually(lambda: any(call.status == 403 for call in server.calls))
        await w.settled()
        sends = len(calls(w, "telegram", "sendMessage"))
        assert sends == 1  # the second reply of the turn is not even tried
        server.blocked.clear()
        await person.says("menu")
        await eventually(lambda: menus(person) == 1)


async def test_a_press_repeated_by_the_app_is_answered_once(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram") as w:
        server, person = w.drivers["telegram"].server, w.drivers["telegram"].person()
        for _ in range(4):
            server.queue(person.user.callback(77, "m"))
        await eventually(lambda: menus(person) == 1)
        await asyncio.sleep(0.2)
        await w.settled()
        assert menus(person) == 1
        assert len(await column(w.database, InboxMessage.id)) == 1
        await eventually(lambda: bool(calls(w, "telegram", "answerCallbackQuery")))


def test_greenlet_is_there() -> None:
    """SQLAlchemy 2.1 no longer brings it by itself."""
    assert version("greenlet")
    assert "sqlalchemy[asyncio]" in (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")


# -- the database away ---------------------------------------------------------------------------------------------


class Outage:
    """The database really refuses: SQLite is locked by another connection, PostgreSQL takes no connections."""

    def __init__(self, database: Database, cluster: Any) -> None:
        self._url = database.url
        self._cluster = cluster

    async def begin(self) -> None:
        if self._url.drivername.startswith("sqlite"):
            import sqlite3

            self._lock = sqlite3.connect(str(self._url.database), isolation_level=None, check_same_thread=False)
            self._lock.execute("BEGIN IMMEDIATE")
            return
        name = self._url.database
        await asyncio.to_thread(self._cluster.sql, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        ends = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        await asyncio.to_thread(self._cluster.sql, ends)

    async def end(self) -> None:
        if self._url.drivername.startswith("sqlite"):
            self._lock.execute("ROLLBACK")
            self._lock.close()
            return
        await asyncio.to_thread(self._cluster.sql, f"ALTER DATABASE {self._url.database} ALLOW_CONNECTIONS true")


@pytest.fixture
def cluster_if_needed(request: pytest.FixtureRequest) -> Any:
    on_sqlite = "sqlite" in request.node.callspec.id
    return None if on_sqlite else request.getfixturevalue("cluster")


async def test_while_the_database_is_away_updates_wait_in_the_spool(
    make_settings: MakeSettings, understander, cluster_if_needed
) -> None:
    async with world(make_settings, understander, "telegram") as w:
        driver = w.drivers["telegram"]
        person, later = driver.person(), driver.person()
        outage = Outage(w.database, cluster_if_needed)
        await outage.begin()
        try:
            update = person.user.message(text="menu")
            assert (await driver.server.push(update))[0] == 200
            files = list(w.running.service.spool.waiting("telegram"))
            assert [json.loads(path.read_bytes()) for path in files] == [update]
            assert (await driver.server.push(b"{nonsense"))[0] == 200
            assert menus(person) == 0
        finally:
            await outage.end()
        await later.says("menu")
        await eventually(lambda: menus(person) == 1 and menus(later) == 1, 30)
        await eventually(lambda: not list(w.running.service.spool.waiting("telegram")))
        await settled(w.database)
        assert len(await column(w.database, InboxMessage.id)) == 3
        assert menus(person) == 1


async def test_when_the_spool_fails_too_the_messenger_keeps_the_update(
    make_settings: MakeSettings, understander, cluster_if_needed
) -> None:
    async with world(make_settings, understander, "telegram") as w:
        driver = w.drivers["telegram"]
        person = driver.person()
        folder = Path(w.running.service.settings.var_dir) / "spool"
        folder.write_text("a file where a folder should be")
        outage = Outage(w.database, cluster_if_needed)
        await outage.begin()
        try:
            await person.says("menu")
            await eventually(lambda: 503 in driver.server.deliveries)
        finally:
            await outage.end()
        folder.unlink()
        await eventually(lambda: menus(person) == 1, 30)
        await settled(w.database)
        assert len(await column(w.database, InboxMessage.id)) == 1


# -- polling -------------------------------------------------------------------------------------------------------


async def test_the_offset_moves_only_after_the_commit(
    make_settings: MakeSettings, understander, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(make_settings, understander, "telegram-polling") as w:
        server, person = w.drivers["telegram-polling"].server, w.drivers["telegram-polling"].person()
        store, failures = w.running.service.inbox.receive, 2

        async def fails_at_first(channel: Any, raw: bytes) -> Any:
            nonlocal failures
            if failures:
                failures -= 1
                raise OSError("neither database nor spool")
            return await store(channel, raw)

        monkeypatch.setattr(w.running.service.inbox, "receive", fails_at_first)
        await person.says("menu")
        await eventually(lambda: failures == 1)
        assert len(server.pending) == 1  # not confirmed
        await eventually(lambda: menus(person) == 1)
        await eventually(lambda: not server.pending)
        states = await column(w.database, ChannelState.cursor, ChannelState.channel == "telegram")
        assert read_cursor(states[0]) == server.next_update_id + 1


async def test_a_second_poller_is_survived(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram-polling") as w:
        server, person = w.drivers["telegram-polling"].server, w.drivers["telegram-polling"].person()
        await eventually(lambda: bool(calls(w, "telegram-polling", "getUpdates")))
        async with w.running.client.stream("GET", f"{server.url}/bot{TOKEN}/getUpdates?timeout=0") as other:
            assert other.status_code == 200
        await eventually(lambda: any(call.status == 409 for call in server.calls))
        await person.says("menu")
        await eventually(lambda: menus(person) == 1)


async def test_a_webhook_left_behind_is_taken_off(make_settings: MakeSettings, understander) -> None:
    async with fake_telegram() as server:
        server.webhook = {"url": "https://old.example"}
        options = {"telegram_token": TOKEN, "telegram_api_url": server.url, "telegram_chat_rate": 1000}
        async with running_service(make_settings(**options), understander):
            person = server.person()
            await eventually(lambda: not server.webhook)
            person.say("menu")
            await eventually(lambda: MENU in [message["text"] for message in person.messages])


@on_postgresql
async def test_two_processes_never_poll_at_the_same_time(make_settings: MakeSettings, understander) -> None:
    async with fake_telegram() as server:
        options = {"telegram_token": TOKEN, "telegram_api_url": server.url, "telegram_chat_rate": 1000}
        people = [server.person() for _ in range(10)]
        async with running_service(make_settings(**options), understander) as first:
            async with running_service(make_settings(**options), understander):
                for person in people[:5]:
                    person.say("menu")
                await asyncio.sleep(1)
                owners = await first.database.read(lambda c: c.execute(text("SELECT name, owner FROM leases")).all())
                assert sum(row.name == "poll:telegram" for row in owners) == 1
                assert all(call.status != 409 for call in server.calls)
            for person in people[5:]:
                person.say("menu")
            await eventually(lambda: all(len(person.messages) == 2 for person in people), 20)
            await settled(first.database)
            assert [len(person.messages) for person in people] == [2] * 10


async def test_an_unreachable_messenger_neither_stops_nor_delays_the_start_and_comes_back(
    sqlite_settings: MakeSettings, understander, capsys
) -> None:
    driver = TelegramDriver("polling")
    await driver.open()
    await driver.server.stop()
    started = time.monotonic()
    with structlog.testing.capture_logs() as logs:
        async with running_service(sqlite_settings(**driver.settings()), understander) as running:
            assert time.monotonic() - started < 5
            assert (await running.client.get("/healthz")).status_code == 200
            await asyncio.sleep(2.5)
            await driver.open()
            person = driver.person()
            await person.says("menu")
            await eventually(lambda: menus(person) == 1, 30)
            states = await column(running.database, ChannelState.last_error)
            assert states == ["ChannelUnavailable: NetworkError ClientConnectorError"]
    events = [entry["event"] for entry in logs]
    assert events.count("polling_down") == 1  # an outage is said once, and its end once
    assert events.count("polling_back") == 1
    assert TOKEN not in str(logs)
    await driver.close()


def test_an_old_cursor_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = write_cursor(42)
    assert read_cursor(cursor) == 42
    assert read_cursor(None) is read_cursor("") is read_cursor("x@y") is None
    in_two_days = time.time() + 2 * 86_400
    monkeypatch.setattr("bot.channels.telegram_poll.time.time", lambda: in_two_days)
    assert read_cursor(cursor) is None


# -- webhook -------------------------------------------------------------------------------------------------------


async def test_the_webhook_is_set_as_it_should_be(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram") as w:
        assert calls(w, "telegram", "setWebhook") == [
            {
                "url": "https://bot.example/webhooks/telegram", "secret_token": "s3cret_of_the_tests",
                "allowed_updates": ["message", "callback_query"], "max_connections": 40,
            }
        ]  # fmt: skip
        assert calls(w, "telegram", "getUpdates") == []


async def test_a_messenger_that_refuses_the_webhook_is_asked_again(sqlite_settings: MakeSettings, understander) -> None:
    driver = TelegramDriver()
    await driver.open()
    driver.server.faults.append(Fault("setWebhook", 429, "slow", {"retry_after": 1}))
    async with running_service(sqlite_settings(**driver.settings()), understander) as running:
        await driver.attach(running)
    await driver.close()


async def test_reception_is_noted_seldom(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram") as w:
        person = w.drivers["telegram"].person()
        await person.says("menu")
        await w.answered(person, at_least=2)
        first = await column(w.database, ChannelState.last_received_at, ChannelState.channel == "telegram")
        assert dt.datetime.now(dt.UTC) - first[0] < dt.timedelta(seconds=20)
        await person.says("menu")
        await w.answered(person, at_least=3)
        assert await column(w.database, ChannelState.last_received_at, ChannelState.channel == "telegram") == first


async def test_a_send_whose_answer_was_lost_is_marked_as_tried(make_settings: MakeSettings, understander) -> None:
    async with world(make_settings, understander, "telegram") as w:
        server, person = w.drivers["telegram"].server, w.drivers["telegram"].person()
        server.faults.append(Fault("sendMessage", lose=True))
        await person.says("menu")
        await eventually(lambda: menus(person) == 1)
        await w.settled()
        assert len(person.user.messages) == 3  # the first came twice: the Bot API knows no idempotency
        assert await column(w.database, OutboxMessage.attempts) == [1, 2]
