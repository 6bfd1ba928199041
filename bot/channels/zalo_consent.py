"""How an Official Account gives its consent: a page for the administrator, the way back from Zalo, domain verification.

The page is reached with a one-time key that ``khcn-bot zalo consent`` prints; nobody else can start a consent or give
tokens. The consent itself is protected by state and PKCE.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
import string
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import structlog
from jinja2 import Environment, FileSystemLoader
from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.channels.zalo_tokens import TokenRefused, ZaloTokens
from bot.config import Settings
from bot.errors import ChannelUnavailable
from bot.secrets_box import SealBroken, SecretsBox
from bot.web import BodyTooLarge, read_body, same_secret
from db.engine import Database
from db.queries import zalo
from handlers.context import VIETNAM

log = structlog.get_logger()

CONSENT_LIFE = dt.timedelta(minutes=30)
FORM_LIMIT = 20_000
TEMPLATES = Path(__file__).parent.parent / "templates"
VERIFIER_LETTERS = string.ascii_letters + string.digits


def make_verifier() -> str:
    """43 letters and digits, as Zalo wants them."""
    return "".join(secrets.choice(VERIFIER_LETTERS) for _ in range(43))


def challenge_of(verifier: str) -> str:
    """The PKCE challenge: base64url of the SHA-256, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class ZaloConsent:
    """The pages of the consent and the links to them."""

    def __init__(self, settings: Settings, database: Database, box: SecretsBox, tokens: ZaloTokens) -> None:
        self._settings = settings
        self._database = database
        self._box = box
        self._tokens = tokens
        self._pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)

    def routes(self) -> list[BaseRoute]:
        """The consent page, the callback and the verification file."""
        routes: list[BaseRoute] = [
            Route("/zalo/consent", self.show, methods=["GET"]),
            Route("/zalo/consent", self.paste, methods=["POST"]),
            Route("/zalo/callback", self.callback, methods=["GET"]),
        ]
        if self._settings.zalo_verifier:
            routes.append(Route(f"/{self._settings.zalo_verifier}", self.verification, methods=["GET"]))
        return routes

    @property
    def callback_url(self) -> str:
        """The address that must be saved in the developer console, to the letter."""
        return f"{self._settings.public_url or ''}/zalo/callback"

    async def new_page_link(self) -> str:
        """A link to the consent page, good for half an hour; the ones before it stop working."""
        key = secrets.token_urlsafe(24)
        row = await self._tokens.row()
        values = {"consent_key_hash": _hash(key), "consent_expires_at": dt.datetime.now(dt.UTC) + CONSENT_LIFE}
        await self._database.write(lambda c: zalo.store_consent(c, row.id, **values))
        return f"{self._settings.public_url or ''}/zalo/consent?key={key}"

    async def consent_link(self) -> str:
        """The link that takes the administrator to Zalo; its state and verifier are remembered."""
        verifier, state = make_verifier(), secrets.token_urlsafe(24)
        row = await self._tokens.row()
        values = {
            "consent_state_hash": _hash(state), "consent_verifier": self._box.seal(verifier),
            "consent_expires_at": dt.datetime.now(dt.UTC) + CONSENT_LIFE,
        }  # fmt: skip
        await self._database.write(lambda c: zalo.store_consent(c, row.id, **values))
        query = {
            "app_id": self._settings.zalo_app_id, "redirect_uri": self.callback_url,
            "code_challenge": challenge_of(verifier), "state": state,
        }  # fmt: skip
        return f"{self._settings.zalo_oauth_url}/v4/oa/permission?{urlencode(query)}"

    # -- pages ----------------------------------------------------------------------------------------------------

    async def show(self, request: Request) -> Response:
        """State of the connection, the link to Zalo, a form for a pair from the console."""
        key = request.query_params.get("key", "")
        row = await self._allowed(key)
        if row is None:
            return self._page(403, problem="key")
        ends = row.access_expires_at
        expires = ends.astimezone(VIETNAM).strftime("%H:%M %d/%m/%Y") if ends is not None else ""
        return self._page(
            200, key=key, link=await self.consent_link(), row=row, expires=expires, callback=self.callback_url
        )

    async def paste(self, request: Request) -> Response:
        """Take in a pair that was copied from the developer console."""
        try:
            form = dict(parse_qsl((await read_body(request, FORM_LIMIT)).decode("ascii", "ignore")))
        except BodyTooLarge:
            return self._page(413, problem="form")
        if await self._allowed(form.get("key", "")) is None:
            return self._page(403, problem="key")
        access, refresh = form.get("access_token", "").strip(), form.get("refresh_token", "").strip()
        if not refresh or len(access) > 4000 or len(refresh) > 4000:
            return self._page(400, problem="form")
        await self._tokens.paste(access or None, refresh)
        await self._forget()
        return self._page(200, done=True)

    async def callback(self, request: Request) -> Response:
        """Zalo sends the administrator back with a code that works once, within ten minutes."""
        code, state = request.query_params.get("code", ""), request.query_params.get("state", "")
        row = await self._tokens.row()
        expected = row.consent_state_hash
        fresh = row.consent_expires_at is not None and row.consent_expires_at > dt.datetime.now(dt.UTC)
        if not code or not state or expected is None or not fresh or not same_secret(_hash(state), expected):
            return self._page(403, problem="state")
        if request.query_params.get("oa_id", "") != self._settings.zalo_oa_id:
            return self._page(403, problem="oa")
        try:
            await self._tokens.exchange(code, self._box.open(row.consent_verifier))
        except SealBroken:
            return self._page(403, problem="state")
        except TokenRefused as error:
            log.error("zalo_consent_refused", code=error.code)
            return self._page(400, problem="refused", code=error.code)
        except ChannelUnavailable:
            return self._page(502, problem="unavailable")
        await self._forget()
        return self._page(200, done=True)

    async def verification(self, request: Request) -> Response:
        """The file with which Zalo verifies the domain."""
        del request
        name = (self._settings.zalo_verifier or "").removeprefix("zalo_verifier").removesuffix(".html")
        return HTMLResponse(
            f'<!DOCTYPE html><html lang="vi"><head><meta name="zalo-platform-site-verification" content="{name}">'
            f"<title>Zalo</title></head><body>{name}</body></html>"
        )

    async def _allowed(self, key: str) -> Row[Any] | None:
        """The pair's row if ``key`` opens the page now."""
        row = await self._tokens.row()
        expires_at = row.consent_expires_at
        if not key or row.consent_key_hash is None or expires_at is None or expires_at <= dt.datetime.now(dt.UTC):
            return None
        return row if same_secret(_hash(key), row.consent_key_hash) else None

    async def _forget(self) -> None:
        row = await self._tokens.row()
        await self._database.write(
            lambda c: zalo.store_consent(
                c, row.id, consent_key_hash=None, consent_state_hash=None, consent_verifier=None,
                consent_expires_at=None,
            )
        )  # fmt: skip

    def _page(self, status: int, **values: Any) -> Response:
        html = self._pages.get_template("zalo_consent.html").render(oa_id=self._settings.zalo_oa_id, **values)
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
