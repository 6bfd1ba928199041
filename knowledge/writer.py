"""Records back into the files ``loader`` reads: what a curator changed in the console, in the writers' own format."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from knowledge.loader import DETAILS_HEADING, load_content
from knowledge.schema import Document, Entry, Record, Referral, Topic, kind_of


class _Dumper(yaml.SafeDumper):
    """Lists indented under their key, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's signature
        del indentless
        super().increase_indent(flow, indentless=False)


def file_path(record: Record) -> str:
    """Where the record's file stands below the content root."""
    match record:
        case Topic():
            return f"content/{record.topic}/_topic.yaml"
        case Entry():
            return f"content/{record.id}.md"
        case Document():
            return f"documents/{record.id}.yaml"
        case Referral():
            return f"referrals/{record.id}.yaml"


def file_text(record: Record) -> str:
    """The record's file; reading it gives the same record."""
    data = {key: _plain(value) for key, value in record.model_dump().items()}
    if not isinstance(record, Topic):
        del data["id"]  # the file's name says it
    if not isinstance(record, Entry):
        return _yaml(data)
    del data["answer"], data["details"]
    body = f"---\n{_yaml(data)}---\n{record.answer}\n"
    return body + (f"\n{DETAILS_HEADING}\n{record.details}\n" if record.details else "")


def _plain(value: Any) -> Any:
    match value:
        case tuple() | list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case str():
            return str(value)  # of an enumeration: its value
        case _:
            assert value is None or isinstance(value, dt.date | int | float)
            return value


def _yaml(data: dict[str, Any]) -> str:
    # a folded line would be hard to compare from one version to the next
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000_000)


@dataclass
class WriteReport:
    """What ``write_content`` did, as paths below the root. ``broken`` files do not read back as their record."""

    written: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    unchanged: int = 0


def write_content(root: Path, records: Iterable[Record], *, remove_surplus: bool = False) -> WriteReport:
    """Make the files below ``root`` say what ``records`` say.

    A file that already reads as its record is left as its author laid it out. Files of no record are listed and, if
    asked for, removed. Everything is read again at the end.

    Raises:
        OSError: A file cannot be written.
    """
    report = WriteReport()
    present = {file.path: file.record for file in load_content(root).files}
    wanted = {file_path(record): record for record in records}
    for path, record in wanted.items():
        if present.get(path) == record:
            report.unchanged += 1
            continue
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file_text(record), encoding="utf-8", newline="\n")
        report.written.append(path)
    report.surplus = sorted(present.keys() - wanted.keys())
    if remove_surplus:
        for path in report.surplus:
            (root / path).unlink()
    read_back = {(kind_of(file.record), file.path): file.record for file in load_content(root).files}
    report.broken = [path for path, record in wanted.items() if read_back.get((kind_of(record), path)) != record]
    return report
