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


class Bot(ABC):
    """Something that answers questions in the shape of ``ask --batch``."""

    @abstractmethod
    def answer_all(self, questions: Sequence[Line], name: str) -> dict[str, Line]:
        """Answers by question id; a question without an answer is missing and counts as refused."""


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
            subprocess.run(words, check=False)
            return {answer["id"]: answer for answer in read_lines(target) if "id" in answer}


class HttpBot(Bot):
    """An address that takes one question as JSON and gives one answer as JSON."""

    def __init__(self, url: str) -> None:
        self._url = url

    def answer_all(self, questions: Sequence[Line], name: str) -> dict[str, Line]:
        answers: dict[str, Line] = {}
        with httpx.Client(timeout=_TIMEOUT_S) as client:
            for question in tqdm(questions, desc=name, unit="q", disable=not sys.stderr.isatty()):
                reply = client.post(self._url, json=_without_labels(question))
                if reply.is_success:
                    answers[question["id"]] = {"id": question["id"], **reply.json()}
        return answers
