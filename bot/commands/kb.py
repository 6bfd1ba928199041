"""``kb check|report|import|export``: validate content, report on it, load it into the database, write it to files."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from bot.config import Settings, load_settings
from bot.errors import CommandError
from bot.knowledge_store import parse_records, prepare
from db import migrate
from db.engine import Database, sqlite_path
from db.queries import departments
from db.queries import knowledge as knowledge_queries
from knowledge.base import KnowledgeBase
from knowledge.check import check_content, summarise
from knowledge.leave_one_out import leave_one_out_rate, retraining_due
from knowledge.loader import ROOT, Content, load_content
from knowledge.report import write_report
from knowledge.schema import Record
from knowledge.writer import write_content

REPORT = ROOT.parent / "docs" / "knowledge.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="validate the content files; exit 1 if one has an error")
    check.add_argument("--topic", help="show only the problems of one topic")
    check.set_defaults(act=_check)
    report = actions.add_parser("report", help="write docs/knowledge.md: what there is and what must be confirmed")
    report.add_argument("--out", type=Path, default=REPORT, metavar="FILE.md", help="where the page is written")
    report.set_defaults(act=_report)
    load = actions.add_parser("import", help="load the content files into the database; a service takes them over")
    load.set_defaults(act=_import)
    for action in (check, report, load):
        action.add_argument(
            "--root", type=Path, default=ROOT, help="the folder that holds content/, documents/, referrals/"
        )
    export = actions.add_parser("export", help="write the published state back to files")
    export.add_argument("folder", type=Path, metavar="DIR", help="gets content/, documents/, referrals/")
    export.add_argument(
        "--prune", action="store_true", help="remove content files in DIR whose record is not published (any more)"
    )
    export.set_defaults(act=_export)


def run(arguments: argparse.Namespace) -> int:
    """Run the action asked for."""
    return int(arguments.act(arguments))


def _check_findable(content: Content) -> None:
    """Print how many questions find their topic when left out, and whether the weights are older than the content."""
    knowledge = KnowledgeBase(content.records)
    if not knowledge.entries:
        return
    with tqdm(desc="leave-one-out", unit="q", disable=not sys.stderr.isatty()) as bar:
        left_out = leave_one_out_rate(knowledge, progress=bar.update)
    print(f"questions that find their topic when left out: {left_out.rate:.1%} of {left_out.count}")
    if retraining_due(knowledge):
        print("the content has changed since the weights were trained: run «make train»")


def _report_is_current(content: Content) -> bool:
    """Whether the page in docs/ says what the content says; a note only, so that console edits break no build."""
    return REPORT.is_file() and REPORT.read_text(encoding="utf-8") == write_report(content.records)


def _check(arguments: argparse.Namespace) -> int:
    content = _load(arguments.root)
    problems = check_content(content, today=dt.date.today())  # noqa: DTZ011 - the curator's own day
    if arguments.topic:
        problems = [
            p for p in problems if p.path.startswith((f"content/{arguments.topic}/", "documents/", "referrals/"))
        ]
    for problem in problems:
        print(problem)
    errors = sum(problem.severity == "error" for problem in problems)
    counts = "  ".join(f"{name} {count}" for name, count in sorted(summarise(content).items()))
    print(f"\n{counts}\nerrors {errors}  warnings {len(problems) - errors}")
    if not arguments.topic and not errors:
        _check_findable(content)
        if arguments.root == ROOT and not _report_is_current(content):
            print("docs/knowledge.md is older than the content: run «python -m bot kb report»")
    return 1 if errors else 0


def _report(arguments: argparse.Namespace) -> int:
    content = _load(arguments.root)
    for problem in content.problems:
        print(problem)
    if content.problems:
        raise CommandError("nothing was written: correct the files above first")
    try:
        arguments.out.write_text(write_report(content.records), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{arguments.out} cannot be written: {error.strerror}") from error
    print(f"written {arguments.out}")
    return 0


def _load(root: Path) -> Content:
    content = load_content(root)
    if not content.files and not content.problems:
        raise CommandError(f"{root} holds no content; give the folder with content/, documents/ and referrals/", 2)
    return content


def _import(arguments: argparse.Namespace) -> int:
    content = _load(arguments.root)
    if content.problems:
        # a broken file would look like one that is gone, and retire what is published
        for problem in content.problems:
            print(problem)
        raise CommandError("nothing was imported: correct the files above first")
    report = asyncio.run(_write(load_settings(), content))
    for name in ("added", "updated", "retired", "conflicts"):
        found: list[str] = getattr(report, name)
        print(f"{name} {len(found)}")
        if found and (name == "conflicts" or len(found) <= 20):
            print("".join(f"  {record}\n" for record in found), end="")
    print(f"unchanged {report.unchanged}\nversion {report.version}")
    if report.conflicts:
        print("Conflicts were edited in the console and stay as they are there; `kb export` writes them to files.")
    return 0


async def _write(settings: Settings, content: Content) -> knowledge_queries.ImportReport:
    database = Database(settings.database_url)

    def write(connection: Connection) -> knowledge_queries.ImportReport:
        migrate.upgrade(connection)
        return prepare(connection, settings, content, dt.datetime.now(dt.UTC))

    try:
        return await database.write(write)
    except (SQLAlchemyError, OSError) as error:
        raise _unusable(database, error) from error
    finally:
        await database.close()


def _unusable(database: Database, error: Exception) -> CommandError:
    where = database.url.render_as_string(hide_password=True)
    return CommandError(f"the database {where} cannot be used: {type(error).__name__}; check DATABASE_URL")


def _export(arguments: argparse.Namespace) -> int:
    records = asyncio.run(_read(load_settings()))
    try:
        report = write_content(arguments.folder, records, remove_surplus=arguments.prune)
    except OSError as error:
        raise CommandError(f"{arguments.folder} cannot be written: {error.strerror}") from error
    print(f"written {len(report.written)}\nunchanged {report.unchanged}\nsurplus {len(report.surplus)}")
    if report.surplus and not arguments.prune:
        print("".join(f"  {path}\n" for path in report.surplus), end="")
        print("Surplus files are of no published record; --prune removes them.")
    if report.broken:
        raise CommandError(f"these files do not read back as what is published: {', '.join(report.broken[:5])}")
    return 0


async def _read(settings: Settings) -> list[Record]:
    database = Database(settings.database_url)

    def read(connection: Connection) -> list[tuple[str, dict[str, Any]]]:
        row = departments.find_department(connection) if migrate.current_revision(connection) else None
        return knowledge_queries.published_records(connection, department_id=row.id) if row else []

    path = sqlite_path(database.url)
    try:
        rows = await database.read(read) if path is None or path.exists() else []
    except (SQLAlchemyError, OSError) as error:
        raise _unusable(database, error) from error
    finally:
        await database.close()
    if not rows:
        raise CommandError("nothing is published in the database yet; `kb import` or `serve` does that")
    return parse_records(rows)
