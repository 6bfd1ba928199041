"""What simpler search gives on the same content and questions: ``python -m benchmark.baselines``.

Each baseline ranks the same questions of our entries; its threshold for refusing is the best one on ``benchmark/fit``.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from rapidfuzz import fuzz, process
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from benchmark.scoring import read_lines
from knowledge.base import KnowledgeBase
from knowledge.loader import load_content
from knowledge.text import fold

HERE = Path(__file__).parent


class Baseline(ABC):
    """Ranks phrases of the content; the topic of the best one is the answer."""

    name: str

    def __init__(self, phrases: Sequence[str], topics: Sequence[str]) -> None:
        self.phrases, self.topics = phrases, topics

    @abstractmethod
    def best(self, text: str) -> tuple[str, float]:
        """The topic found and its score."""


class ExtractOne(Baseline):
    name = "rapidfuzz extractOne (WRatio)"

    def best(self, text: str) -> tuple[str, float]:
        found = process.extractOne(text, self.phrases, scorer=fuzz.WRatio)
        return (self.topics[found[2]], found[1]) if found else ("", 0.0)


class TokenSet(Baseline):
    name = "rapidfuzz token_set_ratio, bare"

    def __init__(self, phrases: Sequence[str], topics: Sequence[str]) -> None:
        super().__init__([fold(phrase) for phrase in phrases], topics)

    def best(self, text: str) -> tuple[str, float]:
        found = process.extractOne(fold(text), self.phrases, scorer=fuzz.token_set_ratio)
        return (self.topics[found[2]], found[1]) if found else ("", 0.0)


class Fts5(Baseline):
    name = "SQLite FTS5, bare"

    def __init__(self, phrases: Sequence[str], topics: Sequence[str]) -> None:
        super().__init__(phrases, topics)
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE phrases USING fts5(body)")
        self._db.executemany(
            "INSERT INTO phrases(rowid, body) VALUES (?, ?)", [(n, fold(phrase)) for n, phrase in enumerate(phrases)]
        )

    def best(self, text: str) -> tuple[str, float]:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", fold(text)))
        if not words:
            return "", 0.0
        query = "SELECT rowid, -bm25(phrases) FROM phrases WHERE phrases MATCH ? ORDER BY bm25(phrases) LIMIT 1"
        row = self._db.execute(query, (words,)).fetchone()
        return (self.topics[row[0]], row[1]) if row else ("", 0.0)


class Bm25s(Baseline):
    name = "bm25s, bare"

    def __init__(self, phrases: Sequence[str], topics: Sequence[str]) -> None:
        super().__init__(phrases, topics)
        self._index = bm25s.BM25()
        self._index.index([fold(phrase).split() for phrase in phrases], show_progress=False)

    def best(self, text: str) -> tuple[str, float]:
        words = [word for word in re.findall(r"\w+", fold(text)) if word in self._index.vocab_dict]
        if not words:
            return "", 0.0
        rows, scores = self._index.retrieve([words], k=1, show_progress=False)
        return self.topics[int(rows[0, 0])], float(scores[0, 0])


class CharacterClassifier(Baseline):
    name = "character n-gram classifier, bare"

    def __init__(self, phrases: Sequence[str], topics: Sequence[str]) -> None:
        super().__init__(phrases, topics)
        self._vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True)
        matrix = self._vectors.fit_transform([fold(phrase) for phrase in phrases])
        self._model = LogisticRegression(C=8.0, max_iter=25, tol=1e-2)
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._model.fit(matrix, topics)

    def best(self, text: str) -> tuple[str, float]:
        chances = self._model.predict_proba(self._vectors.transform([fold(text)]))[0]
        at = int(chances.argmax())
        return str(self._model.classes_[at]), float(chances[at])


BASELINES: tuple[type[Baseline], ...] = (ExtractOne, TokenSet, Fts5, Bm25s, CharacterClassifier)


def _threshold(baseline: Baseline) -> float:
    """The score that does best on the fitting set: right answers less half the wrong ones less the false ones."""
    inside = [(baseline.best(q["text"]), q["topics"]) for q in read_lines(HERE / "fit" / "questions.jsonl")]
    outside = [baseline.best(q["text"])[1] for q in read_lines(HERE / "fit" / "oos.jsonl")]
    scores = sorted({score for (_, score), _ in inside} | set(outside))

    def worth(limit: float) -> float:
        right = sum(score >= limit and topic in topics for (topic, score), topics in inside)
        wrong = sum(score >= limit and topic not in topics for (topic, score), topics in inside)
        return right - 0.5 * wrong - sum(score >= limit for score in outside)

    return max(scores, key=worth)


def main() -> int:
    """Print one line a baseline."""
    knowledge = KnowledgeBase(load_content().records)
    pairs = [(name, topic.id) for topic in knowledge.topics.values() for name in (*topic.names, *topic.situations)]
    pairs += [(q, entry.topic) for entry in knowledge.entries.values() for q in (entry.title, *entry.questions)]
    pairs += [(q, f"ref:{card.id}") for card in knowledge.referrals.values() for q in card.questions]
    questions, outside = read_lines(HERE / "dev" / "questions.jsonl"), read_lines(HERE / "dev" / "oos.jsonl")
    print(f"{'':34} topic@1  answered right  wrong  out of scope answered   ms")
    for kind in tqdm(BASELINES, desc="baselines", disable=not sys.stderr.isatty()):
        baseline = kind([text for text, _ in pairs], [topic for _, topic in pairs])
        limit = _threshold(baseline)
        started = time.perf_counter()
        found = [baseline.best(q["text"]) for q in questions]
        elapsed = (time.perf_counter() - started) / len(questions) * 1000
        first = np.mean([topic in q["topics"] for (topic, _), q in zip(found, questions, strict=True)])
        said = [(topic, score >= limit and not topic.startswith("ref:")) for topic, score in found]
        right = np.mean(
            [answered and topic in q["topics"] for (topic, answered), q in zip(said, questions, strict=True)]
        )
        wrong = np.mean(
            [answered and topic not in q["topics"] for (topic, answered), q in zip(said, questions, strict=True)]
        )
        false = np.mean(
            [s >= limit and not t.startswith("ref:") for t, s in (baseline.best(q["text"]) for q in outside)]
        )
        print(f"{baseline.name:34} {first:6.1%}  {right:13.1%}  {wrong:5.1%}  {false:21.1%}  {elapsed:4.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
