"""Several messages that could not be delivered become one."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.messages import Reply
from handlers.texts import say


def merge_pending(replies: Sequence[Reply]) -> Reply:
    """One message that holds all of them in order. Their choices are old by now and are left out."""
    return Reply("\n\n".join([say("pending"), *(f"• {reply.text}" for reply in replies)]))
