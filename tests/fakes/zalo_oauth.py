"""Consent and tokens of the fake Official Account: section 3 of the reference."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.fakes.zalo_rules import Refused

CODE_LIFE_MS = 10 * 60 * 1000
REFRESH_LIFE_MS = 90 * 24 * 3600 * 1000


class ZaloOAuth:
    """One pair at a time: codes and refresh tokens work once and die with age, failures have no common envelope.

    Doubts: ``old_token_dies``, ``token_error_status``, ``pkce_required`` (working clients exist that send none).
    """

    app_id: str
    oa_id: str
    app_secret: str
    now_ms: Callable[[], int]

    def __init__(self) -> None:
        self.old_token_dies = True
        self.token_error_status = 200
        self.pkce_required = True
        self.verify_proof = False
        self.callback: str | None = None
        self.life_s: int = 90_000
        self.access: dict[str, int] = {}
        self.refresh: str | None = None
        self.refresh_until = 0
        self.spent: set[str] = set()
        self.codes: dict[str, tuple[str, int]] = {}
        self.refreshes = 0

    def new_pair(self) -> dict[str, str]:
        """A new pair; the old refresh token is spent, the old access token too if the doubt is decided so."""
        if self.refresh is not None:
            self.spent.add(self.refresh)
        if self.old_token_dies:
            self.access.clear()
        access, self.refresh = f"at-{secrets.token_hex(24)}", f"rt-{secrets.token_hex(24)}"
        self.access[access] = self.now_ms() + self.life_s * 1000
        self.refresh_until = self.now_ms() + REFRESH_LIFE_MS
        return {"access_token": access, "refresh_token": self.refresh, "expires_in": str(self.life_s)}

    async def _token(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/x-www-form-urlencoded":
            answer: dict[str, Any] = _failure(-19998, "Invalid content type")
        else:
            answer = self._token_answer(request, dict(await request.post()))
        return web.json_response(answer, status=self.token_error_status if "error_name" in answer else 200)

    def _token_answer(self, request: web.Request, form: dict[str, Any]) -> dict[str, Any]:
        if request.headers.get("secret_key") != self.app_secret or form.get("app_id") != self.app_id:
            return _failure(-14002, "Invalid application")
        grant = form.get("grant_type")
        if grant == "refresh_token":
            self.refreshes += 1
            if form.get("refresh_token") != self.refresh or self.refresh_until <= self.now_ms():
                return _failure(-19999, "Invalid refresh token")
            return self.new_pair()
        if grant == "authorization_code":
            challenge, until = self.codes.pop(str(form.get("code")), (None, 0))
            if challenge is None or until <= self.now_ms() or not self._proves(challenge, form):
                return _failure(-14005, "Invalid code")
            return self.new_pair()
        return _failure(-19998, "Invalid grant type")

    def _proves(self, challenge: str, form: dict[str, Any]) -> bool:
        if not challenge and not self.pkce_required:
            return True
        verifier = str(form.get("code_verifier", ""))
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return len(verifier) == 43 and digest == challenge

    async def _permission(self, request: web.Request) -> web.StreamResponse:
        """The consent page, already agreed to: sends the administrator back with a code."""
        query = request.query
        if self.callback is not None and query.get("redirect_uri") != self.callback:
            return web.json_response(_failure(-14003, "Invalid redirect uri"))
        code = secrets.token_urlsafe(16)
        self.codes[code] = (query.get("code_challenge", ""), self.now_ms() + CODE_LIFE_MS)
        state = f"&state={query['state']}" if "state" in query else ""
        raise web.HTTPFound(f"{query['redirect_uri']}?code={code}&oa_id={self.oa_id}{state}")

    def authorise(self, request: web.Request) -> None:
        """Raise Refused unless the call carries a living access token in its own header, and its proof if demanded."""
        token = request.headers.get("access_token", "")
        if "Authorization" in request.headers or token not in self.access:
            raise Refused(-216, "Access token is invalid")
        if self.access[token] <= self.now_ms():
            raise Refused(-220, "Access token has expired")
        proof = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if self.verify_proof and request.headers.get("appsecret_proof") != proof:
            raise Refused(-242, "appsecret_proof is invalid")


def _failure(code: int, name: str) -> dict[str, Any]:
    return {"error": code, "error_name": name, "error_reason": name.lower(), "error_description": name,
            "ref_doc": "https://developers.zalo.me/docs"}  # fmt: skip
