"""A reply as Telegram messages: HTML, within the limits of the Bot API, choices as an inline keyboard."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import orjson
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup

from bot.channels.base import numbered
from handlers.messages import Choice, Reply
from handlers.texts import say

TEXT_LIMIT = 4096  # UTF-16 units; the rule counts after parsing the markup, counting before it is on the safe side
TAGS_ROOM = 8
DATA_LIMIT = 64  # bytes
BUTTONS_LIMIT = 100
MARKUP_LIMIT = 9_000  # bytes of JSON; the server refuses at about 10 kB
LABEL_LIMIT = 128
SHORT_LABEL = 18  # two of these stand side by side on a phone of 360 px

_UNSENDABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "… ", "; ", ", ", " ")
_JOINERS = "\u200d\ufe0f\ufe0e"


def sendable(text: str) -> str:
    """``text`` without control characters and broken surrogates, which the Bot API refuses."""
    return _UNSENDABLE.sub("", text)


def units(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def split_text(text: str, limit: int) -> list[str]:
    """Parts of ``text`` that are at most ``limit`` units long when escaped, cut where a reader would pause.

    Only white space at the cuts is lost.
    """
    parts: list[str] = []
    rest = text.strip()
    while rest:
        end = _fitting(rest, limit)
        if end < len(rest):
            end = _pause_before(rest, end)
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return parts


def _fitting(text: str, limit: int) -> int:
    """How many characters fit."""
    if units(_escape(text)) <= limit:
        return len(text)
    size = 0
    for index, character in enumerate(text):
        size += units(_escape(character))
        if size > limit:
            return max(1, index)
    return len(text)


def _pause_before(text: str, end: int) -> int:
    """The last good place to cut at or before ``end``, in the second half; never inside a letter with its marks."""
    for pause in _BREAKS:
        at = text.rfind(pause, end // 2, end)
        if at >= 0:
            return at + len(pause)
    cut = end
    while cut > end // 2 and (unicodedata.combining(text[cut]) or text[cut] in _JOINERS or text[cut - 1] == "\u200d"):
        cut -= 1
    return cut


def render_text(reply: Reply) -> list[str]:
    """The text as HTML messages in order; empty when there is nothing to show."""
    blocks = [("b", reply.heading or "", ""), ("", reply.body, "\n"), ("i", reply.note or "", "\n\n")]
    messages: list[str] = []
    current = ""
    for tag, text, gap in blocks:
        for number, part in enumerate(split_text(sendable(text), TEXT_LIMIT - TAGS_ROOM)):
            piece = f"<{tag}>{_escape(part)}</{tag}>" if tag else _escape(part)
            if not current:
                current = piece
            elif number == 0 and units(current) + units(gap) + units(piece) <= TEXT_LIMIT:
                current += gap + piece
            else:
                messages.append(current)
                current = piece
    return [*messages, current] if current else messages


def render_keyboard(choices: Sequence[Choice]) -> InlineKeyboardMarkup | None:
    """The choices as buttons: long labels alone, short ones in pairs; None when they cannot be buttons."""
    if not choices or len(choices) > BUTTONS_LIMIT:
        return None
    rows: list[list[InlineKeyboardButton]] = []
    for choice in reversed(choices):  # from the end, so that the two verdicts always stand side by side
        label = " ".join(sendable(choice.label).split())[:LABEL_LIMIT]
        if not label or not 1 <= len(choice.data.encode()) <= DATA_LIMIT:
            return None
        button = InlineKeyboardButton(label, callback_data=choice.data)
        if rows and len(rows[-1]) == 1 and _is_short(label) and _is_short(rows[-1][0].text):
            rows[-1].insert(0, button)
        else:
            rows.append([button])
    markup = InlineKeyboardMarkup(rows[::-1])
    return markup if len(orjson.dumps(markup.to_dict())) <= MARKUP_LIMIT else None


def _is_short(label: str) -> bool:
    return units(label) <= SHORT_LABEL


def _share_keyboard(reply: Reply) -> ReplyKeyboardMarkup:
    """One tap shares the person's own number; the choices stand below as words, for there is one keyboard only."""
    share = KeyboardButton(say("telegram.share_phone"), request_contact=True)
    others = [[KeyboardButton(choice.label[:LABEL_LIMIT])] for choice in reply.choices]
    return ReplyKeyboardMarkup([[share], *others], resize_keyboard=True, one_time_keyboard=True)


def render(reply: Reply) -> tuple[list[str], InlineKeyboardMarkup | ReplyKeyboardMarkup | None]:
    """The messages of a reply and the keyboard of the last; choices that cannot be buttons become numbered lines."""
    if reply.ask == "phone":
        return render_text(reply), _share_keyboard(reply)
    keyboard = render_keyboard(reply.choices)
    if reply.choices and keyboard is None:
        lines = numbered(Reply("", choices=reply.choices), say("choose_by_number")).strip()
        reply = replace(reply, body=f"{reply.body}\n\n{lines}")
    return render_text(reply), keyboard
