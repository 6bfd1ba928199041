"""``make eval``: answer the question sets with our own bot, or with any other, and print how good the answers are.

``python -m benchmark.evaluate [--set dev|test|fit] [--show-wrong N] [--report] [--bot COMMAND | --url URL]``; with
``EVAL_DIR`` the folder's sets beside ours. How another bot is asked stands in ``README.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmark import scoring
from benchmark.ablation import HEAD, ablation
from benchmark.adapters import Bot, BotError, CommandBot, HttpBot
from benchmark.noise import CLASSES, CURVE, rewrite
from benchmark.report import write_report
from benchmark.scoring import Line
from bot.commands.ask import Answerer
from bot.config import load_settings
from bot.knowledge_store import read_department_file
from handlers.context import DepartmentProfile
from knowledge.base import KnowledgeBase
from knowledge.loader import load_content
from knowledge.taxonomy import load_taxonomy

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
SAVED_BASELINES = HERE / "baselines.json"  # written by ``benchmark.baselines``, which needs packages of its own
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def make_answerer() -> Answerer:
    """Our bot over the content files as they are, whatever a local database holds."""
    settings = load_settings()
    profile, _ = read_department_file(settings.department_file)
    profile.pop("slug")
    phones = tuple(profile.pop("phones"))
    department = DepartmentProfile(id=0, phones=phones, **profile)
    return Answerer(KnowledgeBase(load_content().records), department, settings)


class OwnBot(Bot):
    """Our own bot, in this process."""

    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer

    def answer_all(self, questions: Sequence[Line], name: str) -> dict[str, Line]:
        return {
            q["id"]: self.answerer.answer(q)
            for q in tqdm(questions, desc=name, unit="q", disable=not sys.stderr.isatty())
        }


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
                f"    {q['id']} [{q.get('noise')}] {text[:110]}\n"
                f"      want {q['topics']} got {a.get('outcome')} {a.get('topic')}"
            )


def _unknown_ids(answers: dict[str, Line]) -> list[str]:
    """What answers name that this benchmark does not know: as good as a wrong answer, and seldom meant."""
    taxonomy = load_taxonomy()
    known = {"outcome": scoring.OUTCOMES, "topic": frozenset(taxonomy.topics), "facet": frozenset(taxonomy.facets)}
    return [
        f"{field} «{value}»: {count} times, unknown here (see benchmark/README.md)"
        for field, values in known.items()
        for value, count in Counter(str(a[field]) for a in answers.values() if a.get(field)).most_common()
        if value not in values
    ]


def evaluate(bot: Bot, folder: Path, title: str, *, show_wrong: int, prefix: str = "") -> None:
    """Print the tables of one folder of sets."""
    print(f"\n== {title}")
    for name in ("questions", "dialogues"):
        questions = scoring.read_lines(folder / f"{prefix}{name}.jsonl")
        if not questions:
            continue
        started = time.perf_counter()
        answers = bot.ask(questions, name)
        elapsed = (time.perf_counter() - started) / len(questions) * 1000
        for warning in _unknown_ids(answers)[:5]:
            print(warning, file=sys.stderr)
        s = scoring.score_in_scope(questions, answers)
        print(
            f"{name:10} n={s.count:4}  topic {_percent(s.topic)}  +facet {_percent(s.facet)}"
            f"  one tap {_percent(s.one_tap)}"
            f"  wrong {_percent(s.wrong)}  asked {_percent(s.clarified)}  refused {_percent(s.refused)}"
            f"  P@88 {_percent(s.precision_at_88)}  ECE {s.ece:.3f}  {elapsed:.1f} ms"
        )
        if name == "questions":
            for noise, (count, topic, facet) in s.by_noise.items():
                print(f"    {noise:14} n={count:4}  topic {_percent(topic)}  +facet {_percent(facet)}")
        _wrong(questions, answers, show_wrong)
    oos = scoring.read_lines(folder / f"{prefix}oos.jsonl")
    if oos:
        answers = bot.ask(oos, "oos")
        r = scoring.score_out_of_scope(oos, answers)
        print(
            f"{'oos':10} n={r['count']:4.0f}  refused {_percent(r['refused'])}  asked {_percent(r['clarify'])}"
            f"  answered {_percent(r['answered'])}"
        )
        for q in [q for q in oos if answers[q["id"]].get("outcome") in {"answer", "clarify"}][:show_wrong]:
            a = answers[q["id"]]
            print(
                f"    {q['id']} [{q.get('kind')}] {q['text'][:110]}\n"
                f"      got {a.get('outcome')} {a.get('topic')} {a.get('confidence')}"
            )


def evaluate_facts(bot: Bot, *, show_wrong: int) -> None:
    """Print the share of seed facts answered with the figure in the first reply and a source."""
    facts = scoring.read_lines(HERE / "seed-facts.jsonl")
    if not facts:
        return
    answers = bot.ask(facts, "seed facts")
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
        print(
            f"    {f['id']} ({f['province']}) {f['text']}\n"
            f"      must {f['must']} got {a.get('outcome')} {a.get('article')}"
        )


def clean_questions(folder: Path) -> list[Line]:
    """The clean questions of a set, which the noise rewrites."""
    return [q for q in scoring.read_lines(folder / "questions.jsonl") if q.get("noise") == "clean"]


def noise_table(bot: Bot, questions: Sequence[Line], levels: Sequence[float]) -> dict[str, list[tuple[float, float]]]:
    """For each class of noise, (level, share with the right topic) points; the curve's own seed family."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for kind in CLASSES:
        for level in levels:
            noisy = [
                {**q, "text": rewrite(q["text"], kind, level=level, family=CURVE)} if level else q for q in questions
            ]
            answers = bot.ask(noisy, f"{kind} {level:.0%}")
            right = sum(scoring.topic_right(q, answers[q["id"]]) for q in noisy) / max(1, len(noisy))
            curves.setdefault(kind, []).append((level, right))
    return curves


