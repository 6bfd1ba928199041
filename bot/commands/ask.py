"""``ask``: the channels' own decision function on the terminal, on a state held in memory. Writes and sends nothing."""

from __future__ import annotations

import argparse
import asyncio
import codecs
import datetime as dt
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from bot.config import Settings, load_settings
from bot.errors import CommandError
from bot.knowledge_store import load_for_reading
from handlers.answers import source_of
from handlers.context import Decision, DepartmentProfile, TurnContext
from handlers.dialogue import decide
from handlers.messages import Choice, IncomingMessage, MessageKind
from handlers.standing import Standing
from handlers.state import DialogueState
from knowledge.base import KnowledgeBase
from knowledge.explaining import class_names, explain_in_words
from knowledge.taxonomy import load_taxonomy
from knowledge.understanding import Candidate, Understander


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the question and its options."""
    parser.add_argument("question", nargs="?", help="what a person would type")
    parser.add_argument("--province", default=None, help="long-an, ben-tre, thai-binh, toan-quoc or today's names")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the reply")
    parser.add_argument(
        "--explain", action="store_true", help="after the reply: what was read as what, and why it was answered so"
    )
    parser.add_argument("--batch", type=Path, metavar="IN.jsonl", help="answer every line of a file")
    parser.add_argument("--out", type=Path, metavar="OUT.jsonl", help="where --batch writes, one line per input line")


def run(arguments: argparse.Namespace) -> int:
    """Answer one question or a whole file."""
    if bool(arguments.question) == bool(arguments.batch) or bool(arguments.batch) != bool(arguments.out):
        raise CommandError("give either a question, or --batch IN.jsonl together with --out OUT.jsonl", 2)
    settings = load_settings()
    knowledge, department = asyncio.run(load_for_reading(settings))
    answerer = Answerer(knowledge, department, settings)
    if arguments.question:
        return _one(answerer, arguments)
    return _batch(answerer, arguments.batch, arguments.out)


class LineError(ValueError):
    """An input line that cannot be used; the message says why."""


class Answerer:
    """Holds conversations in memory and answers them one after the other."""

    def __init__(self, knowledge: KnowledgeBase, department: DepartmentProfile, settings: Settings) -> None:
        self.understander = Understander(knowledge)
        self.department = department
        self.settings = settings

    def answer(self, line: dict[str, Any]) -> dict[str, Any]:
        """The output object for one input object.

        Raises:
            LineError: The line has neither ``text`` nor ``turns``, or an unknown province.
        """
        decision, province, elapsed_ms = self.decide(line)
        return {"id": line.get("id"), **describe(decision, province, self.understander), "ms": round(elapsed_ms, 2)}

    def decide(self, line: dict[str, Any]) -> tuple[Decision, str, float]:
        """The decision about the last turn of an input object, the person's province, and how many ms it took.

        Raises:
            LineError: The line has neither ``text`` nor ``turns``, or an unknown province.
        """
        turns = line.get("turns", [line.get("text")])
        if not isinstance(turns, list) or not turns or not all(isinstance(t, str) and t.strip() for t in turns):
            raise LineError("needs «text» or a non-empty list «turns» of non-empty strings")
        given = line.get("province") or "toan-quoc"
        province = load_taxonomy().province_id(given) if isinstance(given, str) else None
        if province is None:
            raise LineError(f"unknown province «{given}»")
        state = DialogueState(greeted=True, province=province)
        started = time.perf_counter()
        for number, text in enumerate(turns):
            started = time.perf_counter()
            context = TurnContext(
                understander=self.understander, department=self.department, now=dt.datetime.now(dt.UTC),
                turn_key=f"ask{number:06d}", retention_days=self.settings.retention_days,
                standing=Standing(),
            )  # fmt: skip
            decision = decide(context, state, [IncomingMessage(MessageKind.TEXT, text)])
            state = decision.state
        return decision, province, (time.perf_counter() - started) * 1000


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {"topic": candidate.topic, "facet": candidate.facet, "article": candidate.article, "score": candidate.score}


def _also(candidate: Candidate, knowledge: KnowledgeBase) -> dict[str, Any]:
    """The second answer of a reply, in the contract's terms."""
    entry = knowledge.entries.get(candidate.article or "")
    sources = [
        source_of(knowledge.documents[source.document], source.clause)
        for source in (entry.sources if entry else ())
        if source.document in knowledge.documents
    ]
    return {"topic": candidate.topic, "facet": candidate.facet, "article": candidate.article, "sources": sources}


