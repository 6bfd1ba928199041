"""Files people send on Zalo: fetched at once, because their links die; only from Zalo's hosts, never past the limit.

Only while somebody waits for them: a form, an open request, an officer. The message they came with waits in the inbox
until each of them is on disk or given up, at most a minute; then its turn finds them like those of any other channel.

A link comes from outside, so it is treated as hostile: only the configured domains over HTTPS, only public addresses,
connected to exactly the address that was checked, no redirect to anywhere else, never with our token.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx
import structlog
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from bot.config import Settings
from bot.files import receive
from db.engine import Database
from db.queries import zalo
from handlers.messages import SentFile

log = structlog.get_logger()

LOOK_S = 1.0
WAIT = dt.timedelta(seconds=60)  # how long a message's turn waits for its files
MARGIN_S = 4.0
CLAIMED = dt.timedelta(seconds=30)  # after a crash the next process still finds the message waiting
FETCH_S = 28.0
TOGETHER = dt.timedelta(seconds=1)  # the pictures of an album may come one event each: they are answered together
ATTEMPTS = 4
RETRY_S = 2.0
REDIRECTS = 3
DEAD = frozenset({401, 403, 410})  # not 404: a link may work a moment before its file does


class MediaLost(Exception):  # noqa: N818 - named for what happened
    """The file cannot be had. ``code``: ``dead``, ``host``, ``address`` or ``redirect``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class MediaLater(Exception):  # noqa: N818
    """The file cannot be had at the moment."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises OSError when it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class MediaRules:
    """Where files may come from.

    When the API itself is a server on this machine (the fake one), that one server is allowed beside the hosts.
    """

    def __init__(self, settings: Settings) -> None:
        self._hosts = tuple(host.lower().lstrip(".") for host in settings.zalo_media_hosts)
        api = urlsplit(settings.zalo_api_url)
        self._local = (api.scheme, api.netloc) if _is_loopback(api.hostname or "") else None

    def is_local(self, url: SplitResult) -> bool:
        """Whether the link points at the API server on this machine."""
        return self._local is not None and (url.scheme, url.netloc) == self._local

    def check(self, link: str) -> SplitResult:
        """The link in its parts.

        Raises:
            MediaLost: Its scheme, host or port is not allowed.
        """
        try:
            url = urlsplit(link)
            port = url.port
        except ValueError:
            raise MediaLost("host") from None
        if self.is_local(url):
            return url
        host = (url.hostname or "").lower()
        known = any(host == allowed or host.endswith(f".{allowed}") for allowed in self._hosts)
        if url.scheme != "https" or not known or url.username or url.password or port not in (None, 443):
            log.warning("media_host_refused", scheme=url.scheme, host=host)
            raise MediaLost("host")
        return url

    @staticmethod
    def check_addresses(addresses: Sequence[str]) -> str:
        """The address to connect to. Raises MediaLost when any of them is not public."""
        if not addresses or not all(ipaddress.ip_address(address).is_global for address in addresses):
            raise MediaLost("address")
        return addresses[0]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class MediaFetcher:
    """Fetches what is due, in any process: each row is claimed by one. ``account`` is the Official Account's id."""

    def __init__(self, settings: Settings, database: Database, account: str) -> None:
        self._database = database
        self._account = account
        self._rules = MediaRules(settings)
        self._folder = settings.files_dir

    async def run(self, wake: Callable[[int, float], None]) -> None:
        """Look every second. ``wake`` is told which conversation's turn may begin, and in how many seconds."""
        while True:
            try:
                found = await self.fetch_due(dt.datetime.now(dt.UTC), wake)
            except (SQLAlchemyError, OSError) as error:
                log.warning("media_postponed", error=type(error).__name__)
                found = 0
            if not found:
                await asyncio.sleep(LOOK_S)

    async def fetch_due(self, now: dt.datetime, wake: Callable[[int, float], None]) -> int:
        """Fetch up to four files at once; returns how many were due."""
        if not await self._database.read(lambda c: zalo.has_due_media(c, now=now)):
            return 0
        again_at = now + CLAIMED
        rows = await self._database.write(lambda c: zalo.claim_media(c, now=now, again_at=again_at))
        await asyncio.gather(*(self._handle(row, wake) for row in rows))
        return len(rows)

    async def _handle(self, row: Row[Any], wake: Callable[[int, float], None]) -> None:
        left_s = (row.created_at + WAIT - dt.datetime.now(dt.UTC)).total_seconds() - MARGIN_S
        try:
            async with asyncio.timeout(max(0.0, min(left_s, FETCH_S))):
                file = await self.fetch(str(row.url), str(row.name) if row.name else None)
        except MediaLost as lost:
            file = SentFile(name=row.name, problem="lost")
            log.warning("media_lost", media_id=row.id, code=lost.code)
        except (MediaLater, TimeoutError) as error:
            wait_s = RETRY_S * 2 ** (row.attempts - 1)
            code = str(error)[:64] or type(error).__name__
            if row.attempts < ATTEMPTS and wait_s < left_s:
                due_at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=wait_s)
                await self._database.write(lambda c: zalo.media_later(c, row.id, due_at=due_at, error=code))
                return
            file = SentFile(name=row.name, problem="lost")
            log.warning("media_lost", media_id=row.id, code=code)
        due_at = dt.datetime.now(dt.UTC) + TOGETHER
        complete = await self._database.write(
            lambda c: zalo.media_received(c, row, account=self._account, received=asdict(file), due_at=due_at)
        )
        if complete:
            wake(row.conversation_id, TOGETHER.total_seconds())

    async def fetch(self, link: str, name: str | None = None) -> SentFile:
        """Download a file, judge it by its content and keep it; what is refused says why in ``problem``.

        Raises:
            MediaLost: It cannot be had, now or later.
            MediaLater: Worth another try.
        """
        for _ in range(REDIRECTS + 1):
            answer = await self._download(self._rules.check(link), name)
            if isinstance(answer, SentFile):
                return answer
            link = urljoin(link, answer)
        raise MediaLost("redirect")

    async def _download(self, url: SplitResult, name: str | None) -> SentFile | str:
        """The stored file, or where the server redirects to."""
        host = url.hostname or ""
        try:
            target = httpx.URL(url.geturl())
        except httpx.InvalidURL:
            raise MediaLost("host") from None
        extensions: dict[str, Any] = {}
        if not self._rules.is_local(url):
            try:
                address = self._rules.check_addresses(await resolve(host, 443))
            except UnicodeError:  # a name that cannot be one
                raise MediaLost("host") from None
            except OSError as error:
                raise MediaLater(type(error).__name__) from None
            target = target.copy_with(host=address)
            extensions["sni_hostname"] = host
        timeout = httpx.Timeout(15.0, connect=5.0)
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False) as client,
                client.stream("GET", target, headers={"Host": url.netloc}, extensions=extensions) as response,
            ):
                if response.is_redirect:
                    return str(response.headers.get("location", ""))
                if response.status_code in DEAD:
                    raise MediaLost("dead")
                if response.status_code != 200:
                    raise MediaLater(f"http_{response.status_code}")
                return await receive(response.aiter_bytes(), self._folder, name=name)
        except httpx.HTTPError as error:
            raise MediaLater(type(error).__name__) from None
