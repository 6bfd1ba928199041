"""People's files on their way in: counted while they arrive, judged by their content, kept once per content.

Nothing is trusted: neither the length a sender states, nor the name, nor the type it claims. Images are decoded and
encoded anew, which drops the position and everything else a camera writes beside the picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import os
import time
import uuid
import warnings
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakKeyDictionary

import structlog
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from bot.channels.base import Channel, FetchingChannel
from bot.errors import ChannelError
from db.engine import Database
from db.queries import request_files
from desk.files import SIZE_LIMIT, SMALL, blob_path, thumbnail_path
from handlers.messages import SentFile
from knowledge.text import fold

log = structlog.get_logger()

PIXELS_LIMIT = 50_000_000
SIDE_LIMIT = 4000
UNPACKED_LIMIT = 200 * 1024 * 1024
JPEG_QUALITY = 85
THUMBNAIL_SIDE = 192  # a list shows it at half of that, and screens are twice as fine
AT_ONCE = 2  # images decoded at the same time: each takes a core and up to 200 MB
ORPHAN_AGE = dt.timedelta(days=1)
CARD_RATIO = 85.6 / 53.98  # ISO 7810 ID-1
HEAD = 64
FETCH_S = 45.0

_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_OLD_OFFICE = {
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
}
_AUDIO = (
    (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"), (b"\xff\xf9", "audio/aac"), (b"#!AMR", "audio/amr"),
)  # fmt: skip
_ARCHIVES = (b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"MSCF")
_CARD_NAMES = ("cccd", "cmnd", "can cuoc", "chung minh", "cmt", "can_cuoc", "cancuoc")

_decoding: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class FileRefused(Exception):  # noqa: N818 - named for what happened
    """A file that is not kept. ``problem`` ends the key of the text that says why (``file.…``)."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class Judged:
    """What a file is by its content. ``kind``: photo, document, voice."""

    kind: str
    media_type: str


