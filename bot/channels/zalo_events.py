"""Events of the Official Account webhook as plain data. Pure: bytes in, an envelope, a signal or nothing out."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bot.channels.base import Envelope, InboundFile, Signal, SignalKind
from bot.channels.wire import clean_text, identity, load_json, read_code
from bot.errors import Unreadable
from handlers.messages import IncomingMessage, MessageKind, SharedContact

TEXT_LIMIT = 20_000
FILES_LIMIT = 10
URL_LIMIT = 2000
NAME_LIMIT = 200
MESSAGE_ID_LIMIT = 128
MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,100}")
USER_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
WORDS_BESIDE_LINK = re.compile(r"https?://\S+")

_KINDS: dict[str, MessageKind] = {
    "user_send_text": MessageKind.TEXT, "user_send_image": MessageKind.PHOTO, "user_send_gif": MessageKind.PHOTO,
    "user_send_link": MessageKind.OTHER, "user_send_audio": MessageKind.VOICE, "user_send_video": MessageKind.VIDEO,
    "user_send_sticker": MessageKind.STICKER, "user_send_location": MessageKind.LOCATION,
    "user_send_file": MessageKind.FILE, "user_send_business_card": MessageKind.CONTACT,
}  # fmt: skip
_WITH_FILES = {MessageKind.PHOTO, MessageKind.VOICE, MessageKind.VIDEO, MessageKind.FILE}
_STAFF_WROTE = re.compile(r"oa_send_(?!group_|anonymous_|consent)\w+")


@dataclass(frozen=True)
class ZaloAccount:
    """Whose events we take. ``pause``: how long the assistant is silent after an officer wrote in the console."""

    app_id: str
    oa_id: str
    pause: dt.timedelta


def event_key(name: str, *parts: str) -> str:
    """The identity of an event without a message id; people appear in it only as part of a hash."""
    return f"{name[:60]}:{hashlib.sha256('|'.join((name, *parts)).encode()).hexdigest()[:32]}"


def load_event(raw: bytes) -> dict[str, Any]:
    """The event as an object with a name.

    Raises:
        Unreadable: It is neither JSON nor an event.
    """
    try:
        body = load_json(raw)
    except ValueError as error:
        raise Unreadable("not JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("event_name"), str):
        raise Unreadable("not an event")
    return body


def is_ours(body: Mapping[str, Any], account: ZaloAccount) -> bool:
    """Whether application and Official Account are ours, as far as the event names them."""
    app_id = body.get("app_id")
    if app_id is not None and str(app_id) != account.app_id:
        return False
    named = [identity(body.get("oa_id")), _party(body, "sender"), _party(body, "recipient")]
    present = [name for name in named if name]
    return not present or account.oa_id in present


def parse_event(raw: bytes, account: ZaloAccount, *, now: dt.datetime) -> Envelope | Signal | None:
    """One event as plain data; None for what needs nothing from us.

    Raises:
        Unreadable: It cannot be an event of Zalo, or a message without a person.
    """
    body = load_event(raw)
    name: str = body["event_name"]
    at = _time(body.get("timestamp")) or now
    if name.startswith("user_send_") and not name.startswith("user_send_group_"):
        return _message(body, name, at)
    if _STAFF_WROTE.fullmatch(name):
        return _taken_over(body, name, at, account)
    match name:
        case "user_submit_info":
            return _submitted_info(body, at)
        case "user_click_chatnow":
            user = _user(body, "user_id")
            message = IncomingMessage(MessageKind.START, sent_at=at)
            return Envelope(event_key(name, _stamp(body), user), user, message, occurred_at=at, interaction=True)
        case "follow" | "unfollow":
            user = _user(body, "follower")
            kind = SignalKind.INTERACTED if name == "follow" else SignalKind.LEFT
            return Signal(kind, event_key(name, _stamp(body), user), user, at)
        case "user_received_message" | "user_seen_message":
            return _receipt(body, name, at, account)
        case "user_withdraw":
            user = _user(body, "user_id")
            return Signal(SignalKind.WITHDRAWN, event_key(name, _stamp(body), user), user, at)
        case _:
            return None  # reactions, tags, groups, calls, templates and whatever comes new


def _message(body: dict[str, Any], name: str, at: dt.datetime) -> Envelope:
    user = _user(body, "sender")
    content = body.get("message")
    content = content if isinstance(content, dict) else {}
    kind = _KINDS.get(name, MessageKind.OTHER)
    text = clean_text(content.get("text"), TEXT_LIMIT)
    tap = ""
    if kind is MessageKind.OTHER and name == "user_send_link" and WORDS_BESIDE_LINK.sub("", text).strip():
        kind = MessageKind.TEXT  # words with a link beside them
    if kind is MessageKind.TEXT:
        text, tap = _words_or_tap(text)
        kind = MessageKind.TAP if tap else kind if text else MessageKind.OTHER
    elif kind is MessageKind.OTHER or kind is MessageKind.CONTACT:
        text = ""
    message_id = identity(content.get("msg_id"))
    if message_id and MESSAGE_ID.fullmatch(message_id):
        key = f"{name[:50]}:{message_id}"
    else:
        key = event_key(name, message_id or _stamp(body), user)
    return Envelope(
        key, user, IncomingMessage(kind, text=text, data=tap, sent_at=at), occurred_at=at, interaction=True,
        files=_files(kind, content),
    )  # fmt: skip


def _words_or_tap(text: str) -> tuple[str, str]:
    """A tap arrives as text that anybody could have typed, so it is read like any other input."""
    if text.startswith("{"):
        try:
            decoded = orjson.loads(text)
        except orjson.JSONDecodeError:
            decoded = None
        if isinstance(decoded, dict) and isinstance(decoded.get("content"), str):
            text = decoded["content"]
    return read_code(text)


def _files(kind: MessageKind, content: Mapping[str, Any]) -> tuple[InboundFile, ...]:
    attachments = content.get("attachments")
    if kind not in _WITH_FILES or not isinstance(attachments, list):
        return ()
    files = []
    for attachment in attachments[:FILES_LIMIT]:
        payload = attachment.get("payload") if isinstance(attachment, dict) else None
        url = payload.get("url") if isinstance(payload, dict) else None
        if isinstance(payload, dict) and isinstance(url, str) and 0 < len(url) <= URL_LIMIT:
            name = clean_text(payload.get("name"), NAME_LIMIT) or None
            files.append(InboundFile(kind, clean_text(url, URL_LIMIT), name, _size(payload.get("size"))))
    return tuple(files)


def _size(value: object) -> int | None:
    text = identity(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _submitted_info(body: dict[str, Any], at: dt.datetime) -> Envelope:
    """What a person shared when asked; a claim, kept only if it was asked for, and of it only what the form has."""
    user = _user(body, "sender", "user_id")
    info = body.get("info")
    info = info if isinstance(info, dict) else {}
    address = info.get("full_address")
    address = address if isinstance(address, dict) else {}
    place = (
        address.get("user_ward") or info.get("ward"), info.get("district"),
        address.get("user_city") or info.get("city"),
    )  # fmt: skip
    parts = [clean_text(identity(value), NAME_LIMIT).strip() for value in place]
    shared = SharedContact(
        name=clean_text(identity(info.get("name")), NAME_LIMIT), phone=clean_text(identity(info.get("phone")), 40),
        place=", ".join(part for part in parts if part),
    )  # fmt: skip
    message = IncomingMessage(MessageKind.CONTACT, sent_at=at)
    key = event_key("user_submit_info", _stamp(body), user)
    return Envelope(key, user, message, occurred_at=at, interaction=True, shared=shared)


def _taken_over(body: dict[str, Any], name: str, at: dt.datetime, account: ZaloAccount) -> Signal | None:
    sender = body.get("sender")
    if not isinstance(sender, dict) or not identity(sender.get("admin_id")):
        return None  # our own echo, or the console's own automation
    user = _user(body, "recipient")
    content = body.get("message")
    message_id = identity(content.get("msg_id")) if isinstance(content, dict) else ""
    key = event_key(name, message_id or _stamp(body), user)
    return Signal(SignalKind.TAKEN_OVER, key, user, at, until=at + account.pause)


def _receipt(body: dict[str, Any], name: str, at: dt.datetime, account: ZaloAccount) -> Signal | None:
    """Sources disagree about who is sender and who recipient: whoever is not the Official Account is the person."""
    people = [party for party in (_party(body, "sender"), _party(body, "recipient")) if party]
    users = [party for party in people if party != account.oa_id]
    content = body.get("message")
    if len(users) != 1 or not isinstance(content, dict) or not USER_ID.fullmatch(users[0]):
        return None
    listed = content.get("msg_ids")
    ids = [*(listed if isinstance(listed, list) else ()), content.get("msg_id")]
    message_ids = tuple(clean_text(identity(value), MESSAGE_ID_LIMIT) for value in ids if identity(value))[:100]
    if not message_ids:
        return None
    kind = SignalKind.SEEN if name == "user_seen_message" else SignalKind.DELIVERED
    return Signal(kind, event_key(name, _stamp(body), users[0]), users[0], at, message_ids=message_ids)


def _user(body: Mapping[str, Any], *places: str) -> str:
    """The person an event is about. Raises Unreadable when it names none."""
    for place in places:
        value = body.get(place)
        user = identity(value.get("id")) if isinstance(value, dict) else identity(value)
        if user and USER_ID.fullmatch(user):
            return user
    raise Unreadable("no person")


def _party(body: Mapping[str, Any], place: str) -> str:
    value = body.get(place)
    return identity(value.get("id")) if isinstance(value, dict) else ""


def _stamp(body: Mapping[str, Any]) -> str:
    return identity(body.get("timestamp")) or hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _time(value: object) -> dt.datetime | None:
    """A time in milliseconds since 1970."""
    text = identity(value)
    if not text.isascii() or not text.isdigit() or len(text) > 14:
        return None
    return dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC)
