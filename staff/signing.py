"""Keyed hashes: form tokens bound to a browser, and names for what must not stand in a row as it is."""

from __future__ import annotations

import hashlib
import hmac


class Signer:
    """Derives everything from the installation's secret key, each purpose with a key of its own."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def digest(self, purpose: str, value: str) -> str:
        """64 hexadecimal digits that only this installation can compute."""
        key = hmac.digest(self._key, f"staff {purpose}".encode(), hashlib.sha256)
        return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, given: str, browser: str) -> bool:
        """Whether a form came from a page of ours in the browser that holds ``browser``; in constant time."""
        return hmac.compare_digest(given.encode(), self.digest("form", browser).encode())


def token_hash(token: str) -> str:
    """What is kept of a session's token, which has 256 random bits: a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()
