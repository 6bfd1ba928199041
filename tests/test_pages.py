"""The public pages over plain HTTP: who may frame them, what a browser may keep."""

from __future__ import annotations

import re

from tests.conftest import MakeSettings
from tests.harness import running_service


async def test_only_the_widget_may_be_framed_and_only_where_allowed(
    sqlite_settings: MakeSettings, understander
) -> None:
    async with running_service(sqlite_settings(widget_origins=("https://so.example.vn",)), understander) as running:
        allowed = {}
        for path in ("/", "/widget", "/rieng-tu", "/staff/", "/khong-co"):
            answer = await running.client.get(path)
            allowed[path] = answer.headers["content-security-policy"].partition("frame-ancestors ")[2]
            assert ("x-frame-options" in answer.headers) == (path != "/widget")
        assert allowed.pop("/widget") == "https://so.example.vn"
        assert set(allowed.values()) == {"'none'"}
    async with running_service(sqlite_settings(), understander) as running:
        answer = await running.client.get("/widget")
        assert answer.headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert answer.headers["x-frame-options"] == "DENY"


async def test_pages_are_asked_for_again_and_their_files_never(sqlite_settings: MakeSettings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        page = await running.client.get("/")
        assert page.headers["cache-control"] == "no-cache"
        files = set(re.findall(r"(/static/[0-9a-f]{12}/[\w.]+)", page.text))
        assert {path.rpartition("/")[2] for path in files} >= {"chat.css", "chat.js", "store.js", "icons.svg"}
        for path in files:
            answer = await running.client.get(path)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        assert (await running.client.get("/static/000000000000/chat.js")).status_code == 404


async def test_nothing_on_the_pages_is_inline_or_from_elsewhere(sqlite_settings: MakeSettings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        for path in ("/", "/widget", "/rieng-tu"):
            html = (await running.client.get(path)).text
            assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", html) == []
            assert re.findall(r'(?:src|href)="(?!/|#|tel:)[^"]*"', html) == []


async def test_the_department_s_name_cannot_break_out(sqlite_settings: MakeSettings, understander) -> None:
    async with running_service(sqlite_settings(), understander) as running:
        script = await running.client.get("/widget.js")
        assert script.headers["content-type"].startswith("text/javascript")
        assert "S\\u1edf KH\\u0026CN" in script.text
        assert "Sở KH&amp;CN" in (await running.client.get("/")).text
