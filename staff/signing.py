"""Keyed hashes and seals: form tokens bound to a browser, and forms of what must not stand anywhere as it is."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken


class Signer:
    """Derives everything from the installation's secret key, each purpose with a key of its own."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def digest(self, purpose: str, value: str) -> str:
        """64 hexadecimal digits that only this installation can compute."""
        return hmac.new(self._derive(purpose), value.encode(), hashlib.sha256).hexdigest()

    def seal(self, purpose: str, value: str) -> str:
        """``value`` as ASCII that only this installation reads."""
        return self._box(purpose).encrypt(value.encode()).decode()

    def open(self, purpose: str, sealed: str, *, life_s: int | None = None) -> str | None:
        """What was sealed; None when the key is another one, the text was changed, or it is older than ``life_s``."""
        try:
            return self._box(purpose).decrypt(sealed.encode(), ttl=life_s).decode()
        except InvalidToken:
            return None

    def _box(self, purpose: str) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._derive(f"seal {purpose}")))

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._key, f"staff {purpose}".encode(), hashlib.sha256)

    def is_form_token(self, given: str, browser: str) -> bool:
        """Whether a form came from a page of ours in the browser that holds ``browser``; in constant time."""
        return hmac.compare_digest(given.encode(), self.digest("form", browser).encode())


def token_hash(token: str) -> str:
    """What is kept of a session's token, which has 256 random bits: a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()
