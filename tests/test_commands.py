"""The command line: what it prints, what it exits with, and that content survives the way out and back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.__main__ import COMMANDS
from bot.config import Settings
from db.engine import Database
from knowledge.loader import DETAILS_HEADING, load_content
from knowledge.schema import RECORD_KINDS, Document, Entry, Topic, kind_of
from knowledge.writer import file_path, file_text, write_content
from tests.conftest import ROOT, MakeSettings
from tests.postgres import free_port


def environment(settings: Settings | None = None, **values: str) -> dict[str, str]:
    given = {**os.environ, **values}
    if settings is not None:
        given |= {"DATABASE_URL": settings.database_url, "VAR_DIR": str(settings.var_dir), "SECRET_KEY": "k" * 40}
    return given


def run(*arguments: str, settings: Settings | None = None, **values: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments], cwd=ROOT, env=environment(settings, **values), text=True,
        capture_output=True, timeout=100, check=False,
    )  # fmt: skip


def fresh(tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}", "VAR_DIR": str(tmp_path)}


def assert_one_sentence(result: subprocess.CompletedProcess[str], status: int, says: str) -> None:
    assert result.returncode == status, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert says in result.stderr


def test_every_command_helps() -> None:
    """All helps in one process: what is measured is that each command and action describes itself."""
    actions = [
        ("kb", "check"),
        ("kb", "report"),
        ("kb", "import"),
        ("kb", "export"),
        ("staff", "add"),
        ("staff", "reset"),
        ("requests", "export"),
    ]
    script = (
        "import contextlib, io, sys\nfrom bot.__main__ import main\n"
        "for words in sys.argv[1:]:\n"
        "    out = io.StringIO()\n"
        "    with contextlib.redirect_stdout(out):\n"
        "        try: main([*words.split(), '--help'])\n"
        "        except SystemExit as end: assert end.code == 0, words\n"
        "    assert 'usage: khcn-bot ' + words in out.getvalue(), words\n"
    )  # fmt: skip
    wanted = [*COMMANDS, *(" ".join(action) for action in actions)]
    result = subprocess.run(
        [sys.executable, "-c", script, *wanted], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("nothing",), ("staff",), ("staff", "add"), ("kb",), ("kb", "export"), ("requests",)]
)
def test_wrong_usage_is_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 2


def test_what_is_not_there_yet_says_so(tmp_path: Path) -> None:
    assert_one_sentence(run("worker", **fresh(tmp_path)), 2, "worker needs PostgreSQL")
    assert_one_sentence(run("kb", "import", "--root", str(tmp_path), **fresh(tmp_path)), 2, "holds no content")


# -- staff --------------------------------------------------------------------------------------------------------


def test_staff_add_and_reset(make_settings: MakeSettings) -> None:
    settings = make_settings()
    added = run("staff", "add", "Lan", "--name", "Nguyễn Thị Lan", "--role", "officer", settings=settings)
    assert added.returncode == 0, added.stderr
    link = re.search(r"http://127\.0\.0\.1:8080(/staff/lien-ket/\d+\.[0-9a-f]{64})", added.stdout)
    assert link
    twice = run("staff", "add", "lan", "--name", "Lan", "--role", "officer", settings=settings)
    assert_one_sentence(twice, 1, "already")
    public = {"PUBLIC_URL": "https://so.example/"}
    reset = run("staff", "reset", "lan", settings=settings, **public)
    assert "https://so.example/staff/lien-ket/" in reset.stdout
    assert link[1] not in reset.stdout
    assert_one_sentence(run("staff", "reset", "minh", settings=settings), 1, "no account «minh»")
    assert run("staff", "add", "minh", "--name", "Minh", "--role", "king", settings=settings).returncode == 2


def test_staff_add_prepares_a_database_that_is_not_there(tmp_path: Path) -> None:
    result = run("staff", "add", "lan", "--name", "Lan", "--role", "administrator", **fresh(tmp_path))
    assert result.returncode == 0, result.stderr
    assert run("check", **fresh(tmp_path)).returncode == 0


# -- check --------------------------------------------------------------------------------------------------------


def lines(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Status per subject."""
    return {line[8:].partition(":")[0]: line[:8].strip() for line in result.stdout.splitlines()}


