"""Content files into the database, the published state into memory, and a watch on its version."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import structlog
import yaml
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.config import Settings
from bot.errors import CommandError
from db.engine import Database, sqlite_path
from db.queries import departments
from db.queries import knowledge as queries
from handlers.context import DepartmentProfile
from knowledge.base import KnowledgeBase
from knowledge.loader import ROOT, Content, load_content
from knowledge.schema import RECORD_KINDS, Record
from knowledge.understanding import Understander

WATCH_S = 0.5
log = structlog.get_logger()


def file_records(content: Content) -> list[queries.FileRecord]:
    """The valid records of the content files as the import wants them."""
    return [
        queries.FileRecord(*file.key, data=file.record.model_dump(mode="json"), file_hash=file.sha256)
        for file in content.files
    ]


def parse_records(rows: list[tuple[str, dict[str, Any]]]) -> list[Record]:
    """Records from what the database holds."""
    return [RECORD_KINDS[kind].model_validate(data) for kind, data in rows]


def read_department_file(path: Path) -> tuple[dict[str, Any], str]:
    """The department's profile and the hash of its file.

    Raises:
        CommandError: The file is missing or lacks a name.
    """
    try:
        raw = path.read_bytes()
        profile = yaml.safe_load(raw)
        wanted = {key: profile[key] for key in ("slug", "name", "short_name")}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CommandError(f"{path} must exist and give slug, name and short_name ({error})") from error
    optional = {key: profile.get(key) for key in ("address", "hours", "website", "privacy_contact")}
    phones = [str(phone) for phone in profile.get("phones") or []]
    return {**wanted, **optional, "phones": phones}, hashlib.sha256(raw).hexdigest()


def profile_of(row: Any) -> DepartmentProfile:
    """A department row as the dialogue sees it."""
    return DepartmentProfile(
        id=row.id, name=row.name, short_name=row.short_name, province=row.province, address=row.address,
        phones=tuple(row.phones), hours=row.hours, website=row.website, privacy_contact=row.privacy_contact,
    )  # fmt: skip


def prepare(connection: Connection, settings: Settings, content: Content, now: dt.datetime) -> queries.ImportReport:
    """Bring department and knowledge base in line with their files, in the caller's transaction."""
    profile, source_hash = read_department_file(settings.department_file)
    profile["province"] = settings.province
    digest = hashlib.sha256(f"{source_hash}{settings.province}".encode()).hexdigest()
    saved = departments.save_department(connection, profile=profile, source_hash=digest, now=now)
    report = queries.import_records(
        connection, department_id=saved.department_id, records=file_records(content), now=now,
        retire_missing=not content.problems,
    )  # fmt: skip
    if saved.is_conflict:
        report.conflicts.append(f"department {profile['slug']}")
    return report


async def load_for_reading(settings: Settings) -> tuple[KnowledgeBase, DepartmentProfile]:
    """The published state; where no database was prepared yet, the content files shipped. Writes nothing."""
    found = None
    with contextlib.suppress(SQLAlchemyError, OSError):
        found = await _published(settings)
    if found is not None:
        return found
    profile, _ = read_department_file(settings.department_file)
    profile.pop("slug")
    phones = tuple(profile.pop("phones"))
    department = DepartmentProfile(id=0, province=settings.province, phones=phones, **profile)
    return KnowledgeBase(load_content(ROOT).records), department


async def _published(settings: Settings) -> tuple[KnowledgeBase, DepartmentProfile] | None:
    database = Database(settings.database_url)
    path = sqlite_path(database.url)
    if path is not None and not path.exists():
        return None
    try:
        row = await database.read(departments.find_department)
        if row is None:
            return None
        version = await database.read(lambda c: queries.published_version(c, department_id=row.id))
        if not version:
            return None
        records = await database.read(lambda c: queries.published_records(c, department_id=row.id))
        return KnowledgeBase(parse_records(records), version=version), profile_of(row)
    finally:
        await database.close()


class KnowledgeStore:
    """The current ``Understander``, swapped whole when another version was published."""

    def __init__(self, database: Database, department_id: int) -> None:
        self._database = database
        self._department_id = department_id
        self.current: Understander | None = None

    @property
    def understander(self) -> Understander:
        """The current version; ``refresh`` must have run once."""
        assert self.current is not None
        return self.current

    async def refresh(self) -> bool:
        """Load the published state if its version is another than the one in memory."""
        version = await self._database.read(lambda c: queries.published_version(c, department_id=self._department_id))
        if self.current is not None and self.current.knowledge.version == version:
            return False
        rows = await self._database.read(lambda c: queries.published_records(c, department_id=self._department_id))
        # building takes a second: it must not hold up the messages of this process
        self.current = await asyncio.to_thread(
            lambda: Understander(KnowledgeBase(parse_records(rows), version=version))
        )
        log.info("knowledge_loaded", version=version, records=len(rows))
        return True

    async def watch(self) -> None:
        """Look twice a second, so that what another process published is answered here within five."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self.refresh()
            except (SQLAlchemyError, OSError) as error:
                log.warning("knowledge_refresh_failed", error=type(error).__name__)