def _choice(choice: Choice, knowledge: KnowledgeBase) -> dict[str, Any]:
    """What a tap leads to, in the contract's terms."""
    action, _, argument = choice.data.partition(":")
    topic = facet = article = None
    if action == "q":
        topic, _, facet = argument.partition(":")
        entry = knowledge.facet_entry(topic, facet)
        article = entry.id if entry else None
    elif action == "t":
        topic = argument
    elif action in {"e", "x"}:
        article = knowledge.article(argument)
        if article and (document := knowledge.document_of(article)):
            topic, facet = document.topic, "can-cu"
        elif article:
            topic, facet = knowledge.entries[article].topic, knowledge.entries[article].facet
    return {"label": choice.label, "topic": topic, "facet": facet, "article": article}


def describe(decision: Decision, province: str, understander: Understander) -> dict[str, Any]:
    """A decision in the shape of the contract's output line."""
    log, understanding = decision.log, decision.log.understanding
    also = understanding.also if understanding else None
    choices = decision.replies[-1].choices if decision.replies else ()
    return {
        "outcome": log.outcome or "small_talk",
        "topic": log.topic if log.outcome == "answer" else None,
        "facet": log.facet if log.outcome == "answer" else None,
        "article": log.article if log.outcome == "answer" else None,
        "province": log.province or province,
        "confidence": understanding.confidence if understanding else 1.0,
        "text": "\n\n".join(reply.text for reply in decision.replies)[:1500],
        "sources": list(log.sources),
        "candidates": [_candidate(c) for c in understanding.candidates] if understanding else [],
        "choices": [_choice(c, understander.knowledge) for c in choices],
        "also": _also(also, understander.knowledge) if also else None,
        "reason": understanding.reason.value if understanding and understanding.reason else None,
        "agency": log.agency,
    }


def explain_lines(decision: Decision, knowledge: KnowledgeBase) -> list[str]:
    """Why a question was decided as it was, in Vietnamese; nothing for what was decided without a search."""
    if decision.log.understanding is None:
        return []
    topics = {topic: knowledge.label(topic) for topic in knowledge.topics}
    cards = [(card.id, card.title, card.agency) for card in knowledge.referrals.values()]
    return explain_in_words(decision.log.understanding, class_names(topics, cards))


def _one(answerer: Answerer, arguments: argparse.Namespace) -> int:
    line = {"id": None, "text": arguments.question, "province": arguments.province}
    try:
        decision, province, elapsed_ms = answerer.decide(line)
    except LineError as error:
        raise CommandError(f"the question cannot be used: {error}", 2) from error
    answer = {"id": None, **describe(decision, province, answerer.understander), "ms": round(elapsed_ms, 2)}
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
        return 0
    print(answer["text"])
    for number, choice in enumerate(answer["choices"], start=1):
        print(f"  {number}. {choice['label']}")
    if arguments.explain:
        print("\n" + "\n".join(explain_lines(decision, answerer.understander.knowledge)))
    return 0


def _batch(answerer: Answerer, source: Path, target: Path) -> int:
    try:
        # only "\n" ends a line: JSON may hold other separators as they are
        lines = source.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n")
        opened = target.open("wb")
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}", 2) from error
    failed = False
    with opened as out:
        for number, raw in enumerate(tqdm(lines, unit="q", disable=not sys.stderr.isatty()), start=1):
            if not raw.strip():
                continue
            identifier: object = number
            try:
                line = orjson.loads(raw)
                if not isinstance(line, dict):
                    raise LineError("not a JSON object")
                identifier = line.get("id", number)
                result = answerer.answer(line)
            except (LineError, orjson.JSONDecodeError) as error:
                failed = True
                result = {"id": identifier, "error": str(error)}
            out.write(orjson.dumps(result) + b"\n")
    return 1 if failed else 0