def print_noise(bot: Bot, folder: Path) -> None:
    """Print every class of noise at full level beside the clean questions."""
    questions = clean_questions(folder)
    if not questions:
        return
    answers = bot.ask(questions, "clean")
    clean = sum(scoring.topic_right(q, answers[q["id"]]) for q in questions) / len(questions)
    print(f"\n== all {len(questions)} clean questions rewritten: right topic\n    {'clean':14} {_percent(clean)}")
    for kind, points in noise_table(bot, questions, (1.0,)).items():
        print(f"    {kind:14} {_percent(points[-1][1])}")


def figures(bot: Bot) -> dict[str, Any]:
    """What the regression test guards: right answers and counts per class of our dev set."""
    folder = HERE / "dev"
    result: dict[str, Any] = {}
    for name in ("questions", "dialogues"):
        lines = scoring.read_lines(folder / f"{name}.jsonl")
        answers = bot.ask(lines, name)
        for q in lines:
            label = f"{name}: {q.get('noise')}" if name == "questions" else name
            row = result.setdefault(label, {"count": 0, "topic": 0, "facet": 0})
            row["count"] += 1
            row["topic"] += scoring.topic_right(q, answers[q["id"]])
            row["facet"] += scoring.facet_right(q, answers[q["id"]])
    outside = scoring.read_lines(folder / "oos.jsonl")
    answers = bot.ask(outside, "oos")
    for q in outside:
        row = result.setdefault(f"oos: {q.get('kind')}", {"count": 0, "refused": 0})
        row["count"] += 1
        row["refused"] += answers[q["id"]].get("outcome") in scoring.REFUSALS
    facts = scoring.read_lines(HERE / "seed-facts.jsonl")
    answers = bot.ask(facts, "seed facts")
    for f in facts:
        row = result.setdefault(f"facts: {f.get('kind')}", {"count": 0, "right": 0})
        row["count"] += 1
        row["right"] += scoring.fact_right(f, answers[f["id"]])
    return result


def _saved_baselines() -> dict[str, Any]:
    """The table ``python -m benchmark.baselines --save`` left, with what it was measured on; nothing without it."""
    if not SAVED_BASELINES.exists():
        return {}
    saved = json.loads(SAVED_BASELINES.read_text(encoding="utf-8"))
    return {
        "baselines_head": saved["head"],
        "baselines": saved["table"],
        "baselines_run": (
            f"`python -m benchmark.baselines --save`, on one machine on {saved['date']}:"
            f" {saved['questions']:,} questions and {saved['outside']} out of scope ({' and '.join(saved['sets'])}),"
            f" {saved['phrases']:,} phrases of the same content. The threshold of each search is the best one on the"
            " first part of `fit`; what each does stands in `benchmark/README.md`. The times are of one process on a"
            " shared machine: compare them with each other."
        ),
    }


