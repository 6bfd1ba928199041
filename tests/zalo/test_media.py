"""Files of people: only when wanted, only from Zalo's hosts, never past the limit, a dead link asks again."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest
from PIL import Image
from sqlalchemy import update

from bot.channels import zalo_media
from bot.channels.zalo_media import MediaFetcher, MediaLost, MediaRules
from db.models import InboxMessage, RequestFile, ZaloMedia
from desk.files import SIZE_LIMIT, blob_path
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.fakes.zalo import Fault
from tests.test_requests_files import picture
from tests.zalo.conftest import zalo_world

AMR = b"#!AMR\n" + b"\x3c" * 400
PDF = b"%PDF-1.7\n" + b"0" * 300


def shot(number: int) -> bytes:
    """A picture unlike every other."""
    stream = io.BytesIO()
    Image.new("RGB", (90 + number, 61), (number * 20 % 256, 40, 90)).save(stream, "PNG")
    return stream.getvalue()


async def with_form(z):
    """Somebody whose form has been begun, without their personal data."""
    person = z.fake.person()
    for number, words in enumerate(("gửi yêu cầu hỗ trợ", "không đồng ý", "Tôi muốn hỏi về nhãn hiệu mắm ruốc."), 1):
        await person.says(words)
        await z.answered(person, number + 1)
    return person


async def said(z, person, before: int) -> str:
    """What was said since, in one text."""
    return "\n".join((await z.answered(person, before + 1))[before:])


async def files(z) -> list:
    return await z.rows(RequestFile, RequestFile.removed_at.is_(None))


async def test_an_album_becomes_files_of_the_form_in_order(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files = {f"album-{n}": (200, shot(n), {}) for n in range(10)}
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("album")
        told = await said(z, person, before)
        assert told.startswith(say("file.kept", count=10, limit=10))
        kept = await files(z)
        assert [row.kind for row in kept] == ["photo"] * 10
        for number, row in enumerate(kept):
            with Image.open(blob_path(z.running.service.settings.files_dir, row.content_hash)) as image:
                assert image.width == 90 + number  # in the album's order
        assert await z.rows(ZaloMedia) == []  # nothing remembers the links
        assert "cdn" not in str([row.message for row in await z.rows(InboxMessage)])
        await person.sends("album")
        assert say("file.too_many", limit=10) in await said(z, person, before + 1)
        assert len(await files(z)) == 10


async def test_pictures_sent_as_one_event_each_are_answered_together(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        z.fake.files["photo"] = (200, shot(1), {})
        person = await with_form(z)
        before = len(person.texts)
        for _ in range(3):
            await person.sends("photo")
        assert say("file.kept", count=3, limit=10) in await said(z, person, before)
        assert len(person.texts) == before + 1


async def test_voice_and_documents_are_kept_and_a_camera_position_is_not(
    make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files |= {"voice": (200, AMR, {}), "file": (200, PDF, {}), "photo": (200, picture(position=True), {})}
        person = await with_form(z)
        for kind in ("voice", "file", "photo"):
            before = len(person.texts)
            await person.sends(kind)
            assert "Tôi đã nhận tệp" in await said(z, person, before)
        voice, document, photo = await files(z)
        assert (voice.kind, voice.media_type) == ("voice", "audio/amr")
        assert (document.kind, document.media_type, document.name) == ("document", "application/pdf", "don-de-nghi.pdf")
        assert photo.is_reencoded
        with Image.open(blob_path(z.running.service.settings.files_dir, photo.content_hash)) as image:
            assert not image.getexif()


async def test_outside_a_request_only_the_kind_is_kept(make_settings: MakeSettings, understander) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files["photo"] = (200, shot(1), {})
        person = z.fake.person()
        await person.says("menu")
        await z.answered(person, 2)
        await person.sends("photo", "ảnh căn cước")
        await z.answered(person, 3)
        assert await z.rows(ZaloMedia) == []
        assert z.fake.cdn_hits == 0
        kept = [row.message for row in await z.rows(InboxMessage)][-1]
        assert kept["kind"] == "photo" and "cdn" not in str(kept)


async def test_a_dead_link_asks_for_the_file_again_and_the_form_goes_on(
    make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander) as z:
        z.fake.files["file"] = (410, b"gone", {})
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("file")
        assert say("file.lost") in await said(z, person, before)
        assert await z.rows(ZaloMedia) == []
        z.fake.files["file"] = (200, PDF, {})
        await person.sends("file")
        assert say("file.kept", count=1, limit=10) in await said(z, person, before + 1)


async def test_a_link_that_works_a_moment_later_is_waited_for(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        z.fake.files["photo"] = (404, b"not yet", {})
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("photo")
        await person.says("xong")  # what follows waits for the picture
        await z.until(lambda: z.fake.cdn_hits)
        z.fake.files["photo"] = (200, shot(3), {})
        await z.answered(person, before + 2)
        assert [row.kind for row in await files(z)] == ["photo"]
        assert person.texts[before].startswith(say("file.kept", count=1, limit=10))
        assert say("form.review") in person.texts[before + 1]


async def test_files_that_never_come_do_not_hold_the_conversation(sqlite_settings, understander, monkeypatch) -> None:
    monkeypatch.setattr(zalo_media, "RETRY_S", 0.05)
    async with zalo_world(sqlite_settings, understander) as z:
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("photo")  # the server knows nothing of it
        assert say("file.lost") in await said(z, person, before)
        assert z.fake.cdn_hits == zalo_media.ATTEMPTS


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"0" * 210_000_000)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "empty"), (b"MZ\x90\x00" + b"0" * 99, "wrong_type"), (b"\xff\xd8\xff" + b"0" * 99, "broken"),
     (b"0" * (SIZE_LIMIT + 1), "too_large"), (b"\x00\x00\x00\x18ftypmp42" + b"0" * 99, "video"), (None, "archive")],
)  # fmt: skip
async def test_what_is_refused_says_why(content: bytes | None, problem: str, sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        z.fake.files["photo"] = (200, bomb() if content is None else content, {})
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("photo")
        assert say(f"file.{problem}", limit=10) in await said(z, person, before)
        assert await files(z) == []
        folder = z.running.service.settings.files_dir
        assert not [path for path in folder.rglob("*") if path.is_file()]


async def test_a_film_and_what_zalo_says_is_too_large_are_not_even_fetched(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("video")
        assert say("file.video") in await said(z, person, before)
        event = person.media_event("file")
        event["message"]["attachments"][0]["payload"]["size"] = str(SIZE_LIMIT + 1)
        await z.fake.deliver(event)
        assert say("file.too_large", limit=10) in await said(z, person, before + 1)
        assert z.fake.cdn_hits == 0


async def test_no_redirect_elsewhere(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        z.fake.files["photo"] = (302, b"", {"Location": "http://169.254.169.254/latest/meta-data"})
        z.fake.files["voice"] = (302, b"", {"Location": f"{z.fake.url}/cdn/moved"})
        z.fake.files["moved"] = (200, AMR, {})
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("photo")
        await person.sends("voice")
        await z.answered(person, before + 2)
        told = "\n".join(person.texts[before:])
        assert say("file.lost") in told and say("file.kept", count=1, limit=10) in told
        assert [row.kind for row in await files(z)] == ["voice"]


async def test_a_picture_of_an_identity_card_is_removed_on_one_word(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        stream = io.BytesIO()
        Image.new("RGB", (856, 540), (200, 220, 230)).save(stream, "JPEG")
        z.fake.files["photo"] = (200, stream.getvalue(), {})
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("photo")
        assert say("file.identity_card") in await said(z, person, before)
        await person.says("xoá ảnh")
        assert say("file.removed", count=0) in await said(z, person, before + 1)
        assert await files(z) == []


async def test_a_fetch_whose_process_died_is_done_again(make_settings: MakeSettings, understander) -> None:
    """What was claimed and not finished is due again, as long as the message waits."""
    async with zalo_world(make_settings, understander) as z:
        z.fake.files["photo"] = (200, shot(1), {})
        z.fake.faults.append(Fault("/cdn/", slow_s=600))
        person = await with_form(z)
        before = len(person.texts)
        await person.sends("photo")
        [row] = await z.until(lambda: z.rows(ZaloMedia, ZaloMedia.attempts == 1))
        assert row.due_at > row.created_at  # claimed: nobody else takes it for a while
        await z.database.write(lambda c: c.execute(update(ZaloMedia).values(due_at=row.created_at)))
        other = MediaFetcher(z.running.service.settings, z.database, z.channel.account)
        await other.fetch_due(dt.datetime.now(dt.UTC), z.running.service.inbox.wake)
        assert say("file.kept", count=1, limit=10) in await said(z, person, before)


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
    fetcher = MediaFetcher(sqlite_settings(), None, "3300440055006600770")  # type: ignore[arg-type]
    with pytest.raises(MediaLost) as refused:
        await fetcher.fetch("https://photo.zdn.vn/a.jpg")
    assert refused.value.code == "address"
