"""What the classifiers learn from: the content, the phrase banks, the noise, and the messages of ``benchmark/fit``.

Never a line of another set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.noise import AUGMENT, rewrite
from benchmark.scoring import Line, read_lines
from knowledge.base import KnowledgeBase
from knowledge.ranking import BARE, OFFTOPIC, reference_class
from knowledge.reading import load_yaml
from knowledge.spelling import Language
from knowledge.syllables import is_syllable, tone_in_place
from knowledge.text import fold, words

_KNOWLEDGE = Path(__file__).parent.parent / "knowledge"
_OPENINGS = (
    "", "", "", "", "em hỏi", "nhà tôi", "công ty tôi", "hợp tác xã em", "cơ sở tui", "anh chị cho em hỏi",
    "tôi muốn biết",
    "bên em", "chú tôi", "ở tỉnh mình", "mình đang", "xã tôi",
)  # fmt: skip
_JOINTS = (" ", " ", " thì ", ", ", " vậy ", ", cho hỏi ")
_SLOT = re.compile(r"\{\w+\}")
_FILLINGS = 9
FIT = Path(__file__).parent / "fit"
QUESTIONS, OUTSIDE, DIALOGUES = "questions", "oos", "dialogues"
_NOISES = ("nodiac", "nodiac", "typo", "teencode", "dialect", "joined", "courtesy")


@dataclass(frozen=True)
class Example:
    """A text as typed, what it is about, and how much it counts."""

    text: str
    label: str
    weight: float = 1.0


# -- the model of the language --------------------------------------------------------------------------------------


def _sentences(knowledge: KnowledgeBase) -> Iterator[tuple[str, int]]:
    """Texts with diacritics, and how many times each counts."""
    for topic in knowledge.topics.values():
        for text in (topic.label, *topic.names, *topic.situations):
            yield text, 2
    for entry in knowledge.entries.values():
        for text in (entry.title, *entry.questions):
            yield text, 2
        yield entry.answer, 1
        yield entry.details or "", 1
    for card in knowledge.referrals.values():
        for text in (card.title, card.answer, *card.questions, *card.keywords):
            yield text, 1
    for document in knowledge.documents.values():
        for text in (document.title, document.subject, *document.names):
            yield text, 1
    for name, times in (("facets", 3), ("cues", 3), ("offtopic", 2)):
        for phrases in load_yaml(name).values():
            for phrase in phrases:
                yield phrase, times
    situations = load_yaml("situations")
    for values in situations["slots"].values():
        for value in values:
            yield value, 3
    for templates in (*situations["topics"].values(), situations["background"]):
        for template in templates:
            for part in _SLOT.split(template):
                yield part, 2
    for phrase in load_yaml("courtesy")["phrases"]:
        yield phrase, 2
    for meanings in load_yaml("dialect").values():
        for meaning in meanings:
            yield meaning, 1
    for key in load_yaml("dialect"):
        yield key, 2
    for kind in (QUESTIONS, OUTSIDE):
        for message in fit_lines(kind):
            if message["noise"] == "clean":
                yield message["text"], 2
    for line in (_KNOWLEDGE / "colloquial.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line, 4


def count_language(knowledge: KnowledgeBase) -> Language:
    """Words and pairs of everything that is written with diacritics."""
    short_forms = {key for key in load_yaml("abbreviations") if " " not in key}
    english = {word for key in load_yaml("english") for word in key.split()}
    sentences: list[list[str]] = []
    for text, times in _sentences(knowledge):
        for part in text.replace(";", ".").split("\n"):
            tokens = [token if token.isascii() else tone_in_place(token) for token in words(part)]
            letters = [token for token in tokens if token.isalpha()]
            marked = sum(not token.isascii() for token in letters)
            if len(letters) >= 3 and marked < 0.25 * len(letters):
                continue  # a variant typed without diacritics teaches the wrong words
            kept = [token for token in tokens if token.isalpha() and token not in short_forms]
            sentences += [kept] * times
    raw = Language.count(sentences, least_pair=1)
    known = {
        word: count
        for word, count in raw.words.items()
        if (is_syllable(word) and count >= 2) or (count >= 3 and (word in english or word.isascii()))
    }
    # a word seen a handful of times beside a thousandfold sibling of the same letters is a slip of the writers
    most: dict[str, int] = {}
    for word, count in known.items():
        most[fold(word)] = max(count, most.get(fold(word), 0))
    known = {word: count for word, count in known.items() if count * 400 >= most[fold(word)]}
    pairs = {
        pair: count
        for pair, count in raw.pairs.items()
        if count >= 2 and all(word in known for word in pair.split(" "))
    }
    return Language.of(known, pairs)


# -- people's messages ----------------------------------------------------------------------------------------------


def fit_lines(kind: str) -> list[Line]:
    """The labelled messages that train and fit: every file of ``benchmark/fit`` whose name begins with ``kind``."""
    return [line for path in sorted(FIT.glob(f"{kind}*.jsonl")) for line in read_lines(path)]


def noisy_copies(line: Line) -> list[str]:
    """A message as others would have typed it; the same line always gives the same copies."""
    rng = random.Random(line["id"])
    if line.get("noise") in {"nodiac", "telex", "teencode"}:
        return [rewrite(line["text"], "courtesy", level=1.0, family=AUGMENT)]
    kinds = [kind for kind in ("nodiac", "teencode", "typo") if kind != line.get("noise")]
    # most people on a phone leave the diacritics out
    bare = rewrite(line["text"], "nodiac", level=1.0, family=AUGMENT)
    return [bare, rewrite(line["text"], rng.choice(kinds), level=rng.choice((0.5, 1.0)), family=AUGMENT)]


# -- topics ---------------------------------------------------------------------------------------------------------


def _plain_topics(knowledge: KnowledgeBase) -> Iterator[Example]:
    for topic in knowledge.topics.values():
        for text in (topic.label, *topic.names):
            yield Example(text, topic.id, 1.0)
        for text in topic.situations:
            yield Example(text, topic.id, 1.5)
    for entry in knowledge.entries.values():
        weight = 1.0 if entry.kind == "facet" else 0.7
        for text in (entry.title, *entry.questions):
            yield Example(text, entry.topic, weight)
    for document in knowledge.documents.values():
        yield Example(document.subject, document.topic, 0.5)
    for topic_id, phrases in load_yaml("cues").items():
        for phrase in phrases:
            yield Example(phrase, topic_id, 1.5)
    for card in knowledge.referrals.values():
        for text in (card.title, *card.questions, *card.keywords):
            yield Example(text, reference_class(card.id), 1.2)
    for phrases in load_yaml("offtopic").values():
        for phrase in phrases:
            yield Example(phrase, OFFTOPIC, 1.2)
    fixed = load_yaml("phrases")
    for kind in ("greeting", "thanks", "goodbye", "acknowledgement", "who", "identity"):
        for phrase in fixed[kind]:
            yield Example(phrase, OFFTOPIC, 0.5)


def _combined(knowledge: KnowledgeBase, rng: random.Random) -> Iterator[Example]:
    """Names, situations and cues with a question's wording behind them."""
    phrases = [phrase for bank in load_yaml("facets").values() for phrase in bank]
    subjects: list[tuple[str, str, int]] = []
    for topic in knowledge.topics.values():
        subjects += [(topic.id, text, 3) for text in (*topic.names, *topic.situations)]
    subjects += [(topic_id, phrase, 3) for topic_id, bank in load_yaml("cues").items() for phrase in bank]
    subjects += [
        (reference_class(card.id), text, 2)
        for card in knowledge.referrals.values()
        for text in (card.title, *card.keywords)
    ]
    subjects += [(OFFTOPIC, phrase, 2) for bank in load_yaml("offtopic").values() for phrase in bank]
    for label, text, times in subjects:
        for _ in range(times):
            opening, joint, phrase = rng.choice(_OPENINGS), rng.choice(_JOINTS), rng.choice(phrases)
            yield Example(f"{opening} {text}{joint}{phrase}".strip(), label, 0.6)


