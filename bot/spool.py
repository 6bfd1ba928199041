"""Where verified updates wait while the database is away: one fsynced file each, taken in when it is back."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path


class Spool:
    """A folder per channel below ``var/spool``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, channel: str, raw: bytes) -> None:
        """Keep a raw update. Raises OSError when the disk does not take it."""
        await asyncio.to_thread(self._put, channel, raw)

    def _put(self, channel: str, raw: bytes) -> None:
        folder = self._folder / channel
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        partial = folder / f".{name}.part"
        with partial.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(folder / f"{name}.raw")
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def waiting(self, channel: str) -> Iterator[Path]:
        """The updates of a channel in the order they came."""
        folder = self._folder / channel
        yield from sorted(folder.glob("*.raw")) if folder.is_dir() else ()
