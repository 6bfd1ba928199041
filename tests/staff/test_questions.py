"""The page of channels and questions: what was asked in the chat appears, is found, and leaves as a harmless file."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, select

from db.engine import Database
from db.models import Conversation, Turn
from db.queries import operations, turns
from desk.tables import defuse
from knowledge.ranking import BARE, OFFTOPIC, SIGNALS
from knowledge.taxonomy import load_taxonomy
from knowledge.text import fold
from staff.clock import ago, day_begins, show_time
from staff.questions import PAGE_SIZE, read_chart, read_filter, read_overview
from staff.texts import names_of
from tests.conftest import MakeSettings
from tests.harness import Running, WebPerson, running_service
from tests.staff.driver import Browser, sql, text_of

HTML = "<script>alert('x')</script> <b>đăng ký nhãn hiệu</b> &amp; cần giấy tờ gì"
NOW = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)  # ten in the morning in Vietnam


@pytest.fixture
async def running(make_settings: MakeSettings, understander) -> AsyncIterator[Running]:
    async with running_service(make_settings(), understander) as service:
        yield service


async def add_turns(database: Database, rows: list[dict[str, Any]]) -> None:
    """Questions as the dispatcher stores them."""

    def write(connection: Connection) -> None:
        found = connection.execute(select(Conversation.id).where(Conversation.external_id == "seeded")).scalar()
        if found is None:
            values = {"department_id": 1, "channel": "web", "account": "web", "external_id": "seeded", "state": {},
                      "version": 0, "next_seq": 1, "created_at": NOW, "last_inbound_at": NOW}  # fmt: skip
            found = connection.execute(insert(Conversation).values(**values).returning(Conversation.id)).scalar_one()
        number = len(connection.execute(select(Turn.id)).all())
        for offset, row in enumerate(rows):
            text = row.get("text")
            values = {"department_id": 1, "key": f"s{number + offset}", "conversation_id": found, "channel": "web",
                      "created_at": NOW, "details": {}, "outcome": "answer",
                      "text_folded": fold(text) if text else None, **row}  # fmt: skip
            connection.execute(insert(Turn).values(**values))

    await database.write(write)


def listed(page: Any) -> list[str]:
    return re.findall(r'<td role="cell" class="main"><a href="/staff/cau-hoi/\d+">(.*?)</a>', page.text)


async def test_a_question_of_the_chat_appears_with_its_feedback(running: Running) -> None:
    person = WebPerson(running)
    replies = await person.says("dang ky nhan hieu can giay to gi, goi lai 0912 345 678")
    useful = next(data for _, data in replies[-1]["choices"] if data.startswith("u:"))
    async with Browser(running) as lan:
        await lan.join()
        page = await lan.get("/staff/")
        assert listed(page) == ["dang ky nhan hieu can giay to gi, goi lai [số điện thoại]"]
        row = page.text[page.text.index('<tbody role="rowgroup"') :]
        assert "Đã trả lời" in row
        assert "Hữu ích" not in row
        await person.taps(useful)
        page = await lan.get("/staff/")
        assert "Hữu ích" in page.text[page.text.index("<tbody") :]
        assert "0912" not in page.text
        detail = await lan.get(re.search(r"/staff/cau-hoi/\d+", page.text[page.text.index("<tbody") :])[0])  # type: ignore[index]
        read = text_of(detail)
        assert replies[-1]["heading"] in read
        assert "Nguồn:" in read
        assert "nhan-hieu/" in read
        assert re.search(r"\b0\.\d{3}\b", read)  # scores of the candidates
        assert "0912" not in read


async def test_how_a_question_was_read_is_told_in_words(running: Running) -> None:
    """The words of ``ask --explain``: no name of the code's, not of what belongs to nobody here, nor of a lost card."""
    asked = ("htx muon dang ky nhan hieu", "bao nhiêu tiền vậy", "hôm nay thời tiết sao", "kiểm định xe ô tô ở đâu")
    for question in asked:
        await WebPerson(running).says(question)

    async def told(number: int) -> str:
        page = (await lan.get(f"/staff/cau-hoi/{number}")).text
        lines = re.findall("<li>(.*?)</li>", page[page.index('<ul class="explained">') :].partition("</ul>")[0])
        return text_of_escaped("; ".join(lines))

    async with Browser(running) as lan:
        await lan.join()
        said = {number: await told(number) for number in (1, 2, 3, 4)}
        assert "viết tắt: «htx» → «hợp tác xã»" in said[1]
        assert "từ ngữ của chủ đề" in said[1]
        assert "câu chưa nêu việc gì cụ thể" in said[2]
        assert "việc ngoài lĩnh vực của Sở" in said[3]
        assert "Đăng kiểm xe (" in said[4]
        names = {*load_taxonomy().topics, *names_of("facet"), BARE, OFFTOPIC, *SIGNALS, "ref", "steps", "read"}
        for text in said.values():
            assert [name for name in names if re.search(rf"(?<![\w-]){name}(?![\w-])", text)] == []
        await sql(running.database, "UPDATE knowledge_records SET status = 'retired' WHERE kind = 'referral'")
        assert "việc của cơ quan khác" in await told(4)
        # a row of another release tells what it can
        await sql(running.database, "UPDATE turns SET details = :odd", odd='{"explain": {"classes": [["bare", 1]]}}')
        assert (await lan.get("/staff/cau-hoi/1")).status_code == 200


