"""What the Official Account API accepts in a consultation message, and the error number it answers otherwise."""

from __future__ import annotations

from typing import Any

TEXT_LIMIT = 2000
BUTTONS_LIMIT = 5
ELEMENTS_LIMIT = 4
MESSAGE_KEYS = {"text", "attachment", "quote_message_id"}
BUTTON_TYPES = {"oa.query.show", "oa.query.hide", "oa.open.url", "oa.open.phone", "oa.open.sms"}


class Refused(Exception):  # noqa: N818
    """An error of the envelope, with HTTP 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def check_message(
    message: Any, *, buttons_accepted: bool, utf16: bool, lists_accepted: bool = False, too_long_code: int = -201
) -> None:
    """Raise Refused unless ``message`` is one the reference describes."""
    if not isinstance(message, dict) or not message or set(message) - MESSAGE_KEYS:
        raise Refused(-201, f"message is invalid: {sorted(message) if isinstance(message, dict) else message!r}")
    text = message.get("text")
    if text is not None:
        length = utf16_length(text) if utf16 else len(text)
        if not isinstance(text, str) or not text.strip():
            raise Refused(-201, "text is invalid")
        if length > TEXT_LIMIT:
            raise Refused(too_long_code, f"text of {length} characters")
    attachment = message.get("attachment")
    if attachment is None:
        if text is None:
            raise Refused(-201, "message has neither text nor attachment")
        return
    if not isinstance(attachment, dict) or set(attachment) != {"type", "payload"}:
        raise Refused(-233, "attachment is invalid")
    if attachment["type"] == "file":
        if not isinstance(attachment["payload"].get("token"), str):
            raise Refused(-201, "token is invalid")
    elif attachment["type"] == "template":
        _check_template(attachment["payload"], buttons_accepted=buttons_accepted, lists_accepted=lists_accepted)
    else:
        raise Refused(-233, "attachment type is not supported")


def _check_template(payload: Any, *, buttons_accepted: bool, lists_accepted: bool) -> None:
    kind = payload.get("template_type")
    if kind == "media":
        elements = payload.get("elements")
        if not isinstance(elements, list) or len(elements) != 1:
            raise Refused(-201, "elements must hold exactly one")
        element = elements[0]
        if element.get("media_type") not in {"image", "gif", "sticker"}:
            raise Refused(-201, "media_type is invalid")
        if ("url" in element) == ("attachment_id" in element):
            raise Refused(-201, "give either url or attachment_id")
    elif kind == "request_user_info":
        elements = payload.get("elements")
        if not isinstance(elements, list) or len(elements) != 1:
            raise Refused(-201, "elements must hold exactly one")
        element = elements[0]
        if not element.get("title") or len(element["title"]) > 100 or len(element.get("subtitle", "")) > 500:
            raise Refused(-210, "title or subtitle is too long")
        if not str(element.get("image_url", "")).startswith("https://"):
            raise Refused(-201, "image_url is invalid")
    elif kind == "list" and lists_accepted:
        if "buttons" in payload:
            raise Refused(-233, "buttons belong into the elements")
        elements = payload.get("elements")
        if not isinstance(elements, list) or not 1 <= len(elements) <= ELEMENTS_LIMIT:
            raise Refused(-201, "elements are invalid")
        if not all(element.get("title") and element.get("subtitle") for element in elements):
            raise Refused(-201, "subtitle is empty")
    elif kind is None and "buttons" in payload:
        if not buttons_accepted:
            raise Refused(-233, "template type is not supported")
        _check_buttons(payload["buttons"])
    else:
        raise Refused(-233, f"template type {kind} is not supported")


def _check_buttons(buttons: Any) -> None:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= BUTTONS_LIMIT:
        raise Refused(-201, "between one and five buttons")
    for button in buttons:
        if button.get("type") not in BUTTON_TYPES or not 1 <= len(button.get("title", "")) <= 100:
            raise Refused(-201, "button is invalid")
        if button["type"].startswith("oa.query") and not (
            isinstance(button.get("payload"), str) and 1 <= len(button["payload"]) <= 1000
        ):
            raise Refused(-201, "payload is invalid")
