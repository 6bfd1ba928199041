"""Which messages may be read together, and which are worth a moment's wait for the next."""

from __future__ import annotations

from desk.codes import find_code
from handlers.desk_turn import is_desk_command
from handlers.dialogue import _COMMANDS, _NUMBER
from handlers.messages import IncomingMessage, MessageKind
from knowledge.reading import read
from knowledge.text import clean, fold

_FILES = frozenset({MessageKind.PHOTO, MessageKind.VIDEO, MessageKind.FILE})


def is_free_text(message: IncomingMessage) -> bool:
    """Whether the message may be merged with its neighbours: no tap, number, command, code or file."""
    if message.kind is not MessageKind.TEXT:
        return False
    words = fold(clean(message.text)).strip(" .!?")
    if words in _COMMANDS or is_desk_command(words) or _NUMBER.fullmatch(words):
        return False
    return find_code(message.text) is None


def is_file(message: IncomingMessage) -> bool:
    """Whether the message is a file, which people send several of at once (an album is one message a picture)."""
    return message.kind in _FILES


def says_nothing_alone(message: IncomingMessage) -> bool:
    """Whether the next message is worth waiting for: a mere greeting or fragment, or a file that may be one of many."""
    if is_file(message):
        return True
    return is_free_text(message) and len(read(message.text).words) <= 1
