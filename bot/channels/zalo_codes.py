"""What the error numbers of the Official Account API mean for the sender, grouped by what to do next.

The numbers of the OA host (https://developers.zalo.me/docs/official-account/phu-luc/ma-loi); the same ones mean other
things on the host for templates.
"""

from __future__ import annotations

import datetime as dt

from bot.errors import (
    ChannelError,
    CredentialsRejected,
    PayloadRejected,
    RecipientUnreachable,
    RetryLater,
    WindowClosed,
)
from handlers.context import VIETNAM

TOKEN_DEAD = frozenset({-216, -220, -124})
TOO_MANY_CALLS = -32
UPLOAD_EXPIRED = -100
NO_DETAIL = -200
SHAPE_REFUSED = frozenset({-201, -233})
CONFIGURATION = frozenset({-204, -205, -209, -212, -219, -221, -223, -224, -235, -242, -320, -321})
RECIPIENT = frozenset({-213, -217, -227, -244})
WINDOW = frozenset({-230, -232})
QUOTA = -211
RECIPIENT_QUOTA = -218
NIGHT = -234
STANDARDS = -248
ALERTED = frozenset({QUOTA, STANDARDS, -320, -321})

CALLS_WAIT_S = 20.0
QUOTA_WAIT_S = 3600.0
RECIPIENT_WAIT_S = 6 * 3600.0
MORNING_HOUR = 6


def until_morning_s(now: dt.datetime) -> float:
    """Seconds until six o'clock in Vietnam."""
    local = now.astimezone(VIETNAM)
    morning = local.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0)
    if morning <= local:
        morning += dt.timedelta(days=1)
    return (morning - local).total_seconds()


def classify(code: int, now: dt.datetime) -> ChannelError:
    """The error to raise for a code that refreshing the token or another shape did not help against.

    Unknown codes are permanent: repeating what was refused for a reason we do not know helps nobody.
    """
    text = str(code)
    if code == TOO_MANY_CALLS:
        return RetryLater(CALLS_WAIT_S, text)
    if code == QUOTA:
        return RetryLater(QUOTA_WAIT_S, text)
    if code == RECIPIENT_QUOTA:
        return RetryLater(RECIPIENT_WAIT_S, text, recipient_only=True)
    if code == NIGHT:
        return RetryLater(until_morning_s(now), text, recipient_only=True)
    if code in TOKEN_DEAD or code in CONFIGURATION:
        return CredentialsRejected(text)
    if code in WINDOW:
        return WindowClosed(text)
    if code in RECIPIENT:
        return RecipientUnreachable(text)
    return PayloadRejected(text)