async def test_html_shows_as_typed(running: Running) -> None:
    await WebPerson(running).says(HTML)
    async with Browser(running) as lan:
        await lan.join()
        for path in ("/staff/", "/staff/cau-hoi/1"):
            page = await lan.get(path)
            assert "<script" not in page.text
            assert "<b>đăng" not in page.text
            assert HTML in text_of_escaped(page.text)
        page = await lan.get("/staff/", tim='"><script>alert(1)</script>')
        assert "<script" not in page.text


def text_of_escaped(html: str) -> str:
    from html import unescape

    return unescape(html)


async def test_filters_and_search(running: Running) -> None:
    day = dt.timedelta(days=1)
    await add_turns(
        running.database,
        [
            {"text": "Đăng ký nhãn hiệu", "topic": "nhan-hieu", "facet": "ho-so", "feedback": "useful"},
            {"text": "Phí mã vạch 100% có đắt_không", "topic": "ma-so-ma-vach", "channel": "telegram"},
            {"text": "tem truy xuất", "outcome": "no_answer", "reason": "not_in_kb", "feedback": "wrong"},
            {"text": "Quỹ ở Bến Tre", "province": "ben-tre", "created_at": NOW - 3 * day},
            {"text": None, "outcome": None},
            {"text": "nửa đêm hôm trước", "created_at": day_begins(dt.date(2026, 11, 20))},
            {"text": "một giây trước nửa đêm", "created_at": day_begins(dt.date(2026, 11, 20)) - day / 86_400},
        ],
    )
    async with Browser(running) as lan:
        await lan.join()

        async def found(**given: str) -> list[str]:
            page = await lan.get("/staff/", **{key.replace("_", "-"): value for key, value in given.items()})
            rows = listed(page)
            counted = re.search(r"<p>(?:(\d+) câu hỏi|Không có câu hỏi nào)", page.text)
            assert counted and int(counted[1] or 0) == len(rows)
            exported = (await lan.get("/staff/cau-hoi.csv", **{k.replace("_", "-"): v for k, v in given.items()})).text
            assert len(list(csv.reader(io.StringIO(exported)))) == len(rows) + 1
            return rows

        assert len(await found()) == 7
        assert await found(ket_qua="no_answer") == ["tem truy xuất"]
        assert await found(chu_de="nhan-hieu") == ["Đăng ký nhãn hiệu"]
        assert await found(danh_gia="wrong") == ["tem truy xuất"]
        assert len(await found(danh_gia="none")) == 5
        assert await found(kenh="telegram") == ["Phí mã vạch 100% có đắt_không"]
        assert await found(tinh="ben-tre") == ["Quỹ ở Bến Tre"]
        for search in ("dang ky NHAN", "nhãn hiệu đăng", "Đăng  ký", "đang ky"):
            assert await found(tim=search) == ["Đăng ký nhãn hiệu"], search
        assert await found(tim="100%") == ["Phí mã vạch 100% có đắt_không"]
        assert await found(tim="dat_khong") == ["Phí mã vạch 100% có đắt_không"]
        for nothing in ("%", "_"):  # only where they really stand
            assert await found(tim=nothing) == ["Phí mã vạch 100% có đắt_không"]
        assert await found(tim="\\") == []
        assert await found(tim="'; DROP TABLE turns; --") == []
        assert await found(tu="2026-11-20", den="2026-11-20") == ["nửa đêm hôm trước"]
        assert await found(den="2026-11-19") == ["một giây trước nửa đêm", "Quỹ ở Bến Tre"]
        assert await found(chu_de="nhan-hieu", danh_gia="wrong") == []
        for unknown in ({"ket_qua": "x"}, {"tu": "32/13/2026"}, {"truoc": "9" * 40 + "-1"}, {"tim": "\x00"}):
            assert len(await found(**unknown)) == 7, unknown


