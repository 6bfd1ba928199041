"""One-time codes (RFC 6238, as every authenticator app makes them) and the recovery codes beside them."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import re
import secrets
from enum import StrEnum

import pyotp
import segno
from markupsafe import Markup

from db.models import StaffRole
from staff.signing import Signer

REQUIRED = frozenset({StaffRole.ADMINISTRATOR, StaffRole.MANAGER})
STEP_S = 30
DRIFT = 1  # steps that a phone's clock may be off, either way
RECOVERY_CODES = 10
SEAL = "second factor"

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that is read as something else
_CODE = re.compile(r"\d{6}")


class Step(StrEnum):
    """What is still missing after the password."""

    CODE = "code"
    ENROL = "enrol"


def missing_step(role: StaffRole, *, has_factor: bool, is_verified: bool) -> Step | None:
    """What a session of this kind still has to do before it opens anything."""
    if has_factor:
        return None if is_verified else Step.CODE
    return Step.ENROL if role in REQUIRED else None


def pending_secret(signer: Signer, member_id: int, session_hash: str) -> str:
    """The secret offered to a session that sets the second factor up; the same each time it looks.

    It follows from the session, so that showing the page changes nothing, and is stored once a code proved that the
    app has it. 160 bits, as RFC 4226 recommends.
    """
    digest = bytes.fromhex(signer.digest("new second factor", f"{member_id}:{session_hash}"))
    return base64.b32encode(digest[:20]).decode()


def step_of(moment: dt.datetime) -> int:
    """The number of the half minute a moment lies in, since 1970."""
    return int(moment.timestamp()) // STEP_S


def matching_step(secret: str, code: str, *, now: dt.datetime) -> int | None:
    """The time step whose code this is; None for a wrong code or one of another time."""
    typed = re.sub(r"\s", "", code)
    if not (typed.isascii() and _CODE.fullmatch(typed)):
        return None
    totp, present, found = pyotp.TOTP(secret), step_of(now), None
    for step in range(present - DRIFT, present + DRIFT + 1):  # all of them, whichever matches: the time tells nothing
        if hmac.compare_digest(totp.at(step * STEP_S), typed):
            found = step
    return found


def provisioning_uri(secret: str, *, login: str, issuer: str) -> str:
    """What the app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def picture(uri: str) -> Markup:
    """The QR code as an inline SVG, dark on white whatever the page's colours."""
    code = segno.make(uri, error="m", micro=False)
    svg = code.svg_inline(scale=5, border=4, dark="#000", light="#fff", svgclass="qr", omitsize=True)
    return Markup(svg)  # noqa: S704 - made by the library from numbers


def new_recovery_codes() -> list[str]:
    """Fresh codes of 59 random bits each, in three groups to be copied by hand."""
    return [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3)) for _ in range(RECOVERY_CODES)
    ]


def recovery_hash(signer: Signer, member_id: int, code: str) -> str:
    """What is kept of a recovery code. Random enough not to be guessed from a keyed hash."""
    plain = re.sub(r"[^0-9a-z]", "", code.lower())
    return signer.digest("recovery code", f"{member_id}:{plain}")


def is_recovery_code(code: str) -> bool:
    """Whether it is shaped like one."""
    return len(re.sub(r"[^0-9a-z]", "", code.lower())) == 12
