"""Finding requests by code, name, phone, organisation and words, without diacritics; and what it costs."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from db.queries import request_search
from desk import actions, search
from desk.change import Actor
from tests.desk.conftest import World


async def look(world: World, text: str, **values) -> list[int]:
    return list(await world.read(lambda c: search.search(c, text, department_id=world.desk.department_id, **values)))


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
    """The other plan, for words that more than a thousand requests have, gives the same."""
    filed = [await world.file(await world.person(), description=f"Cần hỗ trợ {('máy gặt', 'máy nghiền')[n % 2]}") for n in range(6)]
    before = await look(world, "ho tro may nghien")
    monkeypatch.setattr(request_search, "RARE", 2)
    assert await look(world, "ho tro may nghien") == before == [filed[n].request_id for n in (5, 3, 1)]
    assert await look(world, "ho tr", limit=3) == [filed[n].request_id for n in (5, 4, 3)]


async def test_other_departments_are_not_searched(world: World) -> None:
    await world.filed_by_somebody()
    other = world.desk.department_id + 1
    assert await world.read(lambda c: search.search(c, "hoa", department_id=other)) == []


async def test_the_number_of_statements_does_not_grow(world: World) -> None:
    person, filed = await world.filed_by_somebody()
    await world.act(actions.withdraw, filed, Actor.person(person))

    def count(connection):
        statements = []
        listen = lambda *arguments: statements.append(arguments[2])  # noqa: E731
        event.listen(connection, "before_cursor_execute", listen)
        search.search(connection, "một hai ba bốn năm sáu bảy tám chín mười", department_id=world.desk.department_id)
        event.remove(connection, "before_cursor_execute", listen)
        return len(statements)

    assert await world.read(count) <= 9
