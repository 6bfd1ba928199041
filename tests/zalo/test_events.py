"""Every event of sections 9.4 to 9.8 as plain data; anything else is a known error."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.base import Envelope, Signal, SignalKind
from bot.channels.zalo_events import ZaloAccount, is_ours, parse_event
from bot.errors import Unreadable
from db.queries.zalo import pseudonym
from handlers.messages import MessageKind, SharedContact
from tests.fakes.zalo import FakeZalo
from tests.fakes.zalo_people import ZaloUser
from tests.fakes.zalo_webhook import as_bytes

ACCOUNT = ZaloAccount("4100200300400500600", "3300440055006600770", dt.timedelta(hours=4))
NOW = dt.datetime(2026, 11, 22, 8, 0, tzinfo=dt.UTC)


@pytest.fixture
def user() -> ZaloUser:
    server = FakeZalo()
    server.url = "https://cdn.example"
    return server.person()


def parse(event: dict[str, Any]) -> Envelope | Signal | None:
    return parse_event(as_bytes(event), ACCOUNT, now=NOW)


def envelope(event: dict[str, Any]) -> Envelope:
    found = parse(event)
    assert isinstance(found, Envelope)
    return found


def signal(event: dict[str, Any]) -> Signal:
    found = parse(event)
    assert isinstance(found, Signal)
    return found


def test_a_text(user: ZaloUser) -> None:
    event = user.text_event("Hồ sơ của tôi tới đâu rồi?", at=1793600000000)
    found = envelope(event)
    assert found.external_id == f"user_send_text:{event['message']['msg_id']}"
    assert found.conversation == user.user_id
    assert found.message.kind is MessageKind.TEXT and found.message.text == "Hồ sơ của tôi tới đâu rồi?"
    assert found.occurred_at == dt.datetime.fromtimestamp(1793600000, dt.UTC)
    assert found.interaction


KINDS = {
    "photo": (MessageKind.PHOTO, 1), "gif": (MessageKind.PHOTO, 1), "album": (MessageKind.PHOTO, 10),
    "link": (MessageKind.OTHER, 0), "voice": (MessageKind.VOICE, 1), "video": (MessageKind.VIDEO, 1),
    "sticker": (MessageKind.STICKER, 0), "location": (MessageKind.LOCATION, 0), "file": (MessageKind.FILE, 1),
    "contact": (MessageKind.CONTACT, 0), "future": (MessageKind.OTHER, 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_text(kind: str, user: ZaloUser) -> None:
    found = envelope(user.media_event(kind))
    expected, files = KINDS[kind]
    assert (found.message.kind, len(found.files)) == (expected, files)
    assert found.message.text == ""
    assert found.interaction


def test_a_link_with_words_is_a_text(user: ZaloUser) -> None:
    assert envelope(user.media_event("link", "xem giúp https://example.vn/tin")).message.kind is MessageKind.TEXT
    assert envelope(user.media_event("link", "https://example.vn/tin")).message.kind is MessageKind.OTHER


def test_the_name_of_a_file_is_kept_with_it(user: ZaloUser) -> None:
    assert envelope(user.media_event("file")).files[0].name == "don-de-nghi.pdf"


@pytest.mark.parametrize(
    ("text", "kind", "content"),
    [
        ("#m", MessageKind.TAP, "m"), ("#q:nhan-hieu:ho-so", MessageKind.TAP, "q:nhan-hieu:ho-so"),
        (" #u:a1b2c3 ", MessageKind.TAP, "u:a1b2c3"), ('{"content": "#m"}', MessageKind.TAP, "m"),
        ("#menu", MessageKind.TEXT, "menu"), ("#1 là gì", MessageKind.TEXT, "1 là gì"), ("#", MessageKind.TEXT, "#"),
        ('{"content": 5}', MessageKind.TEXT, '{"content": 5}'), ("{", MessageKind.TEXT, "{"),
        ("", MessageKind.OTHER, ""), ("a\x00b", MessageKind.TEXT, "ab"),
    ],
)  # fmt: skip
def test_taps_arrive_as_text(text: str, kind: MessageKind, content: str, user: ZaloUser) -> None:
    message = envelope(user.text_event(text)).message
    assert message.kind is kind
    assert (message.data or message.text) == content


def test_following_and_leaving(user: ZaloUser) -> None:
    assert signal(user.follow_event()).kind is SignalKind.INTERACTED
    assert signal(user.follow_event(follows=False)).kind is SignalKind.LEFT


def test_the_message_button_of_the_profile_is_a_start(user: ZaloUser) -> None:
    found = envelope(user.profile_event("user_click_chatnow"))
    assert found.message.kind is MessageKind.START and found.interaction


def test_an_officer_takes_over_and_our_own_echo_does_not(user: ZaloUser) -> None:
    found = signal(user.echo_event({"text": "Cán bộ sẽ gọi lại"}, "m1", admin_id="66"))
    assert found.kind is SignalKind.TAKEN_OVER and found.conversation == user.user_id
    assert found.until == found.occurred_at + dt.timedelta(hours=4)
    assert parse(user.echo_event({"text": "máy trả lời"}, "m2")) is None


@pytest.mark.parametrize("from_oa", [True, False])
@pytest.mark.parametrize("seen", [True, False])
def test_receipts_name_the_person_in_either_place(from_oa: bool, seen: bool, user: ZaloUser) -> None:
    user.server.receipts_from_oa = from_oa
    found = signal(user.receipt_event("m1", seen=seen))
    assert found.conversation == user.user_id and found.message_ids == ("m1",)
    assert found.kind is (SignalKind.SEEN if seen else SignalKind.DELIVERED)


@pytest.mark.parametrize("old_form", [True, False])
def test_shared_contact_data_in_both_forms(old_form: bool, user: ZaloUser) -> None:
    found = envelope(user.info_event(old_form=old_form))
    assert found.message.kind is MessageKind.CONTACT and found.message.text == ""
    assert found.shared == SharedContact("Trần Văn Mẫu", "84901234567", "Phường Mẫu, Tỉnh Mẫu")


def test_a_withdrawal_names_nobody_in_its_key(user: ZaloUser) -> None:
    found = signal(user.profile_event("user_withdraw"))
    assert found.kind is SignalKind.WITHDRAWN
    assert user.user_id not in found.external_id and user.user_id not in pseudonym("oa", user.user_id)


QUIET = [
    "user_reacted_message", "oa_reacted_message", "add_user_to_tag", "remove_user_from_tag", "remove_tag",
    "update_user_info", "anonymous_send_text", "oa_send_anonymous_text", "widget_interaction_accepted",
    "oa_send_consent", "user_reply_consent", "user_call_oa", "oa_call_user", "user_send_group_text",
    "oa_send_group_text", "create_group", "user_join_group", "shop_has_order", "extension_purchased",
    "change_template_status", "change_oa_daily_quota", "user_feedback", "event_journey_time_out", "not_yet_invented",
]  # fmt: skip


@pytest.mark.parametrize("name", QUIET)
def test_the_rest_is_accepted_quietly(name: str, user: ZaloUser) -> None:
    assert parse(user.event(name, {"msg_id": "m1", "text": "x"})) is None
    assert parse({"event_name": name}) is None


def test_only_our_application_and_account(user: ZaloUser) -> None:
    assert is_ours(user.text_event("x"), ACCOUNT)
    assert is_ours(user.follow_event(), ACCOUNT)
    assert is_ours({"event_name": "remove_tag"}, ACCOUNT)
    assert not is_ours({**user.text_event("x"), "app_id": "1"}, ACCOUNT)
    assert not is_ours({**user.text_event("x"), "recipient": {"id": "1"}}, ACCOUNT)
    assert not is_ours({**user.follow_event(), "oa_id": "1"}, ACCOUNT)


def test_numbers_as_numbers_and_missing_ids(user: ZaloUser) -> None:
    event = user.text_event("x", at=1793600000000)
    event["timestamp"] = 1793600000000
    event["sender"] = {"id": int(user.user_id)}
    found = envelope(event)
    assert found.conversation == str(int(user.user_id)) and found.occurred_at is not None
    del event["message"]["msg_id"]
    assert envelope(event).external_id == envelope(event).external_id
    other = {**event, "timestamp": 1793600000001}
    assert envelope(event).external_id != envelope(other).external_id
    assert envelope({**event, "timestamp": "soon"}).occurred_at == NOW
    assert envelope({**event, "timestamp": "9" * 30}).occurred_at == NOW


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"null", b'{"event_name": 5}', b"\xff", b"[" * 100_000])
def test_nonsense_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_event(raw, ACCOUNT, now=NOW)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
NAMES = ["user_send_text", "user_send_image", "user_send_link", "user_submit_info", "follow", "user_seen_message",
         "oa_send_text", "user_withdraw", "user_click_chatnow", "user_send_x", "whatever"]  # fmt: skip
FIELDS = ["app_id", "oa_id", "sender", "recipient", "message", "timestamp", "info", "follower", "user_id"]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(FIELDS), ANYTHING), ANYTHING)
def test_any_event_gives_a_message_or_a_known_error(name: str, body: dict[str, Any], inner: Any) -> None:
    for changed in (body, body | {"sender": {"id": "1", "admin_id": "2"}, "message": inner, "recipient": {"id": "3"}}):
        raw = json.dumps({**changed, "event_name": name}).encode()
        try:
            found = parse_event(raw, ACCOUNT, now=NOW)
        except Unreadable:
            continue
        if isinstance(found, Envelope):
            assert len(found.external_id) <= 160 and found.conversation
            assert "\x00" not in found.message.text
            found.message.text.encode()  # no half surrogates