def report(bot: Bot) -> None:
    """Write ``docs/accuracy.md`` and its charts, and the figures the regression test guards."""
    sets = {}
    for name in ("dev", "test"):
        folder = HERE / name
        questions, dialogues = (scoring.read_lines(folder / f"{kind}.jsonl") for kind in ("questions", "dialogues"))
        outside = scoring.read_lines(folder / "oos.jsonl")
        answers = bot.ask(questions, name)
        talk, refused = bot.ask(dialogues, f"{name} dialogues"), bot.ask(outside, f"{name} oos")
        sets[name] = (
            questions, answers, scoring.score_in_scope(questions, answers), scoring.score_in_scope(dialogues, talk),
            scoring.score_out_of_scope(outside, refused),
        )  # fmt: skip
    facts = scoring.read_lines(HERE / "seed-facts.jsonl")
    told = bot.ask(facts, "seed facts")
    fact_share = sum(scoring.fact_right(f, told[f["id"]]) for f in facts) / max(1, len(facts))

    def row(label: str, target: str, of: Any) -> tuple[str, str, str, str]:
        return (label, target, of(sets["dev"]), of(sets["test"]))

    questions, answers, scored, _, _ = sets["dev"]
    noise = noise_table(bot, clean_questions(HERE / "dev"), LEVELS)
    write_report(
        {
            "targets": [
                row("answered at once with the right topic", "92 %", lambda s: _percent(s[2].topic)),
                row("right at once or one tap away", "97 %", lambda s: _percent(s[2].one_tap)),
                row("topic and facet right", "82 %", lambda s: _percent(s[2].facet)),
                row("answered wrongly", "at most 5 %", lambda s: _percent(s[2].wrong)),
                row("precision at 0.88 coverage", "96 %", lambda s: _percent(s[2].precision_at_88)),
                row("calibration error", "at most 0.05", lambda s: f"{s[2].ece:.3f}"),
                row("out of scope not answered", "96 %", lambda s: _percent(s[4]["refused"])),
                row("out of scope met with a question", "at most 3 %", lambda s: _percent(s[4]["clarify"])),
                row("last turn of dialogues", "90 %", lambda s: _percent(s[3].topic)),
                ("seed facts and document numbers", "97 %", _percent(fact_share), ""),
                *(
                    (f"clean questions as {kind}", "88 %", _percent(points[-1][1]), "")
                    for kind, points in noise.items()
                ),
            ],
            "by_noise": [
                (kind, count, _percent(topic), _percent(facet))
                for kind, (count, topic, facet) in scored.by_noise.items()
            ],
            "noise": noise,
            "rows": [(q, answers[q["id"]]) for q in questions],
            "ablation": ablation(make_answerer),
            "ablation_head": HEAD,
            **_saved_baselines(),
            "wrong": [(q, answers[q["id"]]) for q in questions if not scoring.one_tap_away(q, answers[q["id"]])],
        }
    )
    FIGURES.write_text(json.dumps(figures(bot), ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.evaluate", description=__doc__)
    parser.add_argument("--set", default="dev", choices=["dev", "test", "fit"], help="which of our own sets")
    parser.add_argument("--show-wrong", type=int, default=0, metavar="N", help="list up to N misses per set")
    parser.add_argument("--report", action="store_true", help="write docs/accuracy.md, its charts and figures.json")
    parser.add_argument("--quick", action="store_true", help="leave out the rewritten questions")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--bot", metavar="COMMAND", help="score another bot: a command with {in} and {out} in it")
    other.add_argument("--url", help="score another bot: an address that takes one line as a POST and answers with one")
    arguments = parser.parse_args(argv)
    if arguments.report and (arguments.bot or arguments.url):
        parser.error("--report writes the page about our own bot; it does not go with --bot or --url")
    if arguments.bot and not ("{in}" in arguments.bot and "{out}" in arguments.bot):
        parser.error("--bot needs {in} and {out} where the command takes the two files")
    bot: Bot
    if arguments.bot:
        bot = CommandBot(arguments.bot)
    elif arguments.url:
        bot = HttpBot(arguments.url)
    else:
        bot = OwnBot(make_answerer())
    try:
        _run(bot, arguments)
    except BotError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0


def _run(bot: Bot, arguments: argparse.Namespace) -> None:
    folder = HERE / arguments.set
    evaluate(bot, folder, f"benchmark/{arguments.set}", show_wrong=arguments.show_wrong)
    if not arguments.quick:
        print_noise(bot, folder)
    evaluate_facts(bot, show_wrong=arguments.show_wrong)
    if os.environ.get("EVAL_DIR"):
        path = Path(os.environ["EVAL_DIR"])
        evaluate(bot, path, "EVAL_DIR", show_wrong=arguments.show_wrong)
        if not arguments.quick:
            print_noise(bot, path)
        evaluate(bot, path, "EVAL_DIR more-*", show_wrong=arguments.show_wrong, prefix="more-")
    if arguments.report:
        report(bot)


if __name__ == "__main__":
    sys.exit(main())
