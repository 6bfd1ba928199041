"""Making the table of places: the same bytes each time, no wrong count, no unit that leads nowhere."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from desk import build_places
from desk.build_places import Former, SourceError, Table, check, compare, write


def small() -> Table:
    return Table(
        {"tay-ninh": {"2": "Xã B", "1": "Xã A"}},
        {"long-an": [
            Former("9", "Huyện Hai", [("92", "Xã Y", {"2", "1"}), ("91", "Xã X", {"1"})]),
            Former("8", "Huyện Một", [], {"2"}),
        ]},
    )  # fmt: skip


def test_the_same_table_gives_the_same_bytes() -> None:
    table = small()
    table.former["long-an"].reverse()
    assert write(small()) == write(table) == write(small())
    data = json.loads(gzip.decompress(write(table)))
    assert data["today"] == {"tay-ninh": [["1", "Xã A"], ["2", "Xã B"]]}
    assert data["former"]["long-an"][1] == ["9", "Huyện Hai", [["91", "Xã X", ["1"]], ["92", "Xã Y", ["1", "2"]]], []]


def test_the_table_shipped_is_small_and_was_written_by_this_code() -> None:
    content = build_places.TABLE.read_bytes()
    assert len(content) < 1_000_000
    data = json.loads(gzip.decompress(content))
    table = Table(
        {province: dict(communes) for province, communes in data["today"].items()},
        {province: [
            Former(code, name, [(code, name, set(today)) for code, name, today in communes], set(island))
            for code, name, communes, island in districts
        ] for province, districts in data["former"].items()},
    )  # fmt: skip
    assert gzip.decompress(write(table)) == gzip.decompress(content)
    assert check(table) == {
        "provinces": 34, "communes": 3321, "former provinces": 63, "former districts": 696, "former communes": 10_040,
        "of them split": 512,
    }  # fmt: skip


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(SourceError, match="official counts"):
        check(small())


def test_the_second_source_adds_parts_but_never_overrules() -> None:
    table = small()
    second = {
        ("long-an", "hai", "xax"): {("tay-ninh", "xaa"), ("tay-ninh", "xab")},
        ("long-an", "hai", "xay"): {("tay-ninh", "xac")},
    }
    counts = compare(table, second)
    assert table.former_communes == {"91": {"1", "2"}, "92": {"1", "2"}, "8": {"2"}}
    assert counts == Counter({
        "today's communes in both": 2, "today's communes of the second source not in the first": 1,
        "former communes of which one source knows more parts": 1,
        "former communes mapped otherwise (the first is kept)": 1,
    })  # fmt: skip


def test_without_the_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build_places, "find_spec", lambda _: None)
    assert build_places.main() == 1
    assert "install vietnamadminunits" in capsys.readouterr().err
