"""``make bench``: ratios against named peers, measured side by side in one run on this machine.

``python -m benchmark.bench [answers|scale|pipeline|desk] [--updates N]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from tqdm import tqdm

from benchmark.bench_scale import bench_scale
from benchmark.scoring import read_lines
from tests.postgres import free_port

HERE = Path(__file__).parent
ROOT = HERE.parent


# -- questions answered per second --------------------------------------------------------------------------------


def _memory_mb() -> float:
    """Resident memory of this process, in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _variants() -> list[tuple[str, str]]:
    """Every phrase of the content with the topic it leads to."""
    from knowledge.loader import load_content
    from knowledge.schema import Entry, Topic

    found: list[tuple[str, str]] = []
    for record in load_content().records:
        if isinstance(record, Topic):
            found += [(text, record.id) for text in (*record.names, *record.situations)]
        elif isinstance(record, Entry):
            found += [(text, record.topic) for text in (record.title, *record.questions)]
    return found


def _subject_ours() -> Callable[[str], str | None]:
    from knowledge.base import KnowledgeBase
    from knowledge.loader import load_content
    from knowledge.understanding import Understander

    understander = Understander(KnowledgeBase(load_content().records))
    return lambda text: understander.understand(text).topic


def _subject_rapidfuzz() -> Callable[[str], str | None]:
    from rapidfuzz import fuzz, process

    from knowledge.text import fold

    rows = _variants()
    texts = [fold(text) for text, _ in rows]

    def answer(text: str) -> str | None:
        found = process.extractOne(fold(text), texts, scorer=fuzz.token_set_ratio)
        return rows[found[2]][1] if found else None

    return answer


def _subject_fts5() -> Callable[[str], str | None]:
    import re

    from knowledge.text import fold

    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE phrases USING fts5(text, topic UNINDEXED)")
    connection.executemany("INSERT INTO phrases VALUES (?, ?)", [(fold(text), topic) for text, topic in _variants()])

    def answer(text: str) -> str | None:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", fold(text)))
        row = connection.execute(
            "SELECT topic FROM phrases WHERE phrases MATCH ? ORDER BY rank LIMIT 1", (words,)
        ).fetchone()
        return row[0] if row else None

    return answer


SUBJECTS: dict[str, Callable[[], Callable[[str], str | None]]] = {
    "ours": _subject_ours, "rapidfuzz extractOne": _subject_rapidfuzz, "SQLite FTS5": _subject_fts5,
}  # fmt: skip


