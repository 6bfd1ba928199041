"""The fake against the reference: what the rest of the suite stands on is itself held to sections 3 to 11 and 13."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from db.models import InboxMessage, OutboxMessage
from tests.conftest import MakeSettings
from tests.fakes.zalo import FakeZalo
from tests.fakes.zalo_bot import FakeZaloBot
from tests.zalo.conftest import fake_zalo, says, zalo_world
from tests.zalo.test_events import QUIET

OAUTH = "/v4/oa/access_token"
DATA = {"customer_name": "Trần Văn Mẫu", "code": "HS-2026-000123", "status": "Đã tiếp nhận"}


class Caller:
    """An API client as the reference describes one; nothing of the bot's."""

    def __init__(self, fake: FakeZalo, client: httpx.AsyncClient) -> None:
        self.fake, self.client = fake, client
        self.pair = fake.new_pair()

    async def post(self, path: str, body: Any, **headers: str) -> Any:
        given = {"access_token": self.pair["access_token"], **headers}
        return (await self.client.post(self.fake.url + path, json=body, headers=given)).json()

    async def get(self, path: str, **parameters: Any) -> Any:
        headers = {"access_token": self.pair["access_token"]}
        return (await self.client.get(self.fake.url + path, params=parameters, headers=headers)).json()

    async def token(self, **form: str) -> httpx.Response:
        given = {"app_id": self.fake.app_id, **form}
        return await self.client.post(self.fake.url + OAUTH, data=given, headers={"secret_key": self.fake.app_secret})

    async def text(self, user_id: str, text: str = "Xin chào") -> Any:
        return await self.post("/v3.0/oa/message/cs", {"recipient": {"user_id": user_id}, "message": {"text": text}})


@pytest.fixture
async def caller() -> Any:
    async with fake_zalo() as fake, httpx.AsyncClient() as client:
        yield Caller(fake, client)


