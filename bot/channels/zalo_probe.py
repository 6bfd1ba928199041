"""Ask Zalo whether the set-up works: for ``check``, without starting a channel and without changing a token."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import httpx

from bot.channels.zalo_api import ApiRefused, ZaloApi
from bot.channels.zalo_bot import ZaloBotChannel
from bot.channels.zalo_tokens import AccessToken
from bot.config import Settings
from bot.errors import CredentialsRejected
from bot.secrets_box import SealBroken, SecretsBox
from bot.security import secret_key
from db.engine import Database
from db.queries import zalo

PROBE = httpx.Timeout(5.0)


class NotConnected(Exception):  # noqa: N818 - named for what is the case
    """Nobody has consented yet: there is no token pair."""


@dataclass(frozen=True)
class GivenToken:
    """The access token to ask with; a service renews it, a question does not."""

    token: AccessToken

    async def current(self) -> AccessToken:
        """The token."""
        return self.token

    async def renew(self, rejected: AccessToken) -> AccessToken:
        """There is no other. Raises CredentialsRejected."""
        del rejected
        raise CredentialsRejected("expired")


async def official_account(settings: Settings, database: Database | None) -> str:
    """The name of the Official Account. ``database`` is None before the first start: then the configured pair counts.

    Raises:
        NotConnected: There is no pair yet.
        ChannelError: ``CredentialsRejected`` for a pair Zalo does not take (code ``expired``: a running service renews
            it), ``ChannelUnavailable`` for no answer in 5 s.
    """
    token = await _stored_token(settings, database) if database is not None else None
    if token is None and settings.zalo_access_token is not None:
        token = settings.zalo_access_token.get_secret_value()
    if token is None:
        raise NotConnected
    async with httpx.AsyncClient(timeout=PROBE, follow_redirects=False) as client:
        try:
            account = await ZaloApi(settings, client, GivenToken(AccessToken(token, 0))).account()
        except ApiRefused as refusal:
            raise refusal.as_channel_error() from None
    return str(account.get("name", ""))


async def _stored_token(settings: Settings, database: Database) -> str | None:
    app_id, oa_id = settings.zalo_app_id or "", settings.zalo_oa_id or ""
    row = await database.read(lambda c: zalo.find_tokens(c, app_id=app_id, oa_id=oa_id))
    if row is None or (row.access_token is None and row.refresh_token is None):
        return None
    if row.refused_at is not None:
        raise CredentialsRejected(f"refresh_refused:{row.refused_code}")
    if row.access_token is None or (row.access_expires_at and row.access_expires_at <= dt.datetime.now(dt.UTC)):
        raise CredentialsRejected("expired")
    try:
        return SecretsBox(secret_key(settings), "zalo").open(row.access_token)
    except SealBroken as error:
        raise CredentialsRejected("secret_key_changed") from error


async def bot_name(settings: Settings) -> str:
    """The name of the bot of the Bot Platform. Raises ChannelError."""
    channel = ZaloBotChannel(settings)
    try:
        return await channel.check()
    finally:
        await channel.close()
