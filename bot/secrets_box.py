"""Secrets at rest: sealed with a key derived from ``SECRET_KEY``, so that a copied database alone opens nothing."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr


class SealBroken(Exception):  # noqa: N818 - named for what happened
    """A sealed value cannot be opened: it was sealed with another ``SECRET_KEY``."""


class SecretsBox:
    """Seals and opens short texts; ``purpose`` keeps the keys of different uses apart."""

    def __init__(self, key: SecretStr, purpose: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"khcn-bot {purpose}".encode()).derive(
            key.get_secret_value().encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, value: str) -> str:
        """``value`` as ASCII that only ``open`` with the same key reads."""
        return self._fernet.encrypt(value.encode()).decode()

    def open(self, sealed: str) -> str:
        """What was sealed.

        Raises:
            SealBroken: The key is another one, or the text was changed.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBroken from error
