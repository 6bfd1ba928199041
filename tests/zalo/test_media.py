"""Files of people: only when wanted, only from Zalo's hosts, never past the limit, a dead link asks again."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from sqlalchemy import update

from bot.channels import zalo_media
from bot.channels.zalo_media import MediaFetcher, MediaLost, MediaRules, stored_path
from db.models import Conversation, InboxMessage, ZaloMedia
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.zalo.conftest import zalo_world

PNG = b"\x89PNG" + bytes(range(256)) * 40


async def ready(z, *, wanted: bool = True):
    person = z.fake.person()
    await person.says("menu")
    await z.answered(person, 2)
    if wanted:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        await z.database.write(lambda c: c.execute(update(Conversation).values(files_wanted_until=until)))
    return person


async def with_status(z, status: str) -> list:
    return await z.rows(ZaloMedia, ZaloMedia.status == status)


async def test_a_wanted_file_is_fetched_and_named_by_its_content(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files = {f"album-{n}": (200, PNG + bytes([n]), {}) for n in range(10)}
        person = await ready(z)
        await person.sends("album")
        await z.until(lambda: all_stored(z, 10), wait_s=30)
        for row in await with_status(z, "stored"):
            content = PNG + bytes([row.position])
            assert row.sha256 == hashlib.sha256(content).hexdigest() and row.size == len(content)
            assert stored_path(z.running.service.settings.files_dir, row.sha256).read_bytes() == content
            assert row.url is None  # the link is forgotten


async def all_stored(z, count: int) -> bool:
    return len(await with_status(z, "stored")) == count


async def test_outside_a_request_only_the_kind_is_kept(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files["photo"] = (200, PNG, {})
        person = await ready(z, wanted=False)
        await person.sends("photo", "ảnh căn cước")
        await z.answered(person, 3)
        assert await z.rows(ZaloMedia) == []
        assert z.fake.cdn_hits == 0
        kept = [row.message for row in await z.rows(InboxMessage)][-1]
        assert kept["kind"] == "photo" and "cdn" not in str(kept)


async def test_a_dead_link_asks_for_the_file_again(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        person = await ready(z)
        await person.sends("file")
        await z.until(lambda: with_status(z, "lost"))
        assert say("file_lost") in await z.answered(person, 4)
        assert (await z.rows(ZaloMedia))[0].error == "dead"


async def test_a_file_past_the_limit_is_not_kept(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander, media_limit_mb=1) as z:
        z.fake.files["video"] = (200, b"0" * 1_000_001, {})
        person = await ready(z)
        await person.sends("video")
        await z.until(lambda: with_status(z, "lost"))
        assert say("file_too_large", limit=1) in await z.answered(person, 4)
        folder = z.running.service.settings.files_dir
        assert not [path for path in folder.rglob("*") if path.is_file()]


async def test_no_redirect_elsewhere(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files["photo"] = (302, b"", {"Location": "http://169.254.169.254/latest/meta-data"})
        z.fake.files["voice"] = (302, b"", {"Location": f"{z.fake.url}/cdn/moved"})
        z.fake.files["moved"] = (200, b"#!AMR voice", {})
        person = await ready(z)
        await person.sends("photo")
        await person.sends("voice")
        await z.until(lambda: with_status(z, "stored"))
        await z.until(lambda: with_status(z, "lost"))
        assert [row.kind for row in await with_status(z, "lost")] == ["photo"]


async def test_who_withdraws_has_no_files_left(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files["photo"] = (200, PNG, {})
        person = await ready(z)
        await person.sends("photo")
        await z.until(lambda: with_status(z, "stored"))
        await z.settled()
        await z.fake.deliver(person.profile_event("user_withdraw"))
        await z.until(lambda: gone(z))
        assert not [path for path in z.running.service.settings.files_dir.rglob("*") if path.is_file()]


async def gone(z) -> bool:
    return await z.rows(ZaloMedia) == []


HOSTILE = [
    "http://photo.zdn.vn/a.jpg", "https://zdn.vn.evil.example/a", "https://evilzdn.vn/a", "https://user:pw@photo.zdn.vn/a",
    "https://photo.zdn.vn:8443/a", "https://127.0.0.1/a", "https://[::1]/a", "file:///etc/passwd", "ftp://zdn.vn/a",
    "https://photo.zdn.vn:99999/a", "//photo.zdn.vn/a", "", "https://localhost/a", "https://10.0.0.1/a",
]  # fmt: skip


@pytest.mark.parametrize("link", HOSTILE)
def test_hostile_links_are_not_followed(link: str, sqlite_settings: MakeSettings) -> None:
    with pytest.raises(MediaLost):
        MediaRules(sqlite_settings()).check(link)


@pytest.mark.parametrize("link", ["https://photo-stal-5.zdn.vn/a.jpg", "https://zdn.vn/a", "https://F21.DLFL.vn/x?y=1"])
def test_links_of_zalo_are(link: str, sqlite_settings: MakeSettings) -> None:
    assert MediaRules(sqlite_settings()).check(link).hostname


@pytest.mark.parametrize(
    "addresses",
    [[], ["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["::1"], ["fd00::1"], ["8.8.8.8", "192.168.0.1"],
     ["0.0.0.0"],     ["::ffff:127.0.0.1"], ["100.64.0.1"]],
)  # fmt: skip
async def test_a_name_that_points_inside_is_not_connected_to(
    addresses: list[str], sqlite_settings: MakeSettings, monkeypatch
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return addresses

    monkeypatch.setattr(zalo_media, "resolve", resolve)
    fetcher = MediaFetcher(sqlite_settings(), None)  # type: ignore[arg-type]
    with pytest.raises(MediaLost) as refused:
        await fetcher.fetch("https://photo.zdn.vn/a.jpg")
    assert refused.value.code == "address"