@pytest.mark.parametrize("status", [200, 400])
async def test_tokens_are_used_once_and_die_with_age(caller: Caller, status: int) -> None:
    fake, first = caller.fake, caller.pair
    fake.token_error_status = status
    refreshed = (await caller.token(grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
    assert set(refreshed) == {"access_token", "refresh_token", "expires_in"} and refreshed["expires_in"] == "90000"
    again = await caller.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.status_code == status and "error_name" in again.json() and "message" not in again.json()
    assert (await caller.get("/v2.0/oa/getoa"))["error"] == -216  # the old access token died with the pair
    caller.pair = refreshed
    assert (await caller.get("/v2.0/oa/getoa"))["error"] == 0
    fake.travel(25.1)
    assert (await caller.get("/v2.0/oa/getoa"))["error"] == -220
    fake.travel(24 * 91)
    late = await caller.token(grant_type="refresh_token", refresh_token=refreshed["refresh_token"])
    assert "error_name" in late.json()
    wrong = await caller.client.post(fake.url + OAUTH, data={"app_id": fake.app_id}, headers={"secret_key": "guessed"})
    assert wrong.json()["error"] == -14002


async def test_a_code_works_once_within_ten_minutes_at_the_saved_callback(caller: Caller) -> None:
    fake = caller.fake
    fake.pkce_required, fake.callback = False, "https://hotro.example.vn/zalo/callback"

    async def consent(callback: str) -> httpx.Response:
        query = {"app_id": fake.app_id, "redirect_uri": callback}
        return await caller.client.get(f"{fake.url}/v4/oa/permission", params=query)

    assert (await consent("https://elsewhere.example/")).json()["error"] == -14003
    for hours, good in ((0.1, True), (0.2, False)):
        code = httpx.URL((await consent(fake.callback)).headers["location"]).params["code"]
        fake.travel(hours)
        answer = (await caller.token(grant_type="authorization_code", code=code)).json()
        assert ("access_token" in answer) == good
        used = (await caller.token(grant_type="authorization_code", code=code)).json()
        assert "access_token" not in used


async def test_windows_quota_and_refusals_by_number(caller: Caller) -> None:
    fake, person = caller.fake, caller.fake.person()
    assert (await caller.text(person.user_id))["error"] == -232  # never wrote
    assert (await caller.text("7700000000000000000"))["error"] == -213
    fake.unknown_user_code = -232
    assert (await caller.text("7700000000000000000"))["error"] == -232
    person.text_event("chào")
    sent = await caller.text(person.user_id)
    assert sent["data"]["quota"]["quota_type"] == "reply" and sent["data"]["user_id"] == person.user_id
    fake.travel(49)
    caller.pair = fake.new_pair()
    fake.package_left = 1
    assert (await caller.text(person.user_id))["data"]["quota"]["quota_type"] == "sub_quota"
    assert "quota" not in (await caller.text(person.user_id))["data"]  # billed
    fake.travel(24 * 6)
    caller.pair = fake.new_pair()
    assert (await caller.text(person.user_id))["error"] == -230
    person.text_event("lại đây")
    assert (await caller.text(person.user_id, "x" * 2001))["error"] == -201
    fake.too_long_code = -210
    assert (await caller.text(person.user_id, "x" * 2001))["error"] == -210
    body = {"recipient": {"user_id": person.user_id}, "message": {"text": "a"}}
    assert (await caller.post("/v2.0/oa/message", body))["error"] == -240
    reaction = {"recipient": {"user_id": person.user_id},
                "sender_action": {"react_icon": "/-strong", "react_message_id": "m1"}}  # fmt: skip
    assert (await caller.post("/v2.0/oa/message", reaction))["error"] == 0
    bare = await caller.client.post(f"{fake.url}/v3.0/oa/message", json=body)
    assert bare.status_code == 404


@pytest.mark.parametrize(("accepted", "error"), [(False, -233), (True, 0)])
async def test_buttons_and_lists_are_a_doubt(caller: Caller, accepted: bool, error: int) -> None:
    fake, person = caller.fake, caller.fake.person()
    fake.buttons_accepted = fake.lists_accepted = accepted
    person.text_event("chào")
    button = {"title": "Trang", "type": "oa.open.url", "payload": {"url": "https://a.example"}}
    elements = [{"title": "Hồ sơ", "subtitle": "Mẫu", "buttons": [button]}]
    for payload in ({"buttons": [button]}, {"template_type": "list", "elements": elements}):
        message = {"text": "Chọn", "attachment": {"type": "template", "payload": payload}}
        body = {"recipient": {"user_id": person.user_id}, "message": message}
        assert (await caller.post("/v3.0/oa/message/cs", body))["error"] == error
    broken = [{**elements[0], "subtitle": ""}]
    payload = {"template_type": "list", "elements": broken}
    message = {"text": "Chọn", "attachment": {"type": "template", "payload": payload}}
    body = {"recipient": {"user_id": person.user_id}, "message": message}
    assert (await caller.post("/v3.0/oa/message/cs", body))["error"] == (-201 if accepted else -233)


async def test_rate_limit_uploads_and_account(caller: Caller) -> None:
    fake = caller.fake
    for spelling in ("oaid", "oa_id"):
        fake.oa_id_field = spelling
        assert (await caller.get("/v2.0/oa/getoa"))["data"][spelling] == fake.oa_id
    fake.uploads_a_month = 1
    headers = {"access_token": caller.pair["access_token"]}

    async def upload(content: bytes) -> int:
        files = {"file": ("a.png", content, "image/png")}
        answer = await caller.client.post(f"{fake.url}/v2.0/oa/upload/image", files=files, headers=headers)
        return int(answer.json()["error"])

    assert [await upload(b"no picture"), await upload(b"\x89PNG" + b"0" * 10**6)] == [-201, -210]
    assert [await upload(b"\x89PNG"), await upload(b"\x89PNG")] == [0, -211]
    fake.calls_a_minute = 5
    late = await caller.client.get(f"{fake.url}/v2.0/oa/getoa", headers=headers)
    assert late.json()["error"] == -32
    assert (late.headers["X-RateLimit-Limit"], late.headers["X-RateLimit-Remain"]) == ("5", "0")


async def test_templates_by_phone_and_by_person(caller: Caller) -> None:
    fake, person = caller.fake, caller.fake.person()

    async def send(**changes: Any) -> int:
        body = {"phone": "84901234567", "template_id": "512340", "tracking_id": "hs-1", "template_data": DATA}
        return int((await caller.post("/message/template", {**body, **changes}))["error"])

    assert await send() == 0
    assert [await send(phone=phone) for phone in ("+84901234567", "0901234567", person.user_id)] == [0, -108, -108]
    assert await send(template_id="1") == -109
    assert await send(template_data={}) == -111
    assert await send(template_data={**DATA, "code": 5}) == -112
    assert await send(template_data={**DATA, "code": "x" * 31}) == -1121
    assert await send(template_data={"code": "1"}) == -1122
    assert await send(tracking_id="x" * 49) == -1124
    assert await send(mode="development") == 0
    assert await send(mode="development", phone="84987654321") == -127
    fake.phones["84987654321"] = "no_account"
    assert await send(phone="84987654321") == -118
    by_user = {"user_id": person.user_id, "template_id": "512340", "template_data": DATA}
    assert (await caller.post("/v3.0/oa/message/template", by_user))["data"]["quota"]["quota_type"] == "purchase_quota"
    fake.templates["512340"].by_user = False
    assert (await caller.post("/v3.0/oa/message/template", by_user))["error"] == -249
    fake.night = True
    assert await send() == -133
    fake.night, fake.daily_quota = False, 0
    assert await send() == -144
    fake.daily_quota, fake.balance = 9, 10
    assert await send() == -115
    caller.pair = {"access_token": "guessed"}
    assert await send() == -124
    assert (await caller.post("/v3.0/oa/message/template", by_user))["error"] == -216


async def test_template_life_and_the_status_of_a_message(caller: Caller) -> None:
    fake = caller.fake
    sent = (await caller.post("/message/template", {"phone": "84901234567", "template_id": "512340",
                                                    "tracking_id": "hs-1", "template_data": DATA}))["data"]  # fmt: skip
    assert sent["sending_mode"] == "1" and sent["quota"]["remainingQuota"] == "4999"

    async def status() -> int:
        return int((await caller.get("/message/status", message_id=sent["msg_id"]))["data"]["status"])

    assert await status() == 0
    event = fake.delivery_event(fake.template_messages[0])
    assert event["recipient"]["id"] == "84901234567" and event["message"]["tracking_id"] == "hs-1"
    assert await status() == 1
    created = await caller.post(
        "/template/create", {"template_name": "Nhắc bổ sung hồ sơ", "params": [{"name": "code"}]}
    )
    template_id = created["data"]["template_id"]
    listed = (await caller.get("/template/all", offset=0, limit=100))["data"]
    assert {one["templateId"]: one["status"] for one in listed}[template_id] == "PENDING_REVIEW"
    body = {"phone": "84901234567", "template_id": template_id, "tracking_id": "t", "template_data": {"code": "1"}}
    assert (await caller.post("/message/template", body))["error"] == -131
    fake.review_event(template_id, "ENABLE")
    assert (await caller.post("/message/template", body))["error"] == 0
    info = (await caller.get("/template/info/v2", template_id=template_id))["data"]
    assert info["listParams"][0]["maxLength"] == 30
    fake.review_event(template_id, "DISABLE")
    assert (await caller.post("/message/template", body))["error"] == -146


async def test_saving_the_webhook_probes_it_and_failures_end_the_subscription(sqlite_settings, understander) -> None:
    async with zalo_world(sqlite_settings, understander) as z:
        url = z.fake.webhook_url
        assert await z.fake.save_webhook(url)
        assert not await z.fake.save_webhook(f"{z.running.url}/nowhere")
        person = z.fake.person()
        assert await person.says("menu") == 0  # switched off until somebody saves it again
        assert await z.fake.save_webhook(url)
        z.fake.switched_off.add("user_send_sticker")
        assert await person.sends("sticker") == 0
        z.fake.receipts = True
        await says(z, person, "menu")
        await z.until(lambda: seen(z))
        z.fake.webhook_url, z.fake.retry_scale = "http://127.0.0.1:9/away", 0.0
        await person.says("menu")
        await z.until(lambda: not z.fake.subscribed)
        assert len([1 for _, status, _ in z.fake.webhook_answers if status == 0]) == 6  # once, and five retries


async def seen(z: Any) -> bool:
    rows = await z.rows(OutboxMessage)
    return bool(rows) and all(row.seen_at and row.delivered_at for row in rows)


@pytest.mark.parametrize("receipts_from_oa", [True, False])
async def test_every_other_event_is_taken_quietly(
    receipts_from_oa: bool, make_settings: MakeSettings, understander
) -> None:
    async with zalo_world(make_settings, understander, doubts={"receipts_from_oa": receipts_from_oa}) as z:
        person = z.fake.person()
        for name in QUIET:
            assert await z.fake.deliver(person.other_event(name), retries=False) == 200, name
        sent = z.fake._under_way("84901234567", "hs-1", DATA)
        assert await z.fake.arrives(sent) == 200
        assert await z.fake.reviews("512340", "DISABLE", "Nhiều phản ánh") == 200
        await z.settled()
        assert person.messages == []
        assert "84901234567" not in json.dumps([str(row) for row in await z.rows(InboxMessage)])


async def test_the_methods_of_the_bot_platform() -> None:
    fake = FakeZaloBot()
    await fake.start()
    try:
        person = fake.person()
        async with httpx.AsyncClient(base_url=f"{fake.url}/bot{fake.token}") as client:

            async def call(method: str, **body: Any) -> tuple[int, bool]:
                answer = await client.post(f"/{method}", json=body)
                return answer.status_code, bool(answer.json()["ok"])

            chat = {"chat_id": person.chat_id}
            assert await call("getMe") == (200, True)
            assert await call("getWebhookInfo") == (404, False)
            assert await call("sendMessage", **chat, text="Xin chào") == (200, True)
            assert await call("sendMessage", **chat, text="x" * 2001) == (400, False)
            assert await call("sendPhoto", **chat, photo="https://a.example/a.png", caption="Mẫu") == (200, True)
            assert await call("sendPhoto", **chat, photo="https://a.example/a.png", caption="x" * 2001) == (400, False)
            assert await call("sendSticker", **chat, sticker="40123") == (200, True)
            assert await call("sendVoice", **chat, voice_url="https://a.example/a.aac") == (200, True)
            assert await call("sendVoice", **chat, voice_url="https://a.example/a.mp3") == (400, False)
            assert await call("sendChatAction", **chat, action="typing") == (200, True)
            assert await call("sendChatAction", **chat, action="dancing") == (400, False)
            fake.poll_s = 0.05
            assert await call("getUpdates", timeout="1") == (408, False)
            assert await call("setWebhook", url="http://a.example", secret_token="x" * 8) == (400, False)
            assert await call("setWebhook", url="https://a.example", secret_token="x" * 8) == (200, True)
            assert await call("getUpdates", timeout=1) == (400, False)
            assert await call("getWebhookInfo") == (200, True)
            assert await call("deleteWebhook") == (200, True)
            assert await call("editMessage", **chat) == (404, False)
            wrong = await client.post(f"{fake.url}/bot999:guessed/getMe", json={})
            assert wrong.json()["error_code"] == 401
    finally:
        await fake.stop()
