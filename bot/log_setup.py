"""Structured logs: a constant event name and fields. Tokens, phone numbers and e-mail addresses never get through."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRETS = re.compile(
    r"\b\d{6,12}:[A-Za-z0-9_-]{30,}\b"  # a Telegram token, also inside a URL
    r"|\b[A-Za-z0-9_-]{60,}\b"  # any long token
    r"|[\w.+-]+@[\w-]+\.[\w.]+"  # an e-mail address
    r"|(?<![\w.])(?:\+84|0)\d[\d .]{7,11}\d(?!\w)"  # a Vietnamese phone number
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user and password of a URL
)


def scrub(value: Any) -> Any:
    """``value`` with everything that looks like a secret or personal data replaced."""
    if isinstance(value, str):
        return _SECRETS.sub("[removed]", value)
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item) for item in value]
    return value


def _scrub_event(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    del logger, name
    return {key: scrub(value) for key, value in event.items()}


def set_up_logging(*, level: str, fmt: str) -> None:
    """Send our logs and those of the libraries to standard error, scrubbed, as JSON lines or for a terminal."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if fmt == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # their INFO lines carry request URLs, and a Bot API URL carries the token
    for name in ("httpx", "httpcore", "telegram", "aiohttp", "aiogram", "uvicorn.access", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
