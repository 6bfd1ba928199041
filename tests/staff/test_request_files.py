"""The files of a request in the console: downloads, pictures made anew by us, small ones, and who may see them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection

from db.models import DataRight, StaffRole
from desk import files
from desk.files import blob_path, thumbnail_path
from desk.settings import load_desk
from tests.conftest import MakeSettings
from tests.harness import Running, running_service
from tests.staff.administering import ask_about_data
from tests.staff.casework import add_unit, file_request, now, request_row
from tests.staff.driver import Browser, text_of

QUEUE = "/staff/yeu-cau"


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def _attach(running: Running, code: str, content: bytes, **values: Any) -> int:
    """A file that came with a request, on disk and in its row."""
    digest = hashlib.sha256(content).hexdigest()
    path = blob_path(running.service.settings.files_dir, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    new = files.NewFile(digest, values.pop("kind", "document"), size=len(content), **values)
    return await _add(running, code, new)


async def _add(running: Running, code: str, new: files.NewFile) -> int:
    row = await request_row(running.database, code)

    def write(connection: Connection) -> int:
        return files.add(connection, load_desk(connection, department_id=1), new, now=now(), request_id=row.id)

    return await running.database.write(write)


async def test_files_are_downloads(running: Running) -> None:
    page_of_html = b"<script>alert(1)</script>"
    async with Browser(running) as lan:
        await lan.join(role=StaffRole.OFFICER)
        code, other = await file_request(running.database), await file_request(running.database)
        bad = await _attach(running, code, page_of_html, media_type="text/html", name='../"giấy\\tờ".html')
        raw = await _attach(running, code, b"\xff\xd8raw", media_type="image/jpeg", kind="photo", name="goc.jpg")
        ours = await _attach(running, code, b"\xff\xd8ours", media_type="image/jpeg", kind="photo", is_reencoded=True)
        page = await lan.get(f"{QUEUE}/{code}")
        assert f'<img src="{QUEUE}/{code}/tep/{ours}/nho"' in page.text
        assert f'<img src="{QUEUE}/{code}/tep/{raw}/' not in page.text  # as it came, with whatever is hidden in it

        for file_id, content in ((bad, page_of_html), (raw, b"\xff\xd8raw")):
            answer = await lan.get(f"{QUEUE}/{code}/tep/{file_id}")
            assert answer.status_code == 200
            assert answer.content == content
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert answer.headers["cache-control"] == "no-store"
        assert ".." not in (await lan.get(f"{QUEUE}/{code}/tep/{bad}")).headers["content-disposition"]
        answer = await lan.get(f"{QUEUE}/{code}/tep/{ours}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"].startswith("inline")

        assert (await lan.get(f"{QUEUE}/{other}/tep/{ours}")).status_code == 404  # of another request
        for missing in ("999", str(10**12), "0"):
            assert (await lan.get(f"{QUEUE}/{code}/tep/{missing}")).status_code == 404
        await running.database.write(lambda c: files.remove(c, file_id=ours, now=now()))
        assert (await lan.get(f"{QUEUE}/{code}/tep/{ours}")).status_code == 404
        assert f"tep/{ours}" not in (await lan.get(f"{QUEUE}/{code}")).text
        digest = hashlib.sha256(page_of_html).hexdigest()
        blob_path(running.service.settings.files_dir, digest).unlink()
        assert (await lan.get(f"{QUEUE}/{code}/tep/{bad}")).status_code == 404
    async with Browser(running) as nobody:
        assert (await nobody.get(f"{QUEUE}/{code}/tep/{raw}")).status_code == 303


async def test_the_page_shows_small_pictures(running: Running) -> None:
    """With the rights and the headers of the pictures themselves; only of what may be shown at all."""
    async with Browser(running) as lan, Browser(running) as dung, Browser(running) as nobody:
        await lan.join(role=StaffRole.OFFICER)
        await dung.join(login="dung", role=StaffRole.OFFICER)
        unit = await add_unit(running.database, "Phòng SHTT", "lan")
        code, other = await file_request(running.database, unit_id=unit), await file_request(running.database)
        kinds = {"media_type": "image/png", "kind": "photo", "name": "nhãn.png"}
        ours = await _attach(running, code, b"ours" * 999, is_reencoded=True, **kinds)
        older = await _attach(running, code, b"older", is_reencoded=True, **kinds)
        raw = await _attach(running, code, b"raw", **kinds)
        digest = hashlib.sha256(b"ours" * 999).hexdigest()
        thumbnail_path(running.service.settings.files_dir, digest).write_bytes(b"small")
        path = f"{QUEUE}/{code}/tep"
        small, full = await lan.get(f"{path}/{ours}/nho"), await lan.get(f"{path}/{ours}")
        assert (small.content, small.headers["content-type"]) == (b"small", "image/jpeg")
        assert full.content == b"ours" * 999
        for header in ("x-content-type-options", "content-security-policy", "cache-control"):
            assert small.headers[header] == full.headers[header], header
        assert small.headers["content-disposition"].startswith("inline")
        whole = await lan.get(f"{path}/{older}/nho")  # kept before there were small ones
        assert (whole.content, whole.headers["content-type"]) == (b"older", "image/png")
        assert (await lan.get(f"{path}/{raw}/nho")).status_code == 404
        assert (await lan.get(f"{QUEUE}/{other}/tep/{ours}/nho")).status_code == 404  # of another request
        assert (await dung.get(f"{path}/{ours}/nho")).status_code == 404  # of another unit
        assert (await nobody.get(f"{path}/{ours}/nho")).status_code == 303
        await running.database.write(lambda c: files.remove(c, file_id=ours, now=now()))
        assert (await lan.get(f"{path}/{ours}/nho")).status_code == 404


async def test_sizes_are_written_as_people_here_do(running: Running) -> None:
    async with Browser(running) as lan:
        await lan.join()
        code = await file_request(running.database)
        await _add(running, code, files.NewFile("a" * 64, "document", "application/pdf", 1_138_000, name="don.pdf"))
        row = await request_row(running.database, code)
        task = await ask_about_data(running.database, DataRight.VIEW, conversation_id=row.conversation_id)
        assert "don.pdf 1,1 MB" in text_of(await lan.get(f"{QUEUE}/{code}"))
        assert "don.pdf, 1,1 MB" in text_of(await lan.get(f"/staff/du-lieu/{task}"))
