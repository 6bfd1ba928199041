"""Files people send on Zalo: fetched soon, because their links die; only from Zalo's hosts, never past the limit.

A link comes from outside, so it is treated as hostile: only the configured domains over HTTPS, only public addresses,
connected to exactly the address that was checked, no redirect to anywhere else, never with our token.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import ipaddress
import os
import socket
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx
import structlog
from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from bot.config import Settings
from db.engine import Database
from db.models import MediaStatus
from db.queries import outbox, zalo
from handlers.messages import Reply
from handlers.texts import say

log = structlog.get_logger()

LOOK_S = 2.0
FETCH_S = 45.0
ATTEMPTS = 5
RETRY_S = 15.0
REDIRECTS = 3
DEAD = frozenset({401, 403, 404, 410})


class MediaLost(Exception):  # noqa: N818 - named for what happened
    """The file cannot be had. ``code``: ``dead``, ``host``, ``address``, ``redirect``, ``too_large`` or ``empty``."""

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


class StoredFile:
    """A file under way onto the disk: counted and hashed while it arrives, named by its content at the end."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0
        incoming = folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        self._part = incoming / f"{uuid.uuid4().hex}.part"
        self._file = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        """Add a piece. Raises MediaLost above the limit."""
        self.size += len(chunk)
        if self.size > self._limit:
            raise MediaLost("too_large")
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> str:
        """Make it durable and return its SHA-256, which is its name. Raises MediaLost for an empty file."""
        if self.size == 0:
            raise MediaLost("empty")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        digest = self._hash.hexdigest()
        target = stored_path(self._folder, digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._part.rename(target)
        return digest

    def discard(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def stored_path(folder: Path, digest: str) -> Path:
    """Where a file with this content lies."""
    return folder / digest[:2] / digest


class MediaFetcher:
    """Fetches what is due, in any process: each row is claimed by one."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._rules = MediaRules(settings)
        self._folder = settings.files_dir
        self._limit_mb = settings.media_limit_mb

    async def run(self) -> None:
        """Look every two seconds."""
        while True:
            try:
                found = await self.fetch_due(dt.datetime.now(dt.UTC))
            except (SQLAlchemyError, OSError) as error:
                log.warning("media_postponed", error=type(error).__name__)
                found = 0
            if not found:
                await asyncio.sleep(LOOK_S)

    async def fetch_due(self, now: dt.datetime) -> int:
        """Fetch up to four files at once; returns how many were due."""
        again_at = now + dt.timedelta(seconds=FETCH_S + RETRY_S)
        rows = await self._database.write(lambda c: zalo.claim_media(c, now=now, again_at=again_at))
        await asyncio.gather(*(self._handle(row) for row in rows))
        return len(rows)

    async def _handle(self, row: Row[Any]) -> None:
        if row.status == MediaStatus.ERASE:
            await self._erase(row)
            return
        try:
            async with asyncio.timeout(FETCH_S):
                digest, size = await self.fetch(str(row.url))
        except MediaLost as lost:
            await self._lost(row, lost.code)
        except (MediaLater, TimeoutError) as error:
            if row.attempts >= ATTEMPTS:
                await self._lost(row, "dead")
            else:
                due_at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=RETRY_S * row.attempts)
                code = str(error)[:64] or type(error).__name__
                await self._database.write(lambda c: zalo.media_later(c, row.id, due_at=due_at, error=code))
        else:
            now = dt.datetime.now(dt.UTC)
            await self._database.write(lambda c: zalo.media_stored(c, row.id, sha256=digest, size=size, now=now))

    async def _lost(self, row: Row[Any], code: str) -> None:
        """Give the file up and ask the person for it once more, in the same transaction."""
        now = dt.datetime.now(dt.UTC)
        text = say("file_too_large", limit=self._limit_mb) if code == "too_large" else say("file_lost")

        def write(connection: Connection) -> None:
            if zalo.media_lost(connection, row.id, error=code):
                outbox.queue_reply(connection, row.conversation_id, Reply(text).to_json(), now=now)

        await self._database.write(write)
        log.warning("media_lost", media_id=row.id, code=code)

    async def _erase(self, row: Row[Any]) -> None:
        if row.sha256 and not await self._database.read(lambda c: zalo.is_file_used(c, row.sha256, except_id=row.id)):
            await asyncio.to_thread(stored_path(self._folder, row.sha256).unlink, missing_ok=True)
        await self._database.write(lambda c: zalo.media_erased(c, row.id))

    async def fetch(self, link: str) -> tuple[str, int]:
        """Download a file; its SHA-256 and size.

        Raises:
            MediaLost: It cannot be had, now or later.
            MediaLater: Worth another try.
        """
        for _ in range(REDIRECTS + 1):
            url = self._rules.check(link)
            answer = await self._download(url)
            if isinstance(answer, tuple):
                return answer
            link = urljoin(link, answer)
        raise MediaLost("redirect")

    async def _download(self, url: SplitResult) -> tuple[str, int] | str:
        """The stored file, or where the server redirects to."""
        host = url.hostname or ""
        target = httpx.URL(url.geturl())
        extensions: dict[str, Any] = {}
        if not self._rules.is_local(url):
            try:
                address = self._rules.check_addresses(await resolve(host, 443))
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
                return await self._store(response)
        except httpx.HTTPError as error:
            raise MediaLater(type(error).__name__) from None

    async def _store(self, response: httpx.Response) -> tuple[str, int]:
        file = await asyncio.to_thread(StoredFile, self._folder, self._limit_mb * 1_000_000)
        try:
            async for chunk in response.aiter_bytes():
                file.write(chunk)
            digest = await asyncio.to_thread(file.finish)
        except BaseException:
            with contextlib.suppress(OSError):
                file.discard()
            raise
        return digest, file.size