class Incoming:
    """A file under way onto the disk."""

    def __init__(self, folder: Path, limit: int = SIZE_LIMIT) -> None:
        self._limit = limit
        self.size = 0
        incoming = folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        self.path = incoming / f"{uuid.uuid4().hex}.part"
        self._file = self.path.open("xb")

    def write(self, chunk: bytes) -> None:
        """Add a piece.

        Raises:
            FileRefused: ``too_large``: the limit is passed.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise FileRefused("too_large")
        self._file.write(chunk)

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()

    def discard(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self.path.unlink(missing_ok=True)


async def receive(chunks: AsyncIterator[bytes], folder: Path, *, name: str | None = None) -> SentFile:
    """Store what arrives, or say why not: the same for every channel.

    Args:
        chunks: The content, piece by piece.
        folder: ``FILES_DIR``.
        name: What the sender calls it.

    Returns:
        A received file, or one with ``problem``.
    """
    file = await asyncio.to_thread(Incoming, folder)
    try:
        async for chunk in chunks:
            file.write(chunk)
        file.close()
        async with _decoding.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
            return await asyncio.to_thread(_keep, file, folder, name)
    except FileRefused as refused:
        return SentFile(name=name, problem=refused.problem)
    finally:
        with contextlib.suppress(OSError):
            file.discard()


def _keep(file: Incoming, folder: Path, name: str | None) -> SentFile:
    judged = judge(file.path, name)
    path, size, is_reencoded, is_card = file.path, file.size, False, False
    if judged.kind == "photo":
        path, judged, is_card = _reencode(file.path, name)
        size, is_reencoded = path.stat().st_size, True
    try:
        digest = _store(path, folder)
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(SMALL).unlink(missing_ok=True)
    return SentFile(
        name=name, content_hash=digest, kind=judged.kind, media_type=judged.media_type, size=size,
        is_reencoded=is_reencoded, may_be_identity_card=is_card,
    )  # fmt: skip


def _store(path: Path, folder: Path) -> str:
    """Make it durable under the hash of its content, which is returned; its small picture, if it has one, follows."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        os.fsync(content.fileno())
    target = blob_path(folder, digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    os.utime(target)  # a sweep leaves alone what has just come, also when the same content lay there before
    if (small := path.with_suffix(SMALL)).exists():
        small.replace(thumbnail_path(folder, digest))
    return digest


def fetcher(channels: Sequence[Channel], folder: Path) -> Callable[[str, SentFile], Awaitable[SentFile]]:
    """What gets files that are still at a messenger; on a channel that cannot give them they count as not received."""
    sources = {channel.name: channel for channel in channels if isinstance(channel, FetchingChannel)}

    async def fetch(channel: str, file: SentFile) -> SentFile:
        source = sources.get(channel)
        if source is None or file.problem:
            return replace(file, reference="", problem=file.problem or "not_received")
        try:
            async with asyncio.timeout(FETCH_S):
                return await receive(source.fetch_file(file.reference), folder, name=file.name)
        except (ChannelError, TimeoutError, OSError) as error:
            log.warning("file_not_fetched", channel=channel, error=type(error).__name__)
            return replace(file, reference="", problem="not_received")

    return fetch


# -- judging --------------------------------------------------------------------------------------------------------


def judge(path: Path, name: str | None = None) -> Judged:
    """What a stored file is, by its content; the name only tells old office formats apart.

    Raises:
        FileRefused: ``empty``, ``video``, ``archive``, ``wrong_type`` or ``broken``.
    """
    with path.open("rb") as content:
        head = content.read(HEAD)
    if not head:
        raise FileRefused("empty")
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")) or _riff(head, b"WEBP"):
        return Judged("photo", "image/*")
    if head.startswith(b"%PDF-"):
        return Judged("document", "application/pdf")
    if head.startswith(b"PK"):
        return Judged("document", _office_type(path))
    for magic, media_type in _AUDIO:
        if head.startswith(magic):
            return Judged("voice", media_type)
    if _riff(head, b"WAVE"):
        return Judged("voice", "audio/wav")
    if head[4:8] == b"ftyp":
        return _iso_media(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3") or _riff(head, b"AVI "):
        raise FileRefused("video")
    if head.startswith(_ARCHIVES):
        raise FileRefused("archive")
    return _by_name(path, head, Path(name or "").suffix.lower())


def _riff(head: bytes, kind: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == kind


def _iso_media(brand: bytes) -> Judged:
    if brand in (b"M4A ", b"M4B "):
        return Judged("voice", "audio/mp4")
    raise FileRefused("wrong_type" if brand in (b"heic", b"heix", b"mif1", b"avif") else "video")


def _by_name(path: Path, head: bytes, suffix: str) -> Judged:
    if head.startswith(b"\xd0\xcf\x11\xe0") and suffix in _OLD_OFFICE:
        return Judged("document", _OLD_OFFICE[suffix])
    if suffix == ".txt":
        data = path.read_bytes()
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            raise FileRefused("wrong_type") from None
        if b"\x00" not in data:
            return Judged("document", "text/plain")
    raise FileRefused("wrong_type")


def _office_type(path: Path) -> str:
    """The type of an Office document; any other archive, and one that would unpack too large, is refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise FileRefused("broken") from None
    names = [entry.filename for entry in entries]
    if sum(entry.file_size for entry in entries) > UNPACKED_LIMIT or "[Content_Types].xml" not in names:
        raise FileRefused("archive")
    if any(name.endswith("vbaProject.bin") for name in names):
        raise FileRefused("wrong_type")  # macros
    for folder, media_type in _OFFICE.items():
        if any(name.startswith(folder) for name in names):
            return media_type
    raise FileRefused("archive")


# -- images ---------------------------------------------------------------------------------------------------------


def _reencode(path: Path, name: str | None) -> tuple[Path, Judged, bool]:
    """The picture alone, upright, in a file of its own; and whether it may show an identity card.

    A small one, always a JPEG, lies beside it.
    """
    target = path.with_suffix(".image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                if opened.width * opened.height > PIXELS_LIMIT:
                    raise FileRefused("too_large")
                picture = ImageOps.exif_transpose(opened)
                has_alpha = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
                picture = picture.convert("RGBA" if has_alpha else "RGB")
                picture.info.clear()  # a comment in it would be written again
    except FileRefused:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, OSError, ValueError,
            SyntaxError, EOFError):  # fmt: skip
        raise FileRefused("broken") from None
    picture.thumbnail((SIDE_LIMIT, SIDE_LIMIT))
    is_card = _named_like_a_card(name) or looks_like_a_card(picture)
    kind = "PNG" if has_alpha else "JPEG"
    picture.save(target, kind, quality=JPEG_QUALITY)
    _save_thumbnail(picture, target.with_suffix(SMALL))
    return target, Judged("photo", f"image/{kind.lower()}"), is_card


def _save_thumbnail(picture: Image.Image, target: Path) -> None:
    """Shrinks ``picture`` itself; what can be seen through becomes white."""
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    if picture.mode == "RGBA":
        paper = Image.new("RGB", picture.size, "white")
        paper.paste(picture, mask=picture)
        picture = paper
    with target.open("wb") as content:
        picture.save(content, "JPEG", quality=JPEG_QUALITY)
        content.flush()
        os.fsync(content.fileno())


def _named_like_a_card(name: str | None) -> bool:
    return any(word in fold(name or "") for word in _CARD_NAMES)


def looks_like_a_card(picture: Image.Image) -> bool:
    """Whether a picture is, or mostly shows on an even background, a rectangle of the shape of an identity card.

    A guess that only leads to a friendly warning: a card held in the hand is not found, a business card is.
    """
    if _has_card_shape(picture.width, picture.height, 0.02):
        return True
    small = picture.convert("L")
    small.thumbnail((240, 240))
    corners = [small.getpixel((x, y)) for x in (1, small.width - 2) for y in (1, small.height - 2)]
    levels = sorted(int(level) for level in corners if isinstance(level, int | float))
    if len(levels) < 4 or min(small.size) < 40 or levels[-1] - levels[0] > 40:
        return False
    background = Image.new("L", small.size, levels[1])
    mask = ImageChops.difference(small, background).point([255 if level > 32 else 0 for level in range(256)])
    box = mask.getbbox()
    if box is None:
        return False
    width, height = box[2] - box[0], box[3] - box[1]
    covered = mask.crop(box).histogram()[255] / (width * height)
    share = width * height / (small.width * small.height)
    return 0.12 < share < 0.9 and covered > 0.8 and _has_card_shape(width, height, 0.08)


def _has_card_shape(width: int, height: int, tolerance: float) -> bool:
    ratio = max(width, height) / max(1, min(width, height))
    return abs(ratio / CARD_RATIO - 1) < tolerance


# -- what nobody needs ------------------------------------------------------------------------------------------------


async def sweep_orphans(database: Database, folder: Path) -> int:
    """Delete files that came more than a day ago and whose content no row took; returns how many went."""
    old = await asyncio.to_thread(_old_blobs, folder, time.time() - ORPHAN_AGE.total_seconds())
    gone = 0
    for path in old:
        digest = path.stem
        known = await database.read(lambda c, d=digest: request_files.is_known(c, d))  # type: ignore[misc]
        if not known:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            gone += 1
    if gone:
        log.info("orphan_files_removed", count=gone)
    return gone


def _old_blobs(folder: Path, before: float) -> list[Path]:
    parts = list((folder / "incoming").glob("*.*"))
    for part in parts:
        if part.stat().st_mtime < before:
            part.unlink(missing_ok=True)
    kept = [path for path in folder.glob("[0-9a-f][0-9a-f]/*") if len(path.stem) == 64 and path.suffix in ("", SMALL)]
    return [path for path in kept if path.stat().st_mtime < before]