def measure_answers(name: str) -> dict[str, Any]:
    """Build one subject in this process and answer the development questions with it, thirty of them first."""
    questions = read_lines(HERE / "dev" / "questions.jsonl")
    before = _memory_mb()
    started = time.perf_counter()
    answer = SUBJECTS[name]()
    ready = time.perf_counter() - started
    memory = _memory_mb() - before
    for question in questions[:30]:
        answer(question["text"])
    times: list[float] = []
    right = 0
    for question in questions:
        at = time.perf_counter()
        topic = answer(question["text"])
        times.append((time.perf_counter() - at) * 1000)
        right += topic in question["topics"]
    times.sort()
    return {
        "name": name, "per_s": 1000 * len(times) / sum(times), "p50": times[len(times) // 2],
        "p99": times[int(len(times) * 0.99)], "memory": memory, "ready": ready, "topic": right / len(questions),
    }  # fmt: skip


def bench_answers() -> None:
    """Each subject in a process of its own, one after the other."""
    rows = []
    # the first process after a cold start waits for the disk and compiles: it is run once more
    for name in tqdm(("ours", *SUBJECTS), desc="answers", disable=not sys.stderr.isatty()):
        command = [sys.executable, "-m", "benchmark.bench", "--measure", name]
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        rows.append(json.loads(result.stdout.splitlines()[-1]))
    rows.pop(0)
    ours = rows[0]
    print("\nQuestions answered (one thread, the development questions, over the shipped content)")
    print(f"{'':22}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'ready s':>9}{'memory MB':>11}{'topic':>8}{'speed':>9}")
    for row in rows:
        ratio = row["per_s"] / ours["per_s"]
        print(
            f"{row['name']:22}{row['per_s']:10.0f}{row['p50']:9.2f}{row['p99']:9.2f}{row['ready']:9.2f}"
            f"{row['memory']:11.0f}{100 * row['topic']:7.1f}%{ratio:8.2f}x"
        )


# -- webhook to sent ----------------------------------------------------------------------------------------------


def _update(number: int, text: str) -> dict[str, Any]:
    chat = {"id": 1000 + number, "type": "private", "first_name": "x"}
    return {
        "update_id": number,
        "message": {
            "message_id": number, "date": int(time.time()), "chat": chat, "text": text,
            "from": {"id": 1000 + number, "is_bot": False, "first_name": "x"},
        },
    }  # fmt: skip


@contextmanager
def _process(command: Sequence[str], env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **(env or {})}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


async def _reachable(session: aiohttp.ClientSession, url: str) -> None:
    for _ in range(300):
        try:
            async with session.get(url):
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise RuntimeError(f"{url} did not come up")


async def _sent(session: aiohttp.ClientSession, stub: str) -> int:
    async with session.get(f"{stub}/count") as response:
        return int((await response.json())["sent"])


async def _run_load(target: str, stub: str, updates: int, replies_each: int) -> float:
    """Post the updates over 32 connections; seconds until every reply arrived at the stub."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": "s" * 8, "Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32)) as session:
        await _reachable(session, f"{stub}/count")
        await _reachable(session, target)
        base = await _sent(session, stub)
        questions = [q["text"] for q in read_lines(HERE / "dev" / "questions.jsonl")]
        numbers = iter(range(1, updates + 1))

        async def post() -> None:
            for number in numbers:
                body = json.dumps(_update(number, questions[number % len(questions)]))
                async with session.post(f"{target}/webhooks/telegram", data=body, headers=headers) as response:
                    assert response.status == 200, response.status

        started = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(32)))
        while await _sent(session, stub) - base < updates * replies_each:
            if time.perf_counter() - started > 600:
                raise RuntimeError("not every reply arrived")
            await asyncio.sleep(0.02)
        return time.perf_counter() - started


def bench_pipeline(updates: int) -> None:
    """Our whole service on SQLite beside two bare echo bots, over real HTTP against the same stub."""
    rows: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in tqdm(("ours", "aiogram echo", "python-telegram-bot echo"), disable=not sys.stderr.isatty()):
            stub_port, port = free_port(), free_port()
            stub, target = f"http://127.0.0.1:{stub_port}", f"http://127.0.0.1:{port}"
            env = {
                "DATABASE_URL": f"sqlite:///{folder}/bench.db", "VAR_DIR": folder, "PORT": str(port),
                "TELEGRAM_TOKEN": f"1000001:{'b' * 35}", "TELEGRAM_MODE": "webhook", "TELEGRAM_WEBHOOK_SECRET": "s" * 8,
                "TELEGRAM_API_URL": stub, "TELEGRAM_RATE": "100000", "TELEGRAM_CHAT_RATE": "100000",
                "LOG_LEVEL": "ERROR",
            }  # fmt: skip
            commands = {
                "ours": [sys.executable, "-m", "bot", "serve"],
                "aiogram echo": [sys.executable, "-m", "benchmark.peers.aiogram_echo", str(port), stub],
                "python-telegram-bot echo": [sys.executable, "-m", "benchmark.peers.ptb_echo", str(port), stub],
            }
            # the first message of a conversation gets an introduction before its answer
            replies_each = 2 if name == "ours" else 1
            with (
                _process([sys.executable, "-m", "benchmark.peers.bot_api_stub", str(stub_port)]),
                _process(commands[name], env),
            ):
                seconds = asyncio.run(_run_load(target, stub, updates, replies_each))
            rows.append((name, updates / seconds))
    print(f"\nWebhook → sent, {updates} updates of as many people over 32 connections")
    print("(ours: stored durably, answered from the knowledge base, two replies stored and sent; the others: one echo)")
    print(f"{'':28}{'updates/s':>10}{'beside ours':>13}")
    for name, rate in rows:
        print(f"{name:28}{rate:10.0f}{rate / rows[0][1]:12.2f}x")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.bench", description=__doc__)
    parser.add_argument("what", nargs="*", help="answers, scale, pipeline, desk; default: everything")
    parser.add_argument("--updates", type=int, default=2000, help="how many updates the pipeline gets")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        print(json.dumps(measure_answers(arguments.measure)))
        return 0
    wanted = arguments.what or ["answers", "scale", "pipeline", "desk"]
    if "answers" in wanted:
        bench_answers()
    if "scale" in wanted:
        bench_scale()
    if "pipeline" in wanted:
        bench_pipeline(arguments.updates)
    if "desk" in wanted:
        from benchmark.bench_desk import bench_desk  # not before: what it imports would count as the others' memory

        bench_desk()
    return 0


if __name__ == "__main__":
    sys.exit(main())
