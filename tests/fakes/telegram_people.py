"""People in private chats with the bot, as the fake Bot API tells of them."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.telegram import FakeTelegram

MEDIA: dict[str, dict[str, Any]] = {
    "photo": {"photo": [{"file_id": "p1", "file_unique_id": "u1", "width": 90, "height": 60}]},
    "voice": {"voice": {"file_id": "v1", "file_unique_id": "u2", "duration": 3}},
    "video": {"video": {"file_id": "v2", "file_unique_id": "u3", "width": 90, "height": 60, "duration": 3}},
    "file": {"document": {"file_id": "d1", "file_unique_id": "u4", "file_name": "don.pdf"}},
    "sticker": {"sticker": {"file_id": "s1", "file_unique_id": "u5", "type": "regular", "width": 9, "height": 9,
                            "is_animated": False, "is_video": False}},
    "location": {"location": {"latitude": 10.2, "longitude": 106.4}},
    "contact": {"contact": {"phone_number": "+84900000000", "first_name": "Lan"}},
}  # fmt: skip


class Person:
    """Somebody in a private chat with the bot."""

    def __init__(self, server: FakeTelegram, chat_id: int) -> None:
        self._server = server
        self.chat_id = chat_id
        self._presses = itertools.count(1)

    def _user(self) -> dict[str, Any]:
        return {"id": self.chat_id, "is_bot": False, "first_name": "Lan", "language_code": "vi"}

    def message(self, **content: Any) -> dict[str, Any]:
        """An update with a message of this person; not delivered yet."""
        message = {
            "message_id": next(self._server.message_ids), "date": int(time.time()), "from": self._user(),
            "chat": {"id": self.chat_id, "type": "private", "first_name": "Lan"}, **content,
        }  # fmt: skip
        return self._server.update(message=message)

    def callback(self, message_id: int, data: str, press_id: str | None = None) -> dict[str, Any]:
        """An update with a press of a button below one of the bot's messages; not delivered yet."""
        shown = next((m for m in self._server.messages[self.chat_id] if m["message_id"] == message_id), None)
        chat = {"id": self.chat_id, "type": "private", "first_name": "Lan"}
        query = {
            "id": press_id or f"{self.chat_id}{next(self._presses):06d}", "from": self._user(), "data": data,
            "chat_instance": "42", "message": shown or {"message_id": message_id, "date": 0, "chat": chat},
        }  # fmt: skip
        return self._server.update(callback_query=query)

    def say(self, text: str) -> None:
        self._server.queue(self.message(text=text))

    def send(self, kind: str) -> None:
        self._server.queue(self.message(text="/start") if kind == "start" else self.message(**MEDIA[kind]))

    def press(self, message_id: int, data: str) -> None:
        self._server.queue(self.callback(message_id, data))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the bot wrote to this person."""
        return self._server.messages[self.chat_id]
