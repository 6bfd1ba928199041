"""``requests export``: support requests as XLSX or CSV."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from bot.config import Settings, load_settings
from bot.errors import CommandError
from db import migrate
from db.engine import Database, sqlite_path
from db.models import RequestStatus
from db.queries import departments, operations, turns
from db.queries import request_export as queries
from db.queries.request_export import ExportFilter
from desk.tables import BOM, Cell, Format, Sheet, csv_text
from handlers.context import VIETNAM
from knowledge.taxonomy import load_taxonomy
from staff.request_export import cells, header

BATCH = 1000
STDOUT = "-"

Batch = list[list[Cell]]


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"«{text}» is not a day like 2026-11-22") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = actions.add_parser("export", help="write support requests, oldest first, to an XLSX or CSV file")
    export.add_argument(
        "out", metavar="FILE", nargs="?", default="yeu-cau.xlsx",
        help="ends in .xlsx or .csv (yeu-cau.xlsx); - writes CSV to standard output",
    )  # fmt: skip
    export.add_argument("--status", choices=[status.value for status in RequestStatus], help="only those that stand so")
    export.add_argument("--topic", help="only those of one topic, by its id")
    export.add_argument("--since", type=_day, metavar="DAY", help="filed on this day or later, as 2026-11-22")
    export.add_argument("--until", type=_day, metavar="DAY", help="filed on this day or earlier")


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say how many requests it holds."""
    kind = _format(arguments.out)
    if arguments.topic is not None and arguments.topic not in load_taxonomy().topics:
        raise CommandError(f"there is no topic «{arguments.topic}»; its id is one of knowledge/taxonomy.yaml", 2)
    wanted = ExportFilter(
        arguments.status, arguments.topic, _begins(arguments.since),
        _begins(arguments.until + dt.timedelta(days=1)) if arguments.until else None,
    )  # fmt: skip
    count = asyncio.run(_export(load_settings(), wanted, arguments.out, kind))
    print(f"requests {count}\nwritten {arguments.out}", file=sys.stderr if arguments.out == STDOUT else sys.stdout)
    return 0


def _format(out: str) -> Format:
    if out == STDOUT:
        return Format.CSV
    try:
        return Format(Path(out).suffix.removeprefix(".").lower())
    except ValueError:
        raise CommandError(f"«{out}» must end in .xlsx or .csv", 2) from None


def _begins(day: dt.date | None) -> dt.datetime | None:
    return dt.datetime.combine(day, dt.time(), VIETNAM) if day else None


async def _export(settings: Settings, wanted: ExportFilter, out: str, kind: Format) -> int:
    database = Database(settings.database_url)
    try:
        department_id = await _department(database)
        labels = await database.read(lambda c: turns.topic_labels(c, department_id=department_id))
        await database.write(
            lambda c: operations.audit(
                c, department_id=department_id, action="requests.exported", now=dt.datetime.now(dt.UTC),
                filters=sorted(name for name, value in vars(wanted).items() if value is not None), format=kind.value,
            )
        )  # fmt: skip
        writer = _Writer(out, kind)
        after_id, count = 0, 0
        try:
            with tqdm(desc="requests", disable=not sys.stderr.isatty()) as bar:
                while True:
                    rows = await database.read(
                        lambda c, a=after_id: queries.list_in_full(  # type: ignore[misc]
                            c, wanted, department_id=department_id, after_id=a, limit=BATCH
                        )
                    )
                    writer.add([cells(row, labels) for row in rows])
                    count += len(rows)
                    bar.update(len(rows))
                    if len(rows) < BATCH:
                        break
                    after_id = rows[-1].id
            writer.finish()
        finally:
            writer.close()
    except SQLAlchemyError as error:
        where = database.url.render_as_string(hide_password=True)
        raise CommandError(
            f"the database {where} cannot be used: {type(error).__name__}; check DATABASE_URL"
        ) from error
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror or type(error).__name__}") from error
    finally:
        await database.close()
    return count


async def _department(database: Database) -> int:
    """The department's id. Reading must not create a database, so one that is missing is said to be."""
    path = sqlite_path(database.url)

    def read(connection: Connection) -> int | None:
        row = departments.find_department(connection) if migrate.current_revision(connection) else None
        return int(row.id) if row is not None else None

    found = await database.read(read) if path is None or path.exists() else None
    if found is None:
        raise CommandError("there is no prepared database yet; start the service once with `serve`")
    return found


class _Writer:
    """The file being written: under a name of its own until it is whole."""

    def __init__(self, out: str, kind: Format) -> None:
        self._out = None if out == STDOUT else Path(out)
        self._part = Path(out + ".part")
        self._sheet = Sheet("yeu-cau", header()) if kind is Format.XLSX else None
        self._file = None
        if self._sheet is None:
            # a descriptor of our own: a terminal's encoding may not know Vietnamese
            target = sys.stdout.fileno() if self._out is None else self._part
            self._file = open(target, "w", encoding="utf-8", newline="", closefd=self._out is not None)  # noqa: SIM115
            self._file.write(BOM + csv_text([header()]))

    def add(self, rows: Batch) -> None:
        """Write more rows."""
        if self._sheet is not None:
            self._sheet.append(rows)
        elif self._file is not None:
            self._file.write(csv_text(rows))

    def finish(self) -> None:
        """Give the file its name: everything is in it."""
        if self._sheet is not None:
            with self._part.open("wb") as file:
                self._sheet.save(file)
        elif self._file is not None:
            self._file.close()
        if self._out is not None:
            self._part.replace(self._out)

    def close(self) -> None:
        """Let everything go; of a file that was not finished nothing is left."""
        if self._sheet is not None:
            self._sheet.discard()
        elif self._file is not None:
            self._file.close()
        if self._out is not None:
            self._part.unlink(missing_ok=True)
