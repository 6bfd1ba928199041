"""Updates of the Bot API as plain data. Only private chats are answered; what needs no answer is None."""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from typing import Any

from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatType

from bot.channels.base import Envelope
from bot.channels.telegram_render import sendable
from bot.channels.wire import load_json
from bot.errors import Unreadable
from desk.files import SIZE_LIMIT
from handlers.messages import IncomingMessage, MessageKind, SentFile

ALLOWED_UPDATES = ("message", "callback_query")
SAME_PRESS_S = 10.0
PRESSES_KEPT = 10_000

# in this order: an animation is also a document
_KINDS = {
    "photo": MessageKind.PHOTO, "voice": MessageKind.VOICE, "audio": MessageKind.VOICE, "video": MessageKind.VIDEO,
    "video_note": MessageKind.VIDEO, "animation": MessageKind.VIDEO, "document": MessageKind.FILE,
    "sticker": MessageKind.STICKER, "venue": MessageKind.LOCATION, "location": MessageKind.LOCATION,
    "contact": MessageKind.CONTACT, "poll": MessageKind.OTHER, "dice": MessageKind.OTHER, "story": MessageKind.OTHER,
    "game": MessageKind.OTHER, "paid_media": MessageKind.OTHER, "checklist": MessageKind.OTHER,
}  # fmt: skip
_WITH_FILES = {MessageKind.PHOTO, MessageKind.VOICE, MessageKind.VIDEO, MessageKind.FILE}
_START = re.compile(r"/start(?:@\w+)?(?:\s|$)")
_ADDRESSED = re.compile(r"^(/\w+)@\w+")


class Presses:
    """Which button presses are the same one.

    An app that did not get our answer sends the same press again under new ids. A press of the same button of the same
    message within ten seconds takes the key of the first; later it is a deliberate press of an old button, with a key
    of its own. Between processes the dialogue's own rule about double taps stands behind this.
    """

    def __init__(self) -> None:
        self._recent: OrderedDict[tuple[int, int, str], tuple[float, str]] = OrderedDict()

    def key(self, chat_id: int, message_id: int, data: str, callback_id: str) -> str:
        """The external id of a press."""
        now = time.monotonic()
        button = (chat_id, message_id, data)
        at, first = self._recent.get(button, (-SAME_PRESS_S, ""))
        if now - at >= SAME_PRESS_S:
            at, first = now, callback_id
        self._recent[button] = (at, first)
        self._recent.move_to_end(button)
        while len(self._recent) > PRESSES_KEPT:
            self._recent.popitem(last=False)
        return f"tap:{chat_id}:{message_id}:{first}"[:160]


def parse_update(raw: bytes, presses: Presses) -> Envelope | None:
    """A message or a press in a private chat; None for everything else the Bot API may send.

    A message's key has the update's id and its own: update ids start anew at random after a quiet week.

    Raises:
        Unreadable: It is no update, or one whose parts are not what the Bot API says.
    """
    try:
        data = load_json(raw)
    except ValueError:
        raise Unreadable("not JSON") from None
    if not isinstance(data, dict) or type(data.get("update_id")) is not int:
        raise Unreadable("no update_id")
    if not any(kind in data for kind in ALLOWED_UPDATES):
        return None
    try:
        update = Update.de_json(data, None)
        if update.message is not None:
            return _message(update.update_id, update.message)
        return _press(update.callback_query, presses) if update.callback_query is not None else None
    except Exception as error:  # noqa: BLE001 - whatever the library makes of a broken update, it is set aside
        digest = hashlib.sha256(raw).hexdigest()[:16]
        raise Unreadable(f"update: {type(error).__name__}", f"update:{data['update_id']}:{digest}"[:160]) from None


def _message(update_id: int, message: Message) -> Envelope | None:
    if message.chat.type != ChatType.PRIVATE or message.from_user is None or message.from_user.is_bot:
        return None
    incoming = _content(message)
    if incoming is None:
        return None
    chat_id, message_id = int(message.chat.id), int(message.message_id)
    return Envelope(f"{update_id}:{chat_id}:{message_id}", str(chat_id), incoming)


def _content(message: Message) -> IncomingMessage | None:
    if message.text:
        text = sendable(message.text)
        if _START.match(text):
            return IncomingMessage(MessageKind.START, sent_at=message.date)
        return IncomingMessage(MessageKind.TEXT, text=_ADDRESSED.sub(r"\1", text), sent_at=message.date)
    for name, kind in _KINDS.items():
        if content := getattr(message, name):
            shared = _own_number(message) if kind is MessageKind.CONTACT else ""
            return IncomingMessage(kind, data=shared, sent_at=message.date, files=_files(kind, content))
    return None  # a service message: somebody pinned something, set a timer…


def _own_number(message: Message) -> str:
    """The number of a contact that is the person's own; somebody else's is not kept."""
    contact, sender = message.contact, message.from_user
    if contact is None or sender is None or contact.user_id != sender.id:
        return ""
    return "+" + re.sub(r"\D", "", contact.phone_number)[:20]


def _files(kind: MessageKind, content: Any) -> tuple[SentFile, ...]:
    """How to get a file, for a turn that wants it; what would be refused anyway is not asked for."""
    if kind not in _WITH_FILES:
        return ()
    if isinstance(content, tuple | list):
        content = content[-1]  # the same photo in several sizes, the largest last
    size, name = getattr(content, "file_size", None) or 0, getattr(content, "file_name", None)
    problem = "video" if kind is MessageKind.VIDEO else "too_large" if size > SIZE_LIMIT else ""
    name = sendable(name)[:200] if name else None
    return (SentFile(reference=content.file_id, name=name, problem=problem),)


def _press(query: CallbackQuery, presses: Presses) -> Envelope | None:
    message = query.message
    if message is None or message.chat.type != ChatType.PRIVATE or not query.data:
        return None
    chat_id, message_id = int(message.chat.id), int(message.message_id)
    tap = IncomingMessage(MessageKind.TAP, text=_label(message, query.data), data=sendable(query.data))
    key = presses.key(chat_id, message_id, query.data, str(query.id))
    return Envelope(key, str(chat_id), tap, acknowledge=str(query.id))


def _label(message: object, data: str) -> str:
    """What the button said, where the message still shows it."""
    markup = message.reply_markup if isinstance(message, Message) else None
    buttons = [button for row in markup.inline_keyboard for button in row] if markup else []
    return next((sendable(button.text)[:80] for button in buttons if button.callback_data == data), "")
