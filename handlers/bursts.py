"""Which messages may be read together, and which are worth a moment's wait for the next."""

from __future__ import annotations

from handlers.dialogue import _COMMANDS, _NUMBER
from handlers.messages import IncomingMessage, MessageKind
from knowledge.reading import read
from knowledge.text import clean, fold


def is_free_text(message: IncomingMessage) -> bool:
    """Whether the message may be merged with its neighbours: no tap, number, command or file."""
    if message.kind is not MessageKind.TEXT:
        return False
    words = fold(clean(message.text)).strip(" .!?")
    return words not in _COMMANDS and not _NUMBER.fullmatch(words)


def says_nothing_alone(message: IncomingMessage) -> bool:
    """Whether a text is only a greeting, an address or a fragment, so that the next message is worth waiting for."""
    return is_free_text(message) and len(read(message.text).words) <= 1
