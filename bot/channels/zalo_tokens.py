"""The Official Account's token pair: sealed in the database, read before each call, refreshed by one process.

A refresh token works once. So the refresher is chosen by one guarded update of the pair's row (its row lock orders the
processes), which also marks the refresh as in doubt, and commits before the call; the new pair is committed before
anybody uses it; and an answer that is no pair never overwrites one.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import structlog
from sqlalchemy import Row

from bot.alerts import Alerts
from bot.config import Settings
from bot.errors import ChannelError, ChannelUnavailable, CredentialsRejected
from bot.secrets_box import SealBroken, SecretsBox
from db.engine import Database
from db.queries import zalo

log = structlog.get_logger()

REFRESH_AFTER = dt.timedelta(hours=20)
DEFAULT_LIFE_S = 90_000
IN_DOUBT_S = 30.0  # longer than a refresh call can take
WAIT_FOR_OTHER_S = 20.0
LOOK_S = 0.1
NEEDS_CONSENT = "zalo_needs_consent"


@dataclass(frozen=True)
class AccessToken:
    """A token to call with; ``generation`` tells whether it is still the current one."""

    value: str
    generation: int


@dataclass(frozen=True)
class NewPair:
    """A pair as Zalo, the configuration or an administrator gives it; ``life_s``: how long the access token lives."""

    access_token: str | None
    refresh_token: str | None
    life_s: int = DEFAULT_LIFE_S


class TokenRefused(Exception):  # noqa: N818 - named for what happened
    """The token endpoint answered, and the answer is no pair."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ZaloTokens:
    """Gives out the current access token and keeps the pair alive."""

    def __init__(
        self, settings: Settings, database: Database, box: SecretsBox, client: httpx.AsyncClient, alerts: Alerts, *,
        department_id: int,
    ) -> None:  # fmt: skip
        assert settings.zalo_app_id and settings.zalo_oa_id and settings.zalo_app_secret
        self._settings = settings
        self._database = database
        self._box = box
        self._client = client
        self._alerts = alerts
        self._department_id = department_id
        self._app_id = settings.zalo_app_id
        self._oa_id = settings.zalo_oa_id
        self._app_secret = settings.zalo_app_secret
        self.in_doubt_s = IN_DOUBT_S

    # -- where a pair comes from ----------------------------------------------------------------------------------

    async def take_in_configured(self) -> bool:
        """Take in the pair of the settings, if it is not the one taken in before; whether it was."""
        access, refresh = self._settings.zalo_access_token, self._settings.zalo_refresh_token
        if access is None and refresh is None:
            return False
        pair = NewPair(access.get_secret_value() if access else None, refresh.get_secret_value() if refresh else None)
        fingerprint = hashlib.sha256(
            "|".join((self._app_id, pair.access_token or "", pair.refresh_token or "")).encode()
        ).hexdigest()
        row = await self.row()
        if row.configured_hash == fingerprint:
            return False
        await self._store(row.id, pair, generation=None, configured_hash=fingerprint)
        log.info("zalo_tokens_taken_in", source="settings")
        return True

    async def paste(self, access_token: str | None, refresh_token: str | None) -> None:
        """Take in a pair an administrator copied from the developer console."""
        row = await self.row()
        await self._store(row.id, NewPair(access_token, refresh_token), generation=None)
        log.info("zalo_tokens_taken_in", source="pasted")

    async def exchange(self, code: str, verifier: str) -> None:
        """Turn the code of a consent into a pair.

        Raises:
            TokenRefused: Zalo does not accept the code.
            ChannelUnavailable: Zalo did not answer; the code may or may not be used up.
        """
        form = {"code": code, "grant_type": "authorization_code", "code_verifier": verifier}
        pair = await self._ask(form)
        row = await self.row()
        await self._store(row.id, pair, generation=None)
        log.info("zalo_tokens_taken_in", source="consent")

    async def _store(
        self, token_id: int, pair: NewPair, *, generation: int | None, configured_hash: str | None = None
    ) -> bool:
        now = dt.datetime.now(dt.UTC)
        sealed = zalo.SealedPair(
            access_token=self._box.seal(pair.access_token) if pair.access_token else None,
            refresh_token=self._box.seal(pair.refresh_token) if pair.refresh_token else None,
            obtained_at=now,
            access_expires_at=now + dt.timedelta(seconds=pair.life_s) if pair.access_token else None,
        )
        stored = await self._database.write(
            lambda c: zalo.store_pair(c, token_id, sealed, generation=generation, configured_hash=configured_hash)
        )
        if stored:
            await self._alerts.clear(NEEDS_CONSENT)
        return stored

    # -- use ------------------------------------------------------------------------------------------------------

    async def row(self) -> Row[Any]:
        """The pair's row, sealed."""
        found = await self._database.read(lambda c: zalo.find_tokens(c, app_id=self._app_id, oa_id=self._oa_id))
        if found is not None:
            return found
        return await self._database.write(
            lambda c: zalo.ensure_tokens(c, department_id=self._department_id, app_id=self._app_id, oa_id=self._oa_id)
        )

    async def current(self) -> AccessToken:
        """The access token to use now; refreshed first when it is known to have expired.

        Raises:
            CredentialsRejected: There is no usable pair; an administrator must consent.
            ChannelUnavailable: The pair is being refreshed, and that takes too long.
        """
        row = await self.row()
        expired = row.access_expires_at is not None and row.access_expires_at <= dt.datetime.now(dt.UTC)
        if row.access_token is None or expired:
            return await self._renew(row.generation)
        return self._open(row)

    async def renew(self, rejected: AccessToken) -> AccessToken:
        """Another access token than the one Zalo rejected. Raises like ``current``."""
        return await self._renew(rejected.generation)

    def _open(self, row: Row[Any]) -> AccessToken:
        try:
            return AccessToken(self._box.open(row.access_token), row.generation)
        except SealBroken as error:
            raise CredentialsRejected("secret_key_changed") from error

    async def _renew(self, generation: int) -> AccessToken:
        """Refresh the pair of ``generation``, or wait for the process that does."""
        deadline = time.monotonic() + WAIT_FOR_OTHER_S
        while time.monotonic() < deadline:
            row = await self.row()
            if row.generation != generation and row.access_token is not None:
                return self._open(row)
            if row.refused_at is not None:
                raise CredentialsRejected(f"refresh_refused:{row.refused_code}")
            if row.refresh_token is None:
                await self._alerts.raise_once(NEEDS_CONSENT, code="no_refresh_token")
                raise CredentialsRejected("no_refresh_token")
            now = dt.datetime.now(dt.UTC)
            lost_before = now - dt.timedelta(seconds=self.in_doubt_s)
            if await self._begin(row, now, lost_before):
                return await self._refresh(row, in_doubt=row.refresh_started_at is not None)
            await asyncio.sleep(LOOK_S)
        raise ChannelUnavailable("refresh_under_way")

    async def _begin(self, row: Row[Any], now: dt.datetime, lost_before: dt.datetime) -> bool:
        return await self._database.write(
            lambda c: zalo.begin_refresh(c, row.id, generation=row.generation, now=now, given_up_before=lost_before)
        )

    async def _refresh(self, row: Row[Any], *, in_doubt: bool) -> AccessToken:
        """Refresh as the one process that may. ``in_doubt``: an earlier answer with this token was lost."""
        try:
            refresh_token = self._box.open(row.refresh_token)
        except SealBroken as error:
            await self._refused(row, "secret_key_changed")
            raise CredentialsRejected("secret_key_changed") from error
        try:
            pair = await self._ask({"refresh_token": refresh_token, "grant_type": "refresh_token"})
        except NotSent as error:
            if not in_doubt:
                await self._database.write(lambda c: zalo.end_refresh(c, row.id, generation=row.generation))
            raise ChannelUnavailable("token_endpoint") from error
        except ChannelUnavailable:
            log.warning("zalo_refresh_in_doubt", generation=row.generation)
            raise
        except TokenRefused as error:
            code = f"{error.code}{' after a lost answer' if in_doubt else ''}"
            await self._refused(row, code)
            raise CredentialsRejected(f"refresh_refused:{code}") from error
        if await self._store(row.id, pair, generation=row.generation):
            log.info("zalo_tokens_rotated", generation=row.generation + 1)
        return self._open(await self.row())

    async def _refused(self, row: Row[Any], code: str) -> None:
        now = dt.datetime.now(dt.UTC)
        if await self._database.write(
            lambda c: zalo.refuse_refresh(c, row.id, generation=row.generation, code=code[:64], now=now)
        ):
            await self._alerts.raise_once(NEEDS_CONSENT, code=code)

    async def refresh_if_due(self) -> None:
        """Refresh a pair that is 20 hours old, long before its access token ends. Failures are for the next try."""
        row = await self.row()
        due = row.obtained_at is not None and row.obtained_at + REFRESH_AFTER <= dt.datetime.now(dt.UTC)
        if not due or row.refused_at is not None or row.refresh_token is None:
            return
        try:
            await self._renew(row.generation)
        except ChannelError as error:
            log.warning("zalo_refresh_postponed", code=error.code)

    # -- the token endpoint ---------------------------------------------------------------------------------------

    async def _ask(self, form: dict[str, str]) -> NewPair:
        """Ask for a pair. Raises TokenRefused, NotSent, or ChannelUnavailable when the answer was lost."""
        url = f"{self._settings.zalo_oauth_url}/v4/oa/access_token"
        headers = {"secret_key": self._app_secret.get_secret_value()}
        try:
            response = await self._client.post(url, data={**form, "app_id": self._app_id}, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(type(error).__name__) from None
        except httpx.HTTPError as error:
            raise ChannelUnavailable(type(error).__name__) from None
        return read_pair(response.status_code, response.content)


class NotSent(ChannelUnavailable):
    """The request certainly never reached the server."""


def read_pair(status: int, content: bytes) -> NewPair:
    """The pair an answer of the token endpoint holds.

    Raises:
        TokenRefused: A refusal in any of the forms the endpoint uses.
        ChannelUnavailable: No answer of the endpoint itself: a gateway's page, an overload.
    """
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ChannelUnavailable(f"http_{status}") from None
    if not isinstance(body, dict):
        raise ChannelUnavailable(f"http_{status}")
    access, refresh = body.get("access_token"), body.get("refresh_token")
    if isinstance(access, str) and access and isinstance(refresh, str) and refresh:
        life = str(body.get("expires_in", ""))
        return NewPair(access, refresh, int(life) if life.isdigit() and 0 < int(life) <= 10**7 else DEFAULT_LIFE_S)
    if status == 429 or status >= 500:
        raise ChannelUnavailable(f"http_{status}")
    code = body.get("error", body.get("error_name", status))
    raise TokenRefused(str(code)[:40])
