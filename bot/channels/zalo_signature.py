"""Whether a webhook call comes from Zalo: a plain SHA-256 over application, raw body, time and the OA secret key.

Not an HMAC. The time is the text of the body's ``timestamp``; the last two candidates are forms that some receivers
report and Zalo's documentation does not. See docs/zalo.md for what to check on a real Official Account.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator

from bot.channels.wire import load_json

DOCUMENTED_FORM = "body_time"
HEX = re.compile(r"[0-9a-f]{64}")
TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"?([0-9]{1,20})')


def sign(app_id: str, raw: bytes, timestamp: str, secret: str) -> str:
    """The signature as lower-case hexadecimal."""
    return hashlib.sha256(app_id.encode() + raw + timestamp.encode() + secret.encode()).hexdigest()


def _candidates(app_id: str, oa_id: str, raw: bytes, header_time: str) -> Iterator[tuple[str, str, str]]:
    """Form, id and time to try, the documented one first."""
    body_time = _body_time(raw)
    yield DOCUMENTED_FORM, app_id, body_time
    if header_time and header_time != body_time:
        yield "header_time", app_id, header_time
    yield "oa_id", oa_id, body_time


def _body_time(raw: bytes) -> str:
    try:
        body = load_json(raw)
    except ValueError:
        found = TIMESTAMP.search(raw)
        return found.group(1).decode() if found else ""
    value = body.get("timestamp", "") if isinstance(body, dict) else ""
    return str(value) if isinstance(value, str | int) else ""


def matching_form(
    header: str, raw: bytes, *, app_id: str, oa_id: str, secret: str, header_time: str = ""
) -> str | None:
    """Which form of the signature ``header`` matches; None for none. Compares in constant time.

    Args:
        header: ``X-ZEvent-Signature``: 64 hexadecimal digits in any case, with or without ``mac=`` and spaces.
        raw: The exact bytes received.
        app_id: Our application.
        oa_id: Our Official Account.
        secret: The OA secret key, not the application's.
        header_time: ``X-ZEvent-Timestamp``, where it is sent.
    """
    given = "".join(header.split()).lower().removeprefix("mac=")
    if not HEX.fullmatch(given):
        return None
    matched = None
    for form, identity, time in _candidates(app_id, oa_id, raw, header_time):
        if hmac.compare_digest(sign(identity, raw, time, secret), given):
            matched = matched or form
    return matched


def describe_form(header: str) -> str:
    """What a refused header looks like, without its value: for the log of somebody who sets the channel up."""
    if not header:
        return "missing"
    bare = "".join(header.split()).lower()
    shape = "mac=" if bare.startswith("mac=") else ""
    value = bare.removeprefix("mac=")
    return f"{shape}{'hex' if HEX.fullmatch(value) else 'other'}({len(value)})"