def _bare(rng: random.Random) -> Iterator[Example]:
    """Questions that name no matter at all: what a follow-up looks like."""
    fillers = load_yaml("situations")["fillers"]
    for phrases in load_yaml("facets").values():
        for phrase in phrases:
            yield Example(phrase, BARE, 1.0)
            for _ in range(2):
                yield Example(
                    f"{rng.choice(fillers)} {phrase} {rng.choice(('', '', 'vậy', 'hả', 'nữa', 'ạ'))}".strip(), BARE, 0.7
                )
    for filler in fillers:
        yield Example(filler, BARE, 1.0)


def _filled(rng: random.Random) -> Iterator[Example]:
    """Situations with their gaps filled at random: no product, crop or country decides a topic by itself."""
    data = load_yaml("situations")
    slots: dict[str, list[str]] = data["slots"]
    phrases = [phrase for bank in load_yaml("facets").values() for phrase in bank]

    def fill(template: str) -> str:
        return template.format(**{name: rng.choice(values) for name, values in slots.items()})

    for label, templates in data["topics"].items():
        for template in templates:
            for number in range(_FILLINGS):
                text = fill(template)
                if number % 3 == 1:
                    text = f"{rng.choice(_OPENINGS)} {text}{rng.choice(_JOINTS)}{rng.choice(phrases)}"
                elif number % 3 == 2:
                    before = ", ".join(fill(rng.choice(data["background"])) for _ in range(rng.choice((1, 1, 2, 3))))
                    text = f"{before}, {text}"
                    if rng.random() < 0.5:
                        text = f"{text}, {rng.choice(phrases)}"
                yield Example(text.strip(), label, 0.6)


