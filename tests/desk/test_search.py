"""Finding requests by code, name, phone, organisation and words, without diacritics; and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event

from benchmark.desk_data import fill
from db.engine import Database
from db.queries import request_search
from desk import actions, search
from desk.change import Actor
from tests.conftest import MakeSettings
from tests.desk.conftest import World


async def look(world: World, text: str, **values) -> list[int]:
    department = world.desk.department_id
    return (await world.read(lambda c: search.find(c, text, department_id=department, **values))).ids


async def test_every_way_to_look_for_a_request(world: World) -> None:
    _, filed = await world.filed_by_somebody()
    await world.file(await world.person(), description="Kiểm định cân ô tô ở cảng")
    for typed in (
        filed.code, filed.code.lower().replace("-", ""), f"tìm {filed.code}", "Nguyễn Thị Hoa", "nguyen thi hoa", "HOA",
        "htx binh minh", "Bình Minh", "0912345678", "0912 345 678", "+84912345678", "091234", "5678", "345678",
        "0100109106", "dang ky nhan hieu", "nhãn hiệu hợp tác xã", "my thanh", "hoa nhan hie",
    ):  # fmt: skip
        assert await look(world, typed) == [filed.request_id], typed
    for typed in ("", "   ", "!!!", "nguyen van hoa", "0999", "HT26-000000", "%", "_", "' OR 1=1 --", "\x00"):
        assert await look(world, typed) == [], typed


async def test_newest_first_and_page_by_page(world: World) -> None:
    filed = [await world.file(await world.person(), description="Cần hỗ trợ quét mã") for _ in range(5)]
    ids = [one.request_id for one in filed]
    assert await look(world, "ho tro quet ma") == ids[::-1]
    assert await look(world, "ho tro", limit=2) == ids[:-3:-1]
    assert await look(world, "ho tro", before_id=ids[3], limit=2) == [ids[2], ids[1]]


async def test_common_words_are_looked_for_from_the_newest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other plan, for words that many requests have, gives the same."""
    filed = [
        await world.file(await world.person(), description=f"Cần hỗ trợ {('máy gặt', 'máy nghiền')[n % 2]}")
        for n in range(6)
    ]
    before = await look(world, "ho tro may nghien")
    monkeypatch.setattr(request_search, "RARE", 2)
    assert await look(world, "ho tro may nghien") == before == [filed[n].request_id for n in (5, 3, 1)]
    assert await look(world, "ho tr", limit=3) == [filed[n].request_id for n in (5, 4, 3)]


async def test_looking_back_is_bounded_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all words are common, so many of the newest are looked at; older ones are found by going on from there."""
    texts = ["Cần hỗ trợ máy gặt ở xã"] * 2 + ["Cần hỗ trợ máy nghiền ở xã"] * 9
    filed = [(await world.file(await world.person(), description=text)).request_id for text in texts]
    monkeypatch.setattr(request_search, "RARE", 1)
    monkeypatch.setattr(request_search, "ROUNDS", (2, 3))

    def find(text: str, before_id: int | None = None, limit: int = 25) -> Callable[[Connection], search.Found]:
        department = world.desk.department_id
        return lambda c: search.find(c, text, department_id=department, before_id=before_id, limit=limit)

    for text, asked in (("hỗ trợ gặt xã", 3), ("ho tro gat x", 3), ("gat ho tro", 1)):  # led by the longest word
        ids: list[int] = []
        before, rounds = None, 0
        while True:
            found = await world.read(find(text, before))
            ids += found.ids
            rounds += 1
            before = found.next_before
            if before is None:
                break
        assert ids == [filed[1], filed[0]], text
        assert rounds == asked, text
    found = await world.read(find("hỗ trợ nghiền xã", limit=3))
    assert found.ids == filed[:-4:-1]
    assert found.next_before == filed[-3]
    one_word = await world.read(find("nghie"))  # only the beginning of a word: everybody is looked at
    assert one_word.ids == filed[:-6:-1]
    assert one_word.next_before == filed[-5]


async def test_other_departments_are_not_searched(world: World) -> None:
    await world.filed_by_somebody()
    other = world.desk.department_id + 1
    assert await world.read(lambda c: search.find(c, "hoa", department_id=other)) == search.Found([], None)


async def test_the_number_of_statements_does_not_grow(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    await world.act(actions.withdraw, filed, Actor.person(person))

    def count(connection):
        statements = []
        listen = lambda *arguments: statements.append(arguments[2])  # noqa: E731
        event.listen(connection, "before_cursor_execute", listen)
        search.find(connection, "một hai ba bốn năm sáu bảy tám chín mười", department_id=world.desk.department_id)
        event.remove(connection, "before_cursor_execute", listen)
        return len(statements)

    assert await world.read(count) <= 9


async def test_a_rare_word_costs_sqlite_no_walk_through_every_request(sqlite_settings: MakeSettings) -> None:
    """With its statistics SQLite once preferred to skip from request to request, for having them in order."""
    number = 2500
    database = Database(sqlite_settings().database_url)
    try:
        await fill(database, number)

        def steps(connection: Connection) -> tuple[int, int]:
            taken = 0

            def count() -> None:
                nonlocal taken
                taken += 1

            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.set_progress_handler(count, 1)
            found = search.find(connection, "482", department_id=1, limit=300)
            raw.set_progress_handler(None, 0)
            return len(found.ids), taken

        found, taken = await database.read(steps)
        assert 0 < found < 50
        assert taken < number
    finally:
        await database.close()
