"""Read content files into records, and say where what is wrong with a file stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from knowledge.schema import Document, Entry, Record, Referral, Topic, kind_of

ROOT = Path(__file__).parent
DETAILS_HEADING = "## Chi tiết"


@dataclass(frozen=True)
class Problem:
    """Something wrong with content. ``line`` counts from 1; ``severity`` is ``error`` or ``warning``."""

    path: str
    line: int
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        """As ``path:line: severity: message``, which editors turn into a link."""
        return f"{self.path}:{self.line}: {self.severity}: {self.message}"


@dataclass(frozen=True)
class LoadedFile:
    """One valid record with the file it came from and the hash of that file's bytes."""

    record: Record
    path: str
    sha256: str

    @property
    def key(self) -> tuple[str, str]:
        """Kind and id, unique in a knowledge base."""
        return kind_of(self.record), self.record.id


@dataclass
class Content:
    """Everything read from a content root, valid or not."""

    files: list[LoadedFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        """The valid records in file order."""
        return [file.record for file in self.files]


class _ContentError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser reads ten times faster


class _LineLoader(_SafeLoader):  # type: ignore[misc]  # one of two classes, both safe
    """A safe loader that refuses a key given twice: the second would silently win."""


def _mapping(loader: _LineLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"«{key.value}» is given twice", key.start_mark)
        seen.add(key.value)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=deep)


_LineLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _parse_yaml(text: str, *, first_line: int) -> tuple[dict[str, Any], dict[str, int]]:
    """A mapping and the line of each of its top-level keys."""
    try:
        loader = _LineLoader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        raise _ContentError(first_line + line, f"not valid YAML: {error.problem}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise _ContentError(first_line, f"not valid YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode) or not isinstance(data, dict):
        raise _ContentError(first_line, "expected «key: value» lines")
    return data, {key.value: first_line + key.start_mark.line for key, _ in node.value}


def _split_markdown(text: str) -> tuple[str, str, str | None]:
    """Front matter, answer and optional details of an entry file."""
    if not text.startswith("---\n"):
        raise _ContentError(1, "an entry starts with a line «---»")
    front, found, body = text[4:].partition("\n---\n")
    if not found:
        raise _ContentError(1, "the front matter has no closing line «---»")
    answer, _, details = body.partition(f"\n{DETAILS_HEADING}\n")
    return front + "\n", answer.strip(), details.strip() or None


def _read_entry(path: Path, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    front, answer, details = _split_markdown(text)
    data, lines = _parse_yaml(front, first_line=2)
    body_line = front.count("\n") + 3
    lines |= {"answer": body_line, "details": body_line}
    return {**data, "id": f"{path.parent.name}/{path.stem}", "answer": answer, "details": details}, lines


def _read_topic(_path: Path, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    return _parse_yaml(text, first_line=1)


def _read_with_id(path: Path, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    data, lines = _parse_yaml(text, first_line=1)
    return {**data, "id": path.stem}, lines


def _sources(root: Path) -> Iterator[tuple[Path, type[Record]]]:
    for path in sorted((root / "content").glob("*/*")):
        if path.name == "_topic.yaml":
            yield path, Topic
        elif path.suffix == ".md":
            yield path, Entry
    for path in sorted((root / "documents").glob("*.yaml")):
        yield path, Document
    for path in sorted((root / "referrals").glob("*.yaml")):
        yield path, Referral


def load_content(root: Path = ROOT) -> Content:
    """Read every content file below ``root``; a broken file becomes problems and never hides the others.

    A file that is taken away between the listing and the reading counts as never there.
    """
    content = Content()
    for path, model in _sources(root):
        relative = path.relative_to(root).as_posix()
        lines: dict[str, int] = {}
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            content.problems.append(Problem(relative, 1, f"cannot be read: {error.strerror}"))
            continue
        try:
            text = raw.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
            reader = _read_entry if model is Entry else _read_topic if model is Topic else _read_with_id
            data, lines = reader(path, text)
            record = model.model_validate(data)
        except _ContentError as error:
            content.problems.append(Problem(relative, error.line, str(error)))
        except UnicodeDecodeError:
            content.problems.append(Problem(relative, 1, "not UTF-8 text"))
        except ValidationError as error:
            for issue in error.errors():
                key = str(issue["loc"][0]) if issue["loc"] else ""
                where = ".".join(str(part) for part in issue["loc"])
                message = issue["msg"].removeprefix("Value error, ")
                content.problems.append(Problem(relative, lines.get(key, 1), f"{where}: {message}".removeprefix(": ")))
        else:
            sha256 = hashlib.sha256(raw).hexdigest()
            content.files.append(LoadedFile(record=record, path=relative, sha256=sha256))
    return content