async def test_pages_of_the_list_have_everything_once(running: Running) -> None:
    total = 2 * PAGE_SIZE + 7
    await add_turns(running.database, [{"text": f"câu số {n}"} for n in range(total)])  # all at the same moment
    async with Browser(running) as lan:
        await lan.join()
        seen, path = [], "/staff/?ket-qua=answer"
        for _ in range(3):
            page = await lan.client.get(path)
            seen += listed(page)
            following = re.search(r'rel="next" href="([^"]+)"', page.text)
            path = following[1].replace("&amp;", "&") if following else ""
        assert seen == [f"câu số {n}" for n in reversed(range(total))]
        assert path == ""


async def test_the_file_is_for_excel_and_harmless(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staff.questions.BATCH", 2)
    texts = [
        '=HYPERLINK("http://evil")', "+84 gọi tôi", "-1", "@SUM(A1)", " =1+1", "\t=1", 'dấu "phẩy", xuống\ndòng',
    ]  # fmt: skip
    await add_turns(running.database, [{"text": text, "confidence": 0.5} for text in texts])
    async with Browser(running) as lan:
        await lan.join()
        response = await lan.get("/staff/cau-hoi.csv")
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(
            r'attachment; filename="cau-hoi-\d{4}-\d\d-\d\d\.csv"', response.headers["content-disposition"]
        )
        assert response.content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))
        assert rows[0][:4] == ["Thời gian", "Kênh", "Câu hỏi", "Kết quả"]
        assert [row[2] for row in rows[1:]] == [defuse(text) for text in reversed(texts)]
        assert rows[-1][0] == "2026-11-22 10:00:00"
        for row in rows:
            assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row)
        audit = await sql(running.database, "SELECT details FROM audit_events WHERE action = 'questions.exported'")
        assert len(audit) == 1


async def test_channels_say_how_they_are(running: Running) -> None:
    now = dt.datetime.now(dt.UTC)
    await running.database.write(
        lambda c: operations.note_channel(
            c, department_id=1, channel="telegram", account="1", last_received_at=now - dt.timedelta(minutes=3),
            last_error="CredentialsRejected: 401", last_error_at=now - dt.timedelta(hours=2),
        )
    )  # fmt: skip
    await WebPerson(running).says("menu")
    async with Browser(running) as lan:
        await lan.join()
        page = await lan.get("/staff/")
        cards = [text_of_escaped(re.sub(r"<[^>]+>", " ", card)) for card in page.text.split("<li class=")[1:]]
        web, telegram, zalo = (" ".join(card.split()) for card in cards)
        assert web.startswith('"card"> Chat trên web Đang bật') or "Chat trên web Đang bật" in web
        assert "Nhận gần nhất vừa xong Gửi gần nhất vừa xong Đang chờ không có" in web
        assert "Telegram Chưa nối" in telegram  # all three stand there, with or without a token
        assert "Zalo OA Chưa nối" in zalo
        assert re.search(r'<option value="zalo">Zalo OA</option>', page.text)
        assert "Nhận gần nhất 3 phút trước" in telegram
        assert "Mã truy cập của kênh bị từ chối, 2 giờ trước (CredentialsRejected: 401)" in telegram


