"""Files of requests: judged by content, limited while they arrive, kept once, gone when nobody needs them."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from bot.files import judge, looks_like_a_card, receive, sweep_orphans
from db.queries import request_files
from desk.files import COUNT_LIMIT, SIZE_LIMIT, blob_path, thumbnail_path
from handlers.texts import say
from tests.conftest import MakeSettings
from tests.filing import CONSENT, NEED, WHO, all_requests, file, files_of, says_all
from tests.harness import Running, WebPerson, running_service

GPS = 0x8825


def picture(
    form: str = "JPEG", size: tuple[int, int] = (640, 480), *, position: bool = False, seed: int = 0, **saved: Any
) -> bytes:  # fmt: skip
    image = Image.new("RGB", size, (90 + seed, 140, 60))
    ImageDraw.Draw(image).ellipse((40, 60, 300, 320), fill=(200, 30 + seed, 30))
    exif = Image.Exif()
    if position:
        exif.get_ifd(GPS)[1] = "N"
        exif.get_ifd(GPS)[2] = (10.0, 14.0, 30.0)
        exif[0x010F] = "Camera of Ba"
    out = io.BytesIO()
    image.save(out, form, exif=exif, **saved) if form == "JPEG" else image.save(out, form, **saved)
    return out.getvalue()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def document() -> bytes:
    return archive(**{"[Content_Types].xml": b"<Types/>", "word__document.xml": b"<document/>"})


async def send(running: Running, person: WebPerson, content: bytes, name: str = "tep") -> httpx.Response:
    person._sent += 1
    return await running.client.post(
        "/chat/files", params={"id": f"file-{person._sent:06d}"}, content=content,
        headers={"x-chat-token": person.token, "x-file-name": name},
    )  # fmt: skip


async def at_files(person: WebPerson) -> None:
    await says_all(person, *CONSENT, *WHO, NEED)


async def test_a_photo_comes_along_without_its_position(make_settings: MakeSettings, understander) -> None:
    settings = make_settings()
    async with running_service(settings, understander) as running:
        person = WebPerson(running)
        await at_files(person)
        sent = picture(position=True)
        assert b"Camera of Ba" in sent
        assert (await send(running, person, sent, "nh%C3%A3n.jpg")).status_code == 202
        assert (await person.replies())[-1]["body"] == say("file.kept", count=1, limit=COUNT_LIMIT)
        assert (await send(running, person, b"%PDF-1.7\n%...", "don.pdf")).status_code == 202
        await person.replies()
        review = await person.says("xong")
        assert say("form.files_count", count=2) in review[-1]["body"]
        await person.says("gửi")
        [row] = await all_requests(running.database)
        photo, pdf = await files_of(running.database)
        assert (photo.request_id, pdf.request_id) == (row.id, row.id)
        assert (photo.kind, photo.name, photo.is_reencoded) == ("photo", "nhãn.jpg", True)
        assert (pdf.kind, pdf.media_type) == ("document", "application/pdf")
        for path in (blob_path, thumbnail_path):
            kept = path(settings.files_dir, photo.content_hash).read_bytes()
            assert b"Camera of Ba" not in kept
            assert not Image.open(io.BytesIO(kept)).getexif()
        assert not thumbnail_path(settings.files_dir, pdf.content_hash).exists()
        assert list((settings.files_dir / "incoming").iterdir()) == []


def _files_under(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["JPEG", "GIF", "PNG"])
async def test_every_picture_gets_a_small_one_and_keeps_no_comment(tmp_path: Path, form: str) -> None:
    noise = Image.effect_noise((1200, 800), 90).convert("RGBA")
    noise.putalpha(0)  # seen through, it is white rather than what lies behind
    out, text = io.BytesIO(), PngInfo()
    text.add_text("Comment", "0912345678")
    if form == "PNG":
        noise.save(out, form, pnginfo=text, compress_level=1)
    else:
        noise.convert("RGB").save(out, form, comment=b"0912345678")

    async def chunks() -> AsyncIterator[bytes]:
        yield out.getvalue()

    assert b"0912345678" in out.getvalue()
    sent = await receive(chunks(), tmp_path)
    assert sent.problem == "" and sent.content_hash
    image, small = blob_path(tmp_path, sent.content_hash), thumbnail_path(tmp_path, sent.content_hash)
    assert _files_under(tmp_path) == {image, small}
    assert not any(b"0912345678" in path.read_bytes() for path in (image, small))
    with Image.open(small) as shown:
        assert (shown.format, shown.size, shown.mode) == ("JPEG", (192, 128), "RGB")
        if form == "PNG":
            assert shown.getextrema() == ((255, 255),) * 3
    assert small.stat().st_size < min(20_000, image.stat().st_size / 10)


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (b"\x00" * (SIZE_LIMIT + 1), "phim.jpg", "too_large"),
        (b"MZ\x90\x00" + b"\x00" * 100, "anh.jpg", "wrong_type"),
        (b"", "trong.jpg", "empty"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100, "phim.mp4", "video"),
        (picture()[:400], "hong.jpg", "broken"),
        (archive(**{"a.txt": b"x"}), "goi.zip", "archive"),
        (archive(**{"[Content_Types].xml": b"0" * 300_000_000}), "bom.docx", "archive"),
        (archive(**{"[Content_Types].xml": b"", "word__vbaProject.bin": b""}), "macro.docx", "wrong_type"),
        (b"<html><script>alert(1)</script>", "trang.html", "wrong_type"),
        (b"PK\x03\x04broken", "hong.docx", "broken"),
    ],
)
async def test_a_bad_file_is_refused_with_a_reason_and_the_form_goes_on(
    sqlite_settings, understander, content: bytes, name: str, problem: str
) -> None:
    settings = sqlite_settings()
    async with running_service(settings, understander) as running:
        person = WebPerson(running)
        await says_all(person, "gửi yêu cầu hỗ trợ", "không đồng ý", NEED)
        answer = await send(running, person, content, name)
        assert answer.status_code == 422
        assert answer.json() == {"error": problem, "text": say(f"file.{problem}", limit=10)}
        assert [path for path in settings.files_dir.rglob("*") if path.is_file()] == []
        await says_all(person, "bỏ qua", "gửi")
        assert len(await all_requests(running.database)) == 1


async def test_files_are_kept_only_while_they_are_expected(sqlite_settings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        assert (await send(running, person, picture())).status_code == 401
        await person.says("xin chào")
        answer = await send(running, person, picture())
        assert (answer.status_code, answer.json()["text"]) == (409, say("file.not_now"))
        assert (await running.client.get("/chat/files")).status_code == 405


async def test_ten_files_and_no_more(sqlite_settings, understander, monkeypatch) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        person = WebPerson(running)
        await at_files(person)
        for number in range(COUNT_LIMIT + 1):
            assert (await send(running, person, picture(seed=number))).status_code == 202
            last = await person.replies()
        assert last[-1]["body"] == say("file.too_many", limit=COUNT_LIMIT)
        assert len(await files_of(running.database)) == COUNT_LIMIT


async def test_a_photo_of_a_card_is_warned_about_and_removed_on_one_word(
    make_settings: MakeSettings, understander
) -> None:
    settings = make_settings()
    async with running_service(settings, understander) as running:
        person = WebPerson(running)
        await at_files(person)
        await send(running, person, picture(size=(1012, 638)), "IMG_1.jpg")
        warned = (await person.replies())[-1]
        assert say("file.identity_card") in warned["body"]
        assert (await person.says("xoá ảnh"))[-1]["body"] == say("file.removed", count=0)
        [row] = await files_of(running.database)
        assert row.removed_at is not None
        assert row.name is None


async def test_files_sent_later_reach_the_request(make_settings: MakeSettings, understander) -> None:
    async with running_service(make_settings(), understander) as running:
        person = WebPerson(running)
        code = await file(person)
        assert (await send(running, person, document(), "bao-cao.docx")).status_code == 202
        assert (await person.replies())[-1]["body"] == say("request.files_added", count=1, code=code)
        [row] = await files_of(running.database)
        assert row.request_id is not None
        assert row.message_id is not None


async def test_the_private_link_opens_the_conversation_on_another_device(
    make_settings: MakeSettings, understander
) -> None:
    async with running_service(make_settings(), understander) as running:
        person, other = WebPerson(running), WebPerson(running)
        code = await file(person)

        async def ask(who: WebPerson, wanted: str) -> httpx.Response:
            headers = {"x-chat-token": who.token}
            return await running.client.post("/chat/links", json={"code": wanted}, headers=headers)

        assert (await ask(other, code)).status_code == 401
        await other.says("xin chào")
        assert (await ask(other, code)).status_code == 404
        link = (await ask(person, code)).json()["link"]
        _, _, token = link.partition("#")
        device = WebPerson(running)
        device.token = token
        assert code in str(await device.replies())
        assert "mắm ruốc" in str(await device.says(code))
        device.token = token[:-1] + ("A" if token[-1] != "A" else "B")
        headers = {"x-chat-token": device.token}
        assert (await running.client.get("/chat/messages", headers=headers)).status_code == 401


async def test_content_that_no_row_took_is_swept_after_a_day(sqlite_settings, understander) -> None:
    settings = sqlite_settings()
    async with running_service(settings, understander) as running:
        person = WebPerson(running)
        await at_files(person)
        await send(running, person, picture(seed=1))
        await person.replies()

        async def chunks() -> AsyncIterator[bytes]:
            yield picture(seed=2)

        lost = await receive(chunks(), settings.files_dir)
        [kept] = await files_of(running.database)
        assert await sweep_orphans(running.database, settings.files_dir) == 0
        long_ago = time.time() - 2 * 86400
        for content_hash in (lost.content_hash, kept.content_hash):
            for path in (blob_path, thumbnail_path):
                os.utime(path(settings.files_dir, content_hash), (long_ago, long_ago))
        assert await sweep_orphans(running.database, settings.files_dir) == 2  # the picture and its small one
        for path in (blob_path, thumbnail_path):
            assert not path(settings.files_dir, lost.content_hash).exists()
            assert path(settings.files_dir, kept.content_hash).exists()
        assert await running.database.read(lambda c: request_files.is_known(c, kept.content_hash))


@pytest.mark.parametrize(
    ("content", "kind", "media_type"),
    [
        (b"OggS" + b"\x00" * 60, "voice", "audio/ogg"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "voice", "audio/wav"),
        (b"\x00\x00\x00\x18ftypM4A " + b"\x00" * 60, "voice", "audio/mp4"),
        (document(), "document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (picture("PNG"), "photo", "image/*"),
        (picture("WEBP"), "photo", "image/*"),
    ],
)
def test_types_are_judged_by_content(tmp_path: Path, content: bytes, kind: str, media_type: str) -> None:
    path = tmp_path / "x.exe"
    path.write_bytes(content)
    judged = judge(path, "x.exe")
    assert (judged.kind, judged.media_type) == (kind, media_type)


def test_a_card_on_a_table_is_found_and_a_field_is_not() -> None:
    table = Image.new("RGB", (1200, 900), (120, 80, 50))
    ImageDraw.Draw(table).rectangle((200, 250, 200 + 856, 250 + 540), fill=(205, 225, 230))
    assert looks_like_a_card(table)
    assert not looks_like_a_card(Image.open(io.BytesIO(picture())))
