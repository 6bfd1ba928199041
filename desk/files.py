"""People's files: rows of a draft or a request; the bytes lie once per content under the files folder."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from db.queries import request_files
from desk.errors import TooManyFiles
from desk.settings import Desk
from desk.text import clean_line

COUNT_LIMIT = 10
SIZE_LIMIT = 10 * 1024 * 1024
_HASH = re.compile(r"[0-9a-f]{64}")
SMALL = ".small"


@dataclass(frozen=True)
class NewFile:
    """A file whose content was judged and stored. ``kind``: photo, document, voice; ``content_hash``: SHA-256, hex."""

    content_hash: str
    kind: str
    media_type: str
    size: int
    name: str | None = None
    is_reencoded: bool = False


def blob_path(folder: Path, content_hash: str) -> Path:
    """Where content lies.

    Raises:
        ValueError: Not a hash: a path is never made of anything a person sent.
    """
    if not _HASH.fullmatch(content_hash):
        raise ValueError("not a content hash")
    return folder / content_hash[:2] / content_hash


def thumbnail_path(folder: Path, content_hash: str) -> Path:
    """Where the small JPEG of a picture lies: beside the picture, under the same hash.

    Raises:
        ValueError: Not a hash.
    """
    return blob_path(folder, content_hash).with_suffix(SMALL)


def add(
    connection: Connection, desk: Desk, new: NewFile, *, now: dt.datetime, draft_id: int | None = None,
    request_id: int | None = None, message_id: int | None = None,
) -> int:  # fmt: skip
    """Add a file to a draft or to a request; returns its id.

    Raises:
        TooManyFiles: It has ten.
        ValueError: Neither or both owners, an empty or too large file, or no hash.
    """
    if (draft_id is None) == (request_id is None):
        raise ValueError("a file belongs to a draft or to a request")
    if not 0 < new.size <= SIZE_LIMIT or not _HASH.fullmatch(new.content_hash):
        raise ValueError("not a file that may be kept")
    if request_files.count_files(connection, request_id=request_id, draft_id=draft_id) >= COUNT_LIMIT:
        raise TooManyFiles(COUNT_LIMIT)
    return request_files.add_file(
        connection, department_id=desk.department_id, request_id=request_id, draft_id=draft_id, message_id=message_id,
        content_hash=new.content_hash, kind=new.kind, media_type=new.media_type, size=new.size,
        name=clean_line(new.name)[-200:] if new.name else None, is_reencoded=new.is_reencoded, created_at=now,
    )  # fmt: skip


def remove(connection: Connection, *, file_id: int, now: dt.datetime) -> bool:
    """Take a file away (an identity card sent by mistake): its row says when, ``retention.sweep_blobs`` the disk."""
    return request_files.remove_files(connection, file_id=file_id, now=now) == 1
