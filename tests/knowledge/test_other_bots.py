"""The open benchmark as a stranger uses it: another bot behind a command or an address, by ``benchmark/README.md``."""

import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmark import evaluate
from benchmark.adapters import CommandBot, HttpBot
from benchmark.scoring import read_lines, score_out_of_scope

BENCHMARK = Path(evaluate.__file__).parent
QUESTIONS = read_lines(BENCHMARK / "dev" / "questions.jsonl")[:6]


class _Strange(BaseHTTPRequestHandler):
    """Answers, fails and talks nonsense in turn; remembers what it was sent."""

    seen: list[dict[str, object]]

    def do_POST(self) -> None:
        line = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(line)
        body = {0: json.dumps({"outcome": "no_answer", "choices": None}), 1: "<html>", 2: "[]"}.get(
            len(self.seen) % 4, "{}"
        )
        self.send_response(500 if len(self.seen) % 4 == 3 else 200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    _Strange.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Strange)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/answer"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_smallest_bot_of_the_readme_is_scored(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"```python\n(.*?)```", (BENCHMARK / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    script = tmp_path / "first.py"
    script.write_text(shown[1], encoding="utf-8")
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {{in}} {{out}}"
    assert evaluate.main(["--quick", "--bot", command]) == 0
    printed = capfd.readouterr()
    row = next(line for line in printed.out.splitlines() if line.startswith("questions"))
    assert "n= 300" in row
    assert 0 < float(re.findall(r"topic +([\d.]+)%", row)[0]) < 50
    assert re.search(r"^oos .*refused +(?:9\d|100)\.\d%", printed.out, re.MULTILINE)
    assert "unknown" not in printed.err
    assert "no answer" not in printed.err


def _bot(folder: Path, *statements: str) -> str:
    """The command of a bot that runs these for each ``question``, of some ``number``, to make its ``answer``."""
    script = folder / "bot.py"
    script.write_text(
        "import json, sys\n"
        "out = open(sys.argv[2], 'w')\n"
        "for number, line in enumerate(open(sys.argv[1])):\n"
        "    question = json.loads(line)\n"
        + "".join(f"    {statement}\n" for statement in statements)
        + "    if answer: out.write(json.dumps({'id': question['id'], **answer}) + '\\n')\n"
    )
    return f"{sys.executable} {script} {{in}} {{out}}"


def test_a_command_sees_no_labels_and_may_leave_lines_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = _bot(
        tmp_path,
        "assert set(question) <= {'id', 'text', 'turns', 'province'}",
        "answer = {'outcome': 'no_answer'} if number else None",
    )
    answers = CommandBot(command).ask(QUESTIONS, "stranger")
    assert [answers[q["id"]].get("outcome") for q in QUESTIONS] == [None, *["no_answer"] * 5]
    assert "1 of 6 lines got no answer" in capfd.readouterr().err


def test_an_address_may_fail_on_some_lines(address: str) -> None:
    answers = HttpBot(address).ask(QUESTIONS[:5], "stranger")
    assert [set(line) - {"turns"} for line in _Strange.seen] == [{"id", "text", "province"}] * 5
    outcomes = [answers[q["id"]].get("outcome") for q in QUESTIONS[:5]]
    assert outcomes == [None, None, None, "no_answer", None]
    figures = score_out_of_scope(QUESTIONS[:5], answers)
    assert (figures["refused"], figures["answered"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bot", "no-such-command {in} {out}"], "cannot be started"),
        (["--bot", f"{sys.executable} -c pass {{in}} {{out}}"], "wrote no line"),
        (["--bot", f"{sys.executable} -c \"import sys;open(sys.argv[2],'w').write('[]')\" {{in}} {{out}}"], "wrote"),
        (["--url", "http://127.0.0.1:9/answer"], "cannot be reached"),
        (["--url", "no address"], "cannot be reached"),
    ],
)
def test_a_bot_that_cannot_be_asked_ends_in_one_sentence(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--quick", *arguments]) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("evaluate: ")
    assert said in lines[-1]


@pytest.mark.parametrize("arguments", [["--bot", "bot"], ["--report", "--url", "http://127.0.0.1:9/"]])
def test_what_cannot_be_meant_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate.main(arguments)
    assert ended.value.code == 2


def test_names_the_benchmark_does_not_know_are_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = _bot(tmp_path, "answer = {'outcome': 'answer', 'topic': 'patents'}")
    assert evaluate.main(["--quick", "--bot", command]) == 0
    assert "topic «patents»: 300 times, unknown here" in capfd.readouterr().err
