"""The dialogues of ``tests/dialogues``: the same said gives the same stored and the same shown, on every channel.

A step is one of ``say``, ``burst`` (several texts at once), ``tap`` (a label, or ``text:`` and a key of the catalogue;
``reply`` counts the messages that show it), ``lost_button``, ``send``, and what it must lead to: ``turn`` (fields of
the turn stored by the step, or ``none``), ``replies`` (how many), ``shows`` (parts of the last reply, or ``text:`` and
a key for the whole of it).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from db.models import Conversation, Turn
from handlers.texts import say
from knowledge.understanding import QuestionContext, Understander, Understanding
from tests.channels.drivers import DIALOGUE_CHANNELS, Person, World, world
from tests.conftest import MakeSettings

FOLDER = Path(__file__).parent.parent / "dialogues"
DIALOGUES = sorted(FOLDER.glob("*.yaml"))
BREAKS = "câu làm hỏng"


class Fragile(Understander):
    """The real understanding, with a fault that one sentence brings out."""

    def __init__(self, sound: Understander) -> None:
        self.__dict__ = sound.__dict__

    def understand(self, text: str, context: QuestionContext = QuestionContext()) -> Understanding:  # noqa: B008
        if BREAKS in text:
            raise ZeroDivisionError(text)
        return super().understand(text, context)


def test_there_are_at_least_twelve() -> None:
    assert len(DIALOGUES) >= 12


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
async def test_dialogue(path: Path, make_settings: MakeSettings, understander: Understander) -> None:
    steps = load(path)
    async with world(make_settings, Fragile(understander), *DIALOGUE_CHANNELS) as w:
        transcripts = {name: await play(w, w.drivers[name].person(), steps) for name in DIALOGUE_CHANNELS}
    first = transcripts[DIALOGUE_CHANNELS[0]]
    for name, transcript in transcripts.items():
        assert transcript == first, f"{name} differs"


def load(path: Path) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["steps"]
    return steps


async def play(w: World, person: Person, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take every step, check it, and return what was stored and shown."""
    transcript: list[dict[str, Any]] = []
    replies_seen = turns_seen = 0
    for step in steps:
        await act(person, step)
        expected = step.get("replies", 1)
        shown = (await w.answered(person, at_least=replies_seen + expected))[replies_seen:]
        if not expected:
            await asyncio.sleep(0.2)
            await w.settled()
            shown = (await person.replies())[replies_seen:]
        turns = (await stored_turns(w, person))[turns_seen:]
        check(step, shown, turns)
        transcript.append({"shown": shown, "turns": turns})
        replies_seen += len(shown)
        turns_seen += len(turns)
    return transcript


async def act(person: Person, step: dict[str, Any]) -> None:
    if "say" in step:
        await person.says(str(step["say"]))
    elif "burst" in step:
        for text in step["burst"]:
            await person.says(text)
    elif "tap" in step:
        tap = step["tap"]
        await person.taps(say(tap["text"]) if isinstance(tap, dict) else tap, reply=step.get("reply", -1))
    elif "lost_button" in step:
        await person.taps_lost_button(step["lost_button"])
    else:
        await person.sends(step["send"])


def check(step: dict[str, Any], shown: list[dict[str, Any]], turns: list[dict[str, Any]]) -> None:
    assert len(shown) == step.get("replies", 1), (step, shown)
    if step.get("turn") == "none":
        assert turns == [], step
    elif "turn" in step:
        assert len(turns) == 1, (step, turns)
        wanted = step["turn"]
        assert {key: turns[0][key] for key in wanted} == wanted, (step, turns[0])
    expected = step.get("shows", [])
    if isinstance(expected, dict):
        assert shown[-1]["text"] == say(expected["text"]).strip(), step
    for part in expected if isinstance(expected, list) else []:
        assert part in shown[-1]["text"], (step, shown[-1])
    for label in step.get("offers", []):
        assert label in shown[-1]["choices"], (step, shown[-1])


async def stored_turns(w: World, person: Person) -> list[dict[str, Any]]:
    fields = (Turn.outcome, Turn.topic, Turn.facet, Turn.article, Turn.province, Turn.reason, Turn.text, Turn.feedback)
    statement = (
        select(*fields)
        .join(Conversation, Conversation.id == Turn.conversation_id)
        .where(Conversation.external_id == person.external_id())
        .order_by(Turn.id)
    )
    return [dict(row._mapping) for row in await w.database.read(lambda c: c.execute(statement).all())]
