"""Reading content files, and the report on them: what a curator sees."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.commands import kb
from knowledge.base import KnowledgeBase
from knowledge.check import check_content
from knowledge.loader import ROOT, load_content
from knowledge.report import SOON, open_points, write_report
from knowledge.schema import Confidence


@pytest.fixture(scope="module")
def page(shipped: KnowledgeBase) -> str:
    return write_report(records_of(shipped))


def records_of(knowledge: KnowledgeBase) -> list[object]:
    return [
        *knowledge.topics.values(), *knowledge.entries.values(), *knowledge.documents.values(),
        *knowledge.referrals.values(),
    ]  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A content root with one topic, one document and one referral card of the shipped ones."""
    root = tmp_path / "kb"
    shutil.copytree(ROOT / "content" / "hop-tac-quoc-te", root / "content" / "hop-tac-quoc-te")
    for folder in ("documents", "referrals"):
        (root / folder).mkdir()
        first = sorted((ROOT / folder).glob("*.yaml"))[0]
        shutil.copy(first, root / folder)
    return root


def test_a_file_that_vanishes_while_loading_is_no_error(small: Path) -> None:
    before = load_content(small)
    # listed, and gone when it is opened: exactly what a link to nowhere does
    for gone in ("content/hop-tac-quoc-te/gone.md", "documents/gone.yaml", "referrals/gone.yaml"):
        (small / gone).symlink_to(small / "nowhere")
    after = load_content(small)
    assert after.problems == before.problems == []
    assert [file.key for file in after.files] == [file.key for file in before.files]


def test_what_cannot_be_read_is_a_problem_and_hides_no_other_file(small: Path) -> None:
    (small / "content" / "hop-tac-quoc-te" / "folder.md").mkdir()
    (small / "documents" / "latin.yaml").write_bytes("tiêu đề".encode("utf-16"))
    content = load_content(small)
    found = {(problem.path, problem.message.split(":")[0]) for problem in content.problems}
    assert found == {
        ("content/hop-tac-quoc-te/folder.md", "cannot be read"), ("documents/latin.yaml", "not UTF-8 text")
    }  # fmt: skip
    assert len(content.files) == sum(p.is_file() and p.name != "latin.yaml" for p in small.rglob("*"))


def test_line_ends_of_another_system_read_the_same(small: Path) -> None:
    path = small / "content" / "hop-tac-quoc-te" / "chi-phi.md"
    plain = next(f.record for f in load_content(small).files if f.path.endswith("chi-phi.md"))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert next(f.record for f in load_content(small).files if f.path.endswith("chi-phi.md")) == plain


def test_a_fact_of_a_province_says_so_at_once(small: Path) -> None:
    today = dt.date(2026, 11, 22)
    assert not [p for p in check_content(load_content(small), today=today) if "first words" in p.message]
    path = small / "content" / "hop-tac-quoc-te" / "hop-tac-long-an-2024.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Long An", "tỉnh").replace("Tây Ninh", "tỉnh"), encoding="utf-8")
    found = [p for p in check_content(load_content(small), today=today) if "first words" in p.message]
    assert [(p.path, p.severity) for p in found] == [("content/hop-tac-quoc-te/hop-tac-long-an-2024.md", "warning")]


def test_the_report_counts_every_entry(shipped: KnowledgeBase, page: str) -> None:
    for field in shipped.taxonomy.fields.values():
        assert f"### {field.name}\n" in page
    rows = {
        cells[0]: [int(cell) for cell in cells[1:]]
        for cells in re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    }
    assert set(rows) == {shipped.label(topic) for topic in shipped.topics}
    assert sum(row[0] for row in rows.values()) == len(shipped.entries)
    assert sum(row[1] for row in rows.values()) == sum(len(e.questions) for e in shipped.entries.values())


def test_the_checklist_has_one_box_for_each_open_entry(shipped: KnowledgeBase, page: str) -> None:
    wanted = {
        (entry.title, shipped.taxonomy.provinces[entry.province].name)
        for entry in shipped.entries.values()
        if open_points(entry) or entry.confidence is Confidence.LOW
    }
    boxes = page.split("## Phiếu kiểm tra\n")[1]
    found = set(re.findall(r"^- \[ \] \*\*(.+?)\*\* \(([^;]+);", boxes, re.MULTILINE))
    assert found == wanted


def test_the_report_depends_on_the_content_alone(shipped: KnowledgeBase, page: str) -> None:
    backwards = KnowledgeBase(reversed(records_of(shipped)))
    assert write_report(records_of(backwards)) == page
    assert page.endswith("\n")
    assert not re.search(r"<\w", page)


def test_the_report_warns_of_what_ends_soon(shipped: KnowledgeBase) -> None:
    entries = list(shipped.entries.values())
    latest = max(record.checked for record in (*entries, *shipped.documents.values()))
    soon, late = latest + dt.timedelta(days=3), latest + SOON + dt.timedelta(days=1)
    first, second, third = (
        entry.model_copy(update={"valid_to": day, "title": f"Mục thử {number}"})
        for number, (entry, day) in enumerate(
            zip(entries, (soon, late, latest - dt.timedelta(days=1)), strict=False), start=1
        )
    )
    kept = [record for record in records_of(shipped) if record not in entries[:3]]
    section = write_report([*kept, first, second, third]).split("## Mục hết hạn")[1].split("\n## ")[0]
    assert "Mục thử 1" in section
    assert "Mục thử 2" not in section
    assert re.search(r"Mục thử 3.*đã quá hạn", section)


def test_kb_report_writes_the_page(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "page.md"
    assert main(["kb", "report", "--root", str(small), "--out", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == write_report(load_content(small).records)
    (small / "documents" / "broken.yaml").write_text("title: [", encoding="utf-8")
    target.unlink()
    assert main(["kb", "report", "--root", str(small), "--out", str(target)]) == 1
    assert "documents/broken.yaml:" in capsys.readouterr().out
    assert not target.exists()


def test_kb_check_knows_whether_the_page_is_current(
    small: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kb, "REPORT", tmp_path / "knowledge.md")
    content = load_content(small)
    assert not kb._report_is_current(content)
    (tmp_path / "knowledge.md").write_text(write_report(content.records), encoding="utf-8")
    assert kb._report_is_current(content)
    entry = small / "content" / "hop-tac-quoc-te" / "chi-phi.md"
    entry.write_text(entry.read_text(encoding="utf-8").replace("Chi phí khi hợp tác", "Tiền khi hợp tác"), "utf-8")
    assert not kb._report_is_current(load_content(small))