def test_check_of_a_prepared_database(make_settings: MakeSettings) -> None:
    result = run("check", settings=make_settings())
    assert result.returncode == 0, result.stdout
    assert lines(result) == dict.fromkeys(
        ("configuration", "database", "migrations", "content", "web chat", "telegram", "zalo", "zalo bot"), "ok"
    )
    assert "k" * 40 not in result.stdout + result.stderr


def test_check_writes_nothing(tmp_path: Path) -> None:
    result = run("check", **fresh(tmp_path))
    assert result.returncode == 0, result.stdout
    assert "does not exist yet" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_check_of_a_wrong_setting_and_an_absent_server(tmp_path: Path) -> None:
    result = run("check", PORT="all", **fresh(tmp_path))
    assert (result.returncode, lines(result)) == (1, {"configuration": "error"})
    url = f"postgresql+asyncpg://somebody:secret-word@127.0.0.1:{free_port()}/khcn"
    result = run("check", DATABASE_URL=url, SECRET_KEY="k" * 40)
    assert result.returncode == 1
    assert lines(result)["database"] == "error"
    assert "secret-word" not in result.stdout + result.stderr


async def test_check_of_a_newer_database(make_settings: MakeSettings) -> None:
    from tests.staff.driver import sql

    settings = make_settings()
    database = Database(settings.database_url)
    await sql(database, "UPDATE alembic_version SET version_num = '9999'")
    await database.close()
    result = run("check", settings=settings)
    assert (result.returncode, lines(result)["migrations"]) == (1, "error")


