"""Lists as files: read in batches, bounded, written to the audit log before the first byte goes out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response, StreamingResponse

from db.queries import operations
from desk.tables import BOM, MOST_ROWS, Cell, Format, Sheet, csv_text
from staff.access import Console, Visit
from staff.clock import local
from staff.texts import word

BATCH = 1000
CHUNK = 256 * 1024
SHEETS_AT_ONCE = 2  # each keeps a core busy for seconds

Rows = list[Sequence[Cell]]
_slots = asyncio.Semaphore(SHEETS_AT_ONCE)


@dataclass(frozen=True)
class Export:
    """A list on its way into a file.

    ``next_rows`` takes the place to go on from (None at the beginning) and gives rows and the next place, None after
    the last ones. ``filters`` are the names of the conditions that were set, for the audit log.
    """

    name: str
    action: str
    header: Sequence[str]
    next_rows: Callable[[Any], Awaitable[tuple[Rows, Any]]]
    filters: Sequence[str] = ()


async def batches(export: Export) -> AsyncIterator[Rows]:
    """All rows, ``MOST_ROWS`` at most; where there are more, the last one says so."""
    place: Any = None
    left = MOST_ROWS
    while True:
        rows, place = await export.next_rows(place)
        if len(rows) > left or (len(rows) == left and place is not None):
            yield [*rows[:left], [word("export.more", most=MOST_ROWS)]]
            return
        left -= len(rows)
        if rows:
            yield rows
        if place is None:
            return


async def send(console: Console, visit: Visit, export: Export, kind: Format) -> Response:
    """The file as a download."""
    now = console.now()
    await console.database.write(
        lambda c: operations.audit(
            c, department_id=console.department_id, action=export.action, now=now,
            staff_member_id=visit.signed_in.id, filters=sorted(export.filters), format=kind.value,
        )
    )  # fmt: skip
    content = _csv(export) if kind is Format.CSV else _xlsx(export)
    name = f"{export.name}-{local(now).date()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type=kind.media_type, headers=headers)


async def _csv(export: Export) -> AsyncIterator[str]:
    yield BOM + csv_text([export.header])
    async for rows in batches(export):
        yield csv_text(rows)


async def _xlsx(export: Export) -> AsyncIterator[bytes]:
    with tempfile.TemporaryFile() as file:
        async with _slots:
            sheet = Sheet(export.name, export.header)
            try:
                async for rows in batches(export):
                    await asyncio.to_thread(sheet.append, rows)
                await asyncio.to_thread(sheet.save, file)
            finally:
                sheet.discard()  # whoever asked may be gone
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
