"""How another bot is asked: by a command over a file of lines, or by HTTP, one line at a time. See README.md."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import httpx
from tqdm import tqdm

from benchmark.scoring import Line, read_lines

_TIMEOUT_S = 60.0
_ASKED = ("id", "text", "turns", "province")


def _without_labels(question: Line) -> Line:
    return {key: question[key] for key in _ASKED if key in question}


class BotError(Exception):
    """Another bot cannot be asked at all; the message says why."""


class Bot(ABC):
    """Something that answers questions in the shape of ``ask --batch``."""

    @abstractmethod
    def answer_all(self, questions: Sequence[Line], name: str) -> dict[str, Line]:
        """Answers by question id; a question without an answer is missing.

        Raises:
            BotError: The bot cannot be started or reached, or answered nothing.
        """

    def ask(self, questions: Sequence[Line], name: str) -> dict[str, Line]:
        """An answer to every question; one without an answer has an empty one, which counts as refused.

        Raises:
            BotError: The bot cannot be started or reached, or answered nothing.
        """
        found = self.answer_all(questions, name)
        missing = sum(question["id"] not in found for question in questions)
        if missing:
            print(f"{name}: {missing} of {len(questions)} lines got no answer and count as refused", file=sys.stderr)
        return {question["id"]: found.get(question["id"], {}) for question in questions}


class CommandBot(Bot):
    """A command with ``{in}`` and ``{out}``, which stand for files of JSON lines."""

    def __init__(self, command: str) -> None:
        self._command = command

    def answer_all(self, questions: Sequence[Line], name: str) -> dict[str, Line]:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
            lines = [json.dumps(_without_labels(q), ensure_ascii=False) for q in questions]
            source.write_text("\n".join(lines) + "\n", encoding="utf-8")
            words = [
                word.replace("{in}", str(source)).replace("{out}", str(target)) for word in shlex.split(self._command)
            ]
            print(f"{name}: asking {len(lines)} lines", file=sys.stderr)
            try:
                status = subprocess.run(words, check=False).returncode
            except OSError as error:
                raise BotError(f"the command cannot be started: {error}") from error
            try:
                answers = {answer["id"]: answer for answer in read_lines(target) if "id" in answer}
            except (ValueError, TypeError) as error:
                raise BotError(f"what the command wrote is not one JSON object a line: {error}") from error
            if not answers:
                raise BotError(f"the command ended with status {status} and wrote no line with an «id» to {{out}}")
            return answers


class HttpBot(Bot):
    """An address that takes one question as JSON and gives one answer as JSON."""

    def __init__(self, url: str) -> None:
        self._url = url

    def answer_all(self, questions: Sequence[Line], name: str) -> dict[str, Line]:
        answers: dict[str, Line] = {}
        with httpx.Client(timeout=_TIMEOUT_S) as client:
            for question in tqdm(questions, desc=name, unit="q", disable=not sys.stderr.isatty()):
                try:
                    reply = client.post(self._url, json=_without_labels(question))
                except httpx.TimeoutException:
                    continue
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise BotError(f"{self._url} cannot be reached: {error}") from error
                answer = _object_in(reply)
                if answer is not None:
                    answers[question["id"]] = {**answer, "id": question["id"]}
        if not answers:
            raise BotError(f"{self._url} answered none of {len(questions)} lines with status 200 and a JSON object")
        return answers


def _object_in(reply: httpx.Response) -> Line | None:
    """The JSON object of a reply; None for an error or anything else."""
    try:
        found = reply.json() if reply.is_success else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
