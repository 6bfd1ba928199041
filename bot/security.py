"""The secret key of an installation and what it signs."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from bot.config import Settings


def secret_key(settings: Settings) -> SecretStr:
    """The configured key, or the one made under ``var/`` on the first start with SQLite."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.var_dir / "secret_key"
    return SecretStr(_read_or_make(path))


def _read_or_make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    key = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key)
    return key
