"""``make eval``: answer the development sets with our own bot and print how good the answers are.

``python -m benchmark.evaluate [--set dev|test|fit] [--show-wrong N]``; with ``EVAL_DIR`` the folder's sets beside ours.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from benchmark import scoring
from benchmark.scoring import Line
from bot.commands.ask import Answerer
from bot.config import load_settings
from bot.knowledge_store import read_department_file
from handlers.context import DepartmentProfile
from knowledge.base import KnowledgeBase
from knowledge.loader import load_content

HERE = Path(__file__).parent


def make_answerer() -> Answerer:
    """Our bot over the content files as they are, whatever a local database holds."""
    settings = load_settings()
    profile, _ = read_department_file(settings.department_file)
    profile.pop("slug")
    phones = tuple(profile.pop("phones"))
    department = DepartmentProfile(id=0, phones=phones, **profile)
    return Answerer(KnowledgeBase(load_content().records), department, settings)


def answer_all(answerer: Answerer, questions: Sequence[Line], name: str) -> dict[str, Line]:
    """Answers by id."""
    return {q["id"]: answerer.answer(q) for q in tqdm(questions, desc=name, unit="q", disable=not sys.stderr.isatty())}


def _percent(value: float) -> str:
    return f"{100 * value:5.1f}%"


def _wrong(questions: Sequence[Line], answers: dict[str, Line], limit: int) -> None:
    shown = 0
    for q in questions:
        a = answers[q["id"]]
        if shown < limit and not scoring.topic_right(q, a):
            shown += 1
            text = q.get("text") or " | ".join(q["turns"])
            print(
                f"    {q['id']} [{q.get('noise')}] {text[:110]}\n      want {q['topics']} got {a['outcome']} {a['topic']}"
            )


def evaluate(answerer: Answerer, folder: Path, title: str, *, show_wrong: int, prefix: str = "") -> None:
    """Print the tables of one folder of sets."""
    print(f"\n== {title}")
    for name in ("questions", "dialogues"):
        questions = scoring.read_lines(folder / f"{prefix}{name}.jsonl")
        if not questions:
            continue
        started = time.perf_counter()
        answers = answer_all(answerer, questions, name)
        elapsed = (time.perf_counter() - started) / len(questions) * 1000
        s = scoring.score_in_scope(questions, answers)
        print(
            f"{name:10} n={s.count:4}  topic {_percent(s.topic)}  +facet {_percent(s.facet)}  one tap {_percent(s.one_tap)}"
            f"  wrong {_percent(s.wrong)}  asked {_percent(s.clarified)}  refused {_percent(s.refused)}"
            f"  P@88 {_percent(s.precision_at_88)}  ECE {s.ece:.3f}  {elapsed:.1f} ms"
        )
        if name == "questions":
            for noise, (count, topic, facet) in s.by_noise.items():
                print(f"    {noise:14} n={count:4}  topic {_percent(topic)}  +facet {_percent(facet)}")
        _wrong(questions, answers, show_wrong)
    oos = scoring.read_lines(folder / f"{prefix}oos.jsonl")
    if oos:
        answers = answer_all(answerer, oos, "oos")
        r = scoring.score_out_of_scope(oos, answers)
        print(
            f"{'oos':10} n={r['count']:4.0f}  refused {_percent(r['refused'])}  asked {_percent(r['clarify'])}"
            f"  answered {_percent(r['answered'])}"
        )
        for q in [q for q in oos if answers[q["id"]]["outcome"] in {"answer", "clarify"}][:show_wrong]:
            a = answers[q["id"]]
            print(
                f"    {q['id']} [{q.get('kind')}] {q['text'][:110]}\n      got {a['outcome']} {a['topic']} {a['confidence']}"
            )


def evaluate_facts(answerer: Answerer, *, show_wrong: int) -> None:
    """Print the share of seed facts answered with the figure in the first reply and a source."""
    facts = scoring.read_lines(HERE / "seed-facts.jsonl")
    if not facts:
        return
    answers = answer_all(answerer, facts, "seed facts")
    print("\n== seed facts: figure in the first reply, with a source")
    for label, rows in [
        ("all", facts),
        *((f"kind {k}", [f for f in facts if f.get("kind") == k]) for k in ("fact", "document")),
        *((f"seed {s}", [f for f in facts if f.get("seed") == s]) for s in sorted({f.get("seed") for f in facts})),
    ]:
        right = [scoring.fact_right(f, answers[f["id"]]) for f in rows]
        print(f"    {label:14} n={len(rows):4}  right {_percent(sum(right) / max(1, len(right)))}")
    for f in [f for f in facts if not scoring.fact_right(f, answers[f["id"]])][:show_wrong]:
        a = answers[f["id"]]
        print(f"    {f['id']} ({f['province']}) {f['text']}\n      must {f['must']} got {a['outcome']} {a['article']}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.evaluate", description=__doc__)
    parser.add_argument("--set", default="dev", choices=["dev", "test", "fit"], help="which of our own sets")
    parser.add_argument("--show-wrong", type=int, default=0, metavar="N", help="list up to N misses per set")
    arguments = parser.parse_args(argv)
    answerer = make_answerer()
    evaluate(answerer, HERE / arguments.set, f"benchmark/{arguments.set}", show_wrong=arguments.show_wrong)
    evaluate_facts(answerer, show_wrong=arguments.show_wrong)
    folder = os.environ.get("EVAL_DIR")
    if folder:
        path = Path(folder)
        evaluate(answerer, path, "EVAL_DIR", show_wrong=arguments.show_wrong)
        evaluate(answerer, path, "EVAL_DIR more-*", show_wrong=arguments.show_wrong, prefix="more-")
    return 0


if __name__ == "__main__":
    sys.exit(main())
