"""Waiting for what other tasks and processes do."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any


async def eventually(condition: Callable[[], Any | Awaitable[Any]], wait_s: float = 15) -> None:
    """Ask ``condition`` (a function, or a coroutine function) until it holds.

    Raises:
        TimeoutError: It did not within ``wait_s`` seconds.
    """
    async with asyncio.timeout(wait_s):
        while True:
            value = condition()
            if await value if inspect.isawaitable(value) else value:
                return
            await asyncio.sleep(0.02)