def _rambling(knowledge: KnowledgeBase, rng: random.Random) -> Iterator[Example]:
    """Names, situations and questions of a topic inside a long story about something else."""
    data = load_yaml("situations")
    slots: dict[str, list[str]] = data["slots"]

    def fill(template: str) -> str:
        return template.format(**{name: rng.choice(values) for name, values in slots.items()})

    subjects = [(topic.id, text) for topic in knowledge.topics.values() for text in topic.situations]
    subjects += [
        (topic_id, phrase)
        for topic_id, bank in load_yaml("cues").items()
        for phrase in rng.sample(bank, min(12, len(bank)))
    ]
    questions = [
        (entry.topic, q) for entry in knowledge.entries.values() if entry.kind == "facet" for q in entry.questions
    ]
    subjects += rng.sample(questions, min(2500, len(questions)))
    # what is not ours is told at length as well; a story must not speak for a topic
    subjects += [
        (reference_class(card.id), text)
        for card in knowledge.referrals.values()
        for text in (*card.questions, *card.keywords)
    ]
    subjects += [(OFFTOPIC, phrase) for bank in load_yaml("offtopic").values() for phrase in bank]
    for label, text in subjects:
        parts = [fill(rng.choice(data["background"])) for _ in range(rng.choice((1, 2, 3)))]
        parts.insert(rng.randrange(len(parts) + 1), text)
        yield Example(", ".join(parts), label, 0.6)


def _noisy(examples: Iterable[Example], rng: random.Random, share: float) -> Iterator[Example]:
    for example in examples:
        if rng.random() < share:
            kind = rng.choice(_NOISES)
            yield Example(
                rewrite(example.text, kind, level=rng.choice((0.5, 1.0)), family=AUGMENT),
                example.label,
                0.5 * example.weight,
            )


def count_plain(knowledge: KnowledgeBase) -> int:
    """How many of the first ``topic_examples`` are texts of the content as they stand."""
    return sum(1 for _ in _plain_topics(knowledge))


def topic_examples(knowledge: KnowledgeBase, *, seed: int = 6, noise: float = 0.35) -> list[Example]:
    """Texts with the topic, the referral card or «off topic» they belong to."""
    rng = random.Random(seed)
    plain = list(_plain_topics(knowledge))
    combined = list(_combined(knowledge, rng))
    filled = [*_filled(rng), *_bare(rng)]
    rambling = list(_rambling(knowledge, rng))
    return [*plain, *combined, *filled, *rambling, *_noisy([*plain, *filled], rng, noise)]


# -- facets ---------------------------------------------------------------------------------------------------------


def facet_examples(knowledge: KnowledgeBase, *, seed: int = 7, noise: float = 0.3) -> list[Example]:
    """Texts with the facet they ask about."""
    rng = random.Random(seed)
    subjects = [text for topic in knowledge.topics.values() for text in (*topic.names, *topic.situations)]
    subjects += [phrase for bank in load_yaml("cues").values() for phrase in bank]
    plain: list[Example] = []
    for entry in knowledge.entries.values():
        if entry.kind == "facet":
            plain += [Example(text, entry.facet, 1.0) for text in entry.questions]
            plain.append(Example(entry.title, entry.facet, 0.5))
    combined: list[Example] = []
    for facet, phrases in load_yaml("facets").items():
        for phrase in phrases:
            combined.append(Example(phrase, facet, 2.0))
            for _ in range(8):
                opening, joint, subject = rng.choice(_OPENINGS), rng.choice(_JOINTS), rng.choice(subjects)
                if rng.random() < 0.8:
                    combined.append(Example(f"{opening} {subject}{joint}{phrase}".strip(), facet, 0.7))
                else:
                    combined.append(Example(f"{phrase} {subject}".strip(), facet, 0.5))
    bare = [Example(subject, "gioi-thieu", 0.4) for subject in rng.sample(subjects, min(900, len(subjects)))]
    return [*plain, *combined, *bare, *_noisy([*plain, *combined], rng, noise)]