@contextmanager
def counting() -> Iterator[list[str]]:
    """The statements both kinds of engine send meanwhile."""
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_the_page_takes_ten_statements_however_much_there_is(make_settings: MakeSettings) -> None:
    database = Database(make_settings().database_url)
    asked = read_filter({"tim": "cau so", "den": "2026-12-01"}, ("web", "telegram"))

    def count(connection: Connection) -> int:
        with counting() as statements:
            found = read_overview(connection, asked.wanted, department_id=1, channels=("web", "telegram"), now=NOW)
            assert found.labels["nhan-hieu"]
        return len([s for s in statements if not s.startswith("BEGIN")])

    try:
        few = await database.read(count)
        await add_turns(database, [{"text": f"câu số {n}", "topic": "nhan-hieu"} for n in range(300)])
        many = await database.read(count)
    finally:
        await database.close()
    assert few <= 10
    assert many <= 10  # with the session's own and the department's name, the twelve a page may take


async def test_counting_stops(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "COUNTED_AT_MOST", 20)
    database = Database(make_settings().database_url)
    try:
        await add_turns(database, [{"text": f"câu số {n}"} for n in range(30)])
        assert await database.read(lambda c: turns.count_turns(c, turns.TurnFilter(), department_id=1)) == 21
    finally:
        await database.close()


async def test_erased_text_is_said_to_be_erased_and_found_no_more(running: Running) -> None:
    from db.queries import conversations

    await add_turns(running.database, [{"text": "số nhà tôi là bí mật"}])
    await running.database.write(lambda c: conversations.erase_texts(c, before=NOW + dt.timedelta(days=1)))
    rows = await sql(running.database, "SELECT text, text_folded FROM turns")
    assert tuple(rows[0]) == (None, None)
    async with Browser(running) as lan:
        await lan.join()
        assert listed(await lan.get("/staff/", tim="bi mat")) == []
        assert "đã được xoá khi hết hạn lưu" in text_of(await lan.get("/staff/cau-hoi/1"))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "vừa xong"), (59, "vừa xong"), (60, "1 phút trước"), (3599, "59 phút trước"), (3600, "1 giờ trước"),
        (5 * 3600, "5 giờ trước"), (10 * 3600 + 60, "hôm qua lúc 23:59"), (3 * 86400, "3 ngày trước"),
        (40 * 86400, "13/10/2026 10:00"),
    ],
)  # fmt: skip
def test_times_in_words(seconds: int, words: str) -> None:
    assert ago(NOW - dt.timedelta(seconds=seconds), NOW) == words


def test_times_are_vietnams() -> None:
    assert show_time(NOW) == "22/11/2026 10:00"
    assert ago(None, NOW) == "chưa có"


@pytest.mark.parametrize("cell", ["chữ thường", "a=b", "0.93", "", "2026-11-22 10:00:00", "HT26-4F7KQ2"])
def test_ordinary_cells_stay(cell: str) -> None:
    assert defuse(cell) == cell


async def test_the_chart_counts_days_as_people_here_do(make_settings: MakeSettings) -> None:
    database = Database(make_settings().database_url)
    now = dt.datetime(2026, 11, 22, 17, 30, tzinfo=dt.UTC)  # half past midnight of the 23rd in Vietnam
    try:
        await add_turns(
            database,
            [
                {"created_at": now}, {"created_at": now - dt.timedelta(hours=1)},
                {"created_at": now - dt.timedelta(hours=1), "outcome": "no_answer"},
                {"created_at": now - dt.timedelta(days=31)}, {"created_at": now, "outcome": None},
            ],
        )  # fmt: skip
        chart = await database.read(lambda c: read_chart(c, department_id=1, now=now))
    finally:
        await database.close()
    assert len(chart.bars) == 30
    assert [bar.total for bar in chart.bars[-2:]] == [2, 1]
    assert chart.bars[-1].day == dt.date(2026, 11, 23)
    assert dict(chart.totals) == {"answer": 2, "no_answer": 1}
    assert sum(piece.height for piece in chart.bars[-2].pieces) == chart.height
