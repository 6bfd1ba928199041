"""What a statement may find wrong."""

from __future__ import annotations


class StaleConversation(Exception):  # noqa: N818 - a state of affairs, not a failure
    """Another turn of the same conversation was stored first; read again and decide again."""