@contextmanager
def bot_api(status: int, body: bytes) -> Iterator[str]:
    """A Bot API server that answers every call alike."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ME = b'{"ok": true, "result": {"id": 1, "is_bot": true, "first_name": "KHCN", "username": "khcn_test_bot"}}'


@pytest.mark.parametrize(
    ("status", "body", "finding", "exit_status", "says"),
    [
        (200, ME, "ok", 0, "@khcn_test_bot"),
        (401, b'{"ok": false, "error_code": 401, "description": "Unauthorized"}', "error", 1, "not accepted"),
        (502, b"bad gateway", "warning", 0, "does not answer"),
    ],
)
def test_check_asks_telegram(
    sqlite_settings: MakeSettings, status: int, body: bytes, finding: str, exit_status: int, says: str
) -> None:
    token = "123456789:AAErealLookingTokenForTheTests_0123456789"
    with bot_api(status, body) as url:
        result = run("check", settings=sqlite_settings(), TELEGRAM_TOKEN=token, TELEGRAM_API_URL=url)
    assert (result.returncode, lines(result)["telegram"]) == (exit_status, finding), result.stdout
    assert says in result.stdout
    assert token not in result.stdout + result.stderr


def test_check_of_a_telegram_that_is_away(sqlite_settings: MakeSettings) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    result = run("check", settings=sqlite_settings(), TELEGRAM_TOKEN="123456789:" + "A" * 35, TELEGRAM_API_URL=away)
    assert (result.returncode, lines(result)["telegram"]) == (0, "warning")


# -- worker and serve ---------------------------------------------------------------------------------------------


def start(*arguments: str, settings: Settings, **values: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bot", *arguments], cwd=ROOT, env=environment(settings, **values), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.slow
def test_the_worker_works_until_told_to_stop(make_settings: MakeSettings) -> None:
    settings = make_settings()
    if settings.is_sqlite:
        assert_one_sentence(run("worker", settings=settings), 2, "PostgreSQL")
        return
    worker = start("worker", settings=settings)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "Worker started; SIGTERM stops it.\n"
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=20)
    assert worker.returncode == 0, errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_serve_prints_the_first_administrators_link_until_it_is_used(make_settings: MakeSettings) -> None:
    import httpx

    from tests.staff.driver import PASSWORD, token_of

    settings = make_settings()
    links = []
    for use in (False, True, False):
        port = free_port()
        serve = start("serve", settings=settings, PORT=str(port))
        assert serve.stdout is not None
        printed = [serve.stdout.readline() for _ in range(2)]
        assert printed[1] == f"Staff console: http://127.0.0.1:{port}/staff/\n"
        if len(links) < 2:
            links.append(serve.stdout.readline().rpartition(" ")[2].strip())
            assert links[-1].startswith(f"http://127.0.0.1:{port}/staff/lien-ket/")
        if use:
            with httpx.Client(timeout=20, transport=httpx.HTTPTransport(retries=20)) as client:
                page = client.get(links[-1])
                data = {"token": token_of(page), "password": PASSWORD, "again": PASSWORD}
                assert client.post(links[-1], data=data).status_code == 303
        serve.send_signal(signal.SIGTERM)
        rest, errors = serve.communicate(timeout=20)
        assert "lien-ket" not in rest
        assert links[0].rpartition(".")[2] not in errors
    assert links[0].rpartition("/")[2] == links[1].rpartition("/")[2]  # a restart does not spoil what was printed


# -- content ------------------------------------------------------------------------------------------------------


def test_the_whole_content_survives_writing_and_reading(tmp_path: Path) -> None:
    content = load_content()
    assert len(content.files) > 1000
    report = write_content(tmp_path, content.records)
    assert (len(report.written), report.broken, report.surplus) == (len(content.files), [], [])
    again = load_content(tmp_path)
    assert again.problems == []
    assert {f.path for f in again.files} == {f.path for f in content.files}
    assert {f.key: f.record for f in again.files} == {f.key: f.record for f in content.files}
    assert write_content(tmp_path, content.records).written == []


def test_what_the_database_gives_back_is_what_the_files_say() -> None:
    for file in load_content().files:
        kept = RECORD_KINDS[kind_of(file.record)].model_validate(file.record.model_dump(mode="json"))
        assert kept == file.record, file.path


def test_awkward_text_survives_writing(tmp_path: Path) -> None:
    entry = next(record for record in load_content().records if isinstance(record, Entry))
    awkward = entry.model_copy(
        update={
            "title": "Có: dấu hai chấm, \"nháy\" và #thăng", "answer": "- một\n- hai: ba\n\n---\n#bốn 🌾",
            "details": "yes\nno\n2026-01-01", "as_of": "2022", "keywords": ("2022", "null", "yes", "0123", "1e3"),
            "owner": "'", "questions": tuple(f"câu {n}?" for n in range(8)),
        }
    )  # fmt: skip
    assert write_content(tmp_path, [awkward]).broken == []
    assert load_content(tmp_path).records == [awkward]
    broken = awkward.model_copy(update={"answer": f"trước\n{DETAILS_HEADING}\nsau", "details": None})
    assert write_content(tmp_path, [broken]).broken == [file_path(broken)]


def test_a_year_is_no_date_and_a_date_is_no_text() -> None:
    document = next(record for record in load_content().records if isinstance(record, Document))
    for date, written in (("2020", "date: '2020'"), ("2020-12", "date: 2020-12\n"), (None, "date: null")):
        text = file_text(document.model_copy(update={"date": date}))
        assert written in text


@pytest.fixture
def few_files(tmp_path: Path) -> Path:
    """One topic with its documents: an import takes a second instead of ten."""
    records = load_content().records
    entries = [record for record in records if isinstance(record, Topic | Entry) and record.topic == "nhan-hieu"]
    cited = {source.document for entry in entries if isinstance(entry, Entry) for source in entry.sources}
    documents = [record for record in records if isinstance(record, Document) and record.id in cited]
    assert len(entries) > 5 and documents
    write_content(tmp_path / "few", [*entries, *documents])
    return tmp_path / "few"


def _retitle(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^title: .*$", "title: Nhan đề đã sửa", text, count=1), encoding="utf-8")


def test_import_and_export(make_settings: MakeSettings, few_files: Path) -> None:
    settings, folder = make_settings(), few_files
    content = load_content(folder)
    count = len(content.files)
    imported = run("kb", "import", "--root", str(folder), settings=settings)
    assert imported.returncode == 0, imported.stderr
    assert f"added 0\nupdated 0\nretired {len(load_content().files) - count}\n" in imported.stdout

    entry = next(f for f in content.files if isinstance(f.record, Entry))
    topic = next(f for f in content.files if isinstance(f.record, Topic))
    gone = next(f for f in content.files if isinstance(f.record, Document))
    _retitle(folder / entry.path)
    (folder / gone.path).unlink()
    imported = run("kb", "import", "--root", str(folder), settings=settings)
    assert f"updated 1\n  entry {entry.record.id}\n" in imported.stdout
    assert f"retired 1\n  document {gone.record.id}\n" in imported.stdout
    assert "version 3" in imported.stdout

    (folder / gone.path).write_text(file_text(gone.record), encoding="utf-8")
    again = run("kb", "export", str(folder), "--prune", settings=settings)
    assert again.stdout == f"written 0\nunchanged {count - 1}\nsurplus 1\n"
    assert not (folder / gone.path).exists()
    elsewhere = run("kb", "export", str(folder.parent / "new"), settings=settings)
    assert elsewhere.stdout == f"written {count - 1}\nunchanged 0\nsurplus 0\n"
    assert "Nhan đề đã sửa" in (folder.parent / "new" / entry.path).read_text(encoding="utf-8")

    (folder / topic.path).write_text("topic: [", encoding="utf-8")
    refused = run("kb", "import", "--root", str(folder), settings=settings)
    assert_one_sentence(refused, 1, "nothing was imported")
    assert topic.path in refused.stdout


def test_export_of_nothing(tmp_path: Path) -> None:
    assert_one_sentence(run("kb", "export", str(tmp_path / "out"), **fresh(tmp_path)), 1, "nothing is published")
    assert list(tmp_path.iterdir()) == []


async def test_import_leaves_console_edits_alone_and_export_settles_them(
    make_settings: MakeSettings, few_files: Path
) -> None:
    from tests.staff.driver import sql

    settings, folder = make_settings(), few_files
    assert run("kb", "import", "--root", str(folder), settings=settings).returncode == 0
    entry = next(f for f in load_content(folder).files if isinstance(f.record, Entry))
    database = Database(settings.database_url)
    await sql(
        database, "UPDATE knowledge_records SET edited_in_console = :yes WHERE record_id = :id",
        yes=True, id=entry.record.id,
    )  # fmt: skip
    await database.close()
    _retitle(folder / entry.path)
    imported = run("kb", "import", "--root", str(folder), settings=settings)
    assert f"conflicts 1\n  entry {entry.record.id}\n" in imported.stdout
    assert "updated 0" in imported.stdout
    assert "written 1\n" in run("kb", "export", str(folder), settings=settings).stdout
    settled = run("kb", "import", "--root", str(folder), settings=settings)
    assert "conflicts 0" in settled.stdout


def test_ask_batch_answers_what_it_can_and_says_what_it_cannot(tmp_path: Path) -> None:
    given, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [
        '\ufeff{"id": "a", "text": "quyết định\u2028 2205 nói về gì"}',
        "",
        '{"id": "b", "turns": ["phí nhãn hiệu", ""]}',
        '{"id": "c", "turns": ["đăng ký nhãn hiệu", "phí bao nhiêu"], "province": "vinh-long"}',
        "[]",
        "no json",
    ]  # fmt: skip
    given.write_bytes("\n".join(lines).encode() + b'\n{"id": "d", "text": "\xff"}\n')
    result = run("ask", "--batch", str(given), "--out", str(out), **fresh(tmp_path))
    answers = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert result.returncode == 1, result.stderr
    assert [answer["id"] for answer in answers] == ["a", "b", "c", 5, 6, 7]
    assert ["error" in answer for answer in answers] == [False, True, False, True, True, True]
    assert answers[0]["sources"][0]["number"] == "2205/QĐ-TTg"
    assert answers[2]["topic"] == "nhan-hieu"
    assert_one_sentence(run("ask", "--batch", str(given), "--out", str(tmp_path), **fresh(tmp_path)), 2, str(tmp_path))


@pytest.mark.parametrize(
    "url", ["garbage", "mysql://x/y", "sqlite://", "sqlite:////proc/no/x.db", "postgresql://bot:ab@cd:ef@host/khcn"]
)
def test_serve_without_a_usable_database_says_so(tmp_path: Path, url: str) -> None:
    settings = fresh(tmp_path) | {"DATABASE_URL": url, "SECRET_KEY": "k" * 40}
    result = run("serve", **settings)
    assert_one_sentence(result, 1, "database")
    assert "ef@host" not in result.stderr
