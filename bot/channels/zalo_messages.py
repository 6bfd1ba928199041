"""What an Official Account sends: replies as texts of at most 1,900 characters, with numbers instead of buttons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bot.channels.base import InboundFile, numbered
from bot.channels.splitting import plain, split_text
from desk.files import SIZE_LIMIT
from handlers.messages import Choice, MessageKind, Reply, SentFile
from handlers.texts import say

TEXT_LIMIT = 1900  # of 2,000: an emoji may count twice
BUTTONS_LIMIT = 5
TITLE_LIMIT = 100
CONTACT_TITLE_LIMIT = 100
_HIDDEN = re.compile(r"[\w./:-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class OutgoingText:
    """One message: its text and, on the last one of a reply, what may be tapped."""

    text: str
    choices: tuple[Choice, ...] = ()


def announced(file: InboundFile, number: int) -> SentFile:
    """A file as its message names it before it is fetched: to come, or refused for what Zalo already says of it."""
    if file.kind is MessageKind.VIDEO:
        return SentFile(name=file.name, problem="video")
    if file.size is not None and file.size > SIZE_LIMIT:
        return SentFile(name=file.name, problem="too_large")
    return SentFile(reference=str(number), name=file.name)


def render(reply: Reply, limit: int = TEXT_LIMIT) -> list[OutgoingText]:
    """A reply as messages in order, its choices as numbered lines at the end of the last."""
    parts = split_text(plain(numbered(reply, say("choose_by_number"))), limit) or ["…"]
    return [*(OutgoingText(part) for part in parts[:-1]), OutgoingText(parts[-1], reply.choices)]


def text_body(user_id: str, message: OutgoingText, *, buttons: bool, quote: str | None = None) -> dict[str, Any]:
    """The body of a text message.

    Buttons carry short codes that anybody may type; the person does not see them sent. They are an extra beside the
    numbers, because Zalo on a computer does not show them.
    """
    content: dict[str, Any] = {"text": message.text}
    tappable = [choice for choice in message.choices if _HIDDEN.fullmatch(choice.data)][:BUTTONS_LIMIT]
    if buttons and tappable:
        content["attachment"] = {
            "type": "template",
            "payload": {
                "buttons": [
                    {"title": plain(choice.label)[:TITLE_LIMIT], "type": "oa.query.hide", "payload": f"#{choice.data}"}
                    for choice in tappable
                ]
            },
        }
    if quote is not None:
        content["quote_message_id"] = quote
    return {"recipient": {"user_id": user_id}, "message": content}


def image_body(user_id: str, attachment_id: str, text: str = "") -> dict[str, Any]:
    """The body of a message with an uploaded image."""
    elements = [{"media_type": "image", "attachment_id": attachment_id}]
    attachment = {"type": "template", "payload": {"template_type": "media", "elements": elements}}
    content = {"attachment": attachment} | ({"text": plain(text)[:TEXT_LIMIT]} if text else {})
    return {"recipient": {"user_id": user_id}, "message": content}


def file_body(user_id: str, token: str) -> dict[str, Any]:
    """The body of a message with an uploaded file."""
    return {
        "recipient": {"user_id": user_id},
        "message": {"attachment": {"type": "file", "payload": {"token": token}}},
    }


def contact_body(user_id: str, department: str, image_url: str) -> dict[str, Any]:
    """The body of a request for name and phone number; the answer comes as ``user_submit_info``, or never."""
    element = {
        "title": plain(department)[:CONTACT_TITLE_LIMIT],
        "subtitle": say("zalo.contact_subtitle"),
        "image_url": image_url,
    }
    attachment = {"type": "template", "payload": {"template_type": "request_user_info", "elements": [element]}}
    return {"recipient": {"user_id": user_id}, "message": {"attachment": attachment}}
