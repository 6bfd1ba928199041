"""The page ``docs/knowledge.md``: what the knowledge base holds and what a department still has to confirm.

A pure function of the content: the same records give the same page on any day, because "today" is the latest day on
which somebody checked a record.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from knowledge.base import KnowledgeBase
from knowledge.schema import Confidence, Document, DocumentStatus, Entry, Record
from knowledge.taxonomy import NATIONAL

BAR_WIDTH = 20
SOON = dt.timedelta(days=180)
CONFIDENCES = {Confidence.HIGH: "cao", Confidence.MEDIUM: "trung bình", Confidence.LOW: "thấp"}
STATUSES = {
    DocumentStatus.IN_FORCE: "còn hiệu lực", DocumentStatus.AMENDED: "đã sửa đổi",
    DocumentStatus.EXPIRED: "hết hiệu lực", DocumentStatus.UNKNOWN: "chưa rõ",
}  # fmt: skip
KINDS = {"facet": "trả lời một khía cạnh", "fact": "trả lời một việc cụ thể"}
# how the writers say that something has to be confirmed, see docs/content.md, rule 3
_OPEN = re.compile(
    r"cần (?:\S+ ){0,6}?xác nhận|chưa (?:được )?xác nhận|chưa có (?:nguồn|thông tin|tài liệu|mức)|chưa (?:tìm )?thấy"
    r"|chưa rõ|cần hỏi|cần đối chiếu|cần kiểm tra lại",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.;!?])\s+|\n+")

Row = Sequence[object]


def open_points(entry: Entry) -> list[str]:
    """The sentences of an entry that say what is not known yet."""
    text = f"{entry.answer}\n{entry.details or ''}"
    found = (sentence.strip().lstrip("- ") for sentence in _SENTENCE.split(text) if _OPEN.search(sentence))
    return [re.sub(r"[;,]$", ".", sentence) for sentence in found]


def write_report(records: Iterable[Record]) -> str:
    """The whole page as Markdown, in Vietnamese, ending in a newline."""
    knowledge = KnowledgeBase(records)
    if not knowledge.entries:
        return "# Kho kiến thức\n\nKho chưa có mục nào.\n"
    days = [entry.checked for entry in knowledge.entries.values()]
    as_of = max(*days, *(document.checked for document in knowledge.documents.values()), dt.date.min)
    parts = (
        _head(knowledge, as_of),
        _topics(knowledge),
        _facets(knowledge),
        _breakdowns(knowledge, as_of),
        _gaps(knowledge),
        _expiring(knowledge, as_of),
        _documents(knowledge),
        _checklist(knowledge),
    )
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


# -- pieces of Markdown ------------------------------------------------------------------------------------------------


def _day(day: dt.date) -> str:
    return day.strftime("%d/%m/%Y")


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _table(head: Sequence[str], rows: Iterable[Row], *, left: int = 1) -> str:
    """A table whose first ``left`` columns hold words and the others numbers."""
    rule = [":--" if number < left else "--:" for number in range(len(head))]
    lines = [head, rule, *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bars(title: str, counts: dict[str, int]) -> str:
    """A table of counts with a bar each; the longest bar is ``BAR_WIDTH`` characters."""
    longest = max(counts.values(), default=0) or 1
    rows = (
        (name, count, "█" * max(round(BAR_WIDTH * count / longest), int(count > 0))) for name, count in counts.items()
    )
    head, *lines = _table((title, "Số mục", ""), rows).split("\n")
    return "\n".join((head, "| :-- | --: | :-- |", *lines[1:]))


def _place(knowledge: KnowledgeBase, province: str) -> str:
    place = knowledge.taxonomy.provinces[province]
    return f"{place.name} (nay thuộc {place.now_name})" if place.now_name else place.name


def _facet(knowledge: KnowledgeBase, facet: str) -> str:
    return knowledge.taxonomy.facets[facet].split(",")[0].strip()


def _document(document: Document) -> str:
    name = f"{document.kind} {document.number}" if document.number else document.title
    return f"{name} ({document.issuer})"


def _ordered(knowledge: KnowledgeBase, entries: Iterable[Entry]) -> list[Entry]:
    """National entries first, then by facet and id."""
    provinces, facets = list(knowledge.taxonomy.provinces), list(knowledge.taxonomy.facets)
    return sorted(entries, key=lambda e: (provinces.index(e.province), facets.index(e.facet), e.id))


def _by_topic(knowledge: KnowledgeBase, wanted: Callable[[Entry], bool]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in knowledge.entries.values():
        if wanted(entry):
            found[entry.topic].append(entry)
    return {topic: _ordered(knowledge, found[topic]) for topic in knowledge.taxonomy.topics if topic in found}


# -- sections ---------------------------------------------------------------------------------------------------------


def _head(knowledge: KnowledgeBase, as_of: dt.date) -> str:
    entries = knowledge.entries.values()
    unsure = sum(bool(open_points(entry)) for entry in entries)
    counts = {
        "chủ đề": len(knowledge.topics),
        "mục trả lời": len(entries),
        "câu hỏi mẫu": sum(len(entry.questions) for entry in entries),
        "văn bản, trang nguồn": len(knowledge.documents),
        "phiếu chỉ sang nơi khác": len(knowledge.referrals),
    }
    return (
        "# Kho kiến thức: đang có gì, còn thiếu gì\n\n"
        "Trang này do lệnh `python -m bot kb report` viết ra từ nội dung, không sửa tay. "
        f"Số liệu theo lần kiểm tra gần nhất: {_day(as_of)}.\n\n"
        + "\n".join(f"- **{f'{count:,}'.replace(',', '.')}** {name}" for name, count in counts.items())
        + f"\n\nCó **{unsure}** mục còn điều Sở cần xác nhận: xem [phiếu kiểm tra](#phiếu-kiểm-tra) ở cuối trang, "
        "in ra và điền được."
    )


def _topics(knowledge: KnowledgeBase) -> str:
    parts = ["## Theo chủ đề"]
    head = ("Chủ đề", "Mục", "Câu hỏi", "Của tỉnh", "Tin cậy cao", "Cần xác nhận")
    for field in knowledge.taxonomy.fields.values():
        rows = []
        for topic in field.topics:
            entries = [entry for entry in knowledge.entries.values() if entry.topic == topic]
            rows.append(
                (
                    knowledge.label(topic), len(entries), sum(len(entry.questions) for entry in entries),
                    sum(entry.province != NATIONAL for entry in entries),
                    sum(entry.confidence is Confidence.HIGH for entry in entries),
                    sum(bool(open_points(entry)) for entry in entries),
                )
            )  # fmt: skip
        parts += [f"### {field.name}", _table(head, rows)]
    return "\n\n".join(parts)


def _facets(knowledge: KnowledgeBase) -> str:
    provinces = list(knowledge.taxonomy.provinces)
    counts = Counter((entry.facet, entry.province) for entry in knowledge.entries.values())
    rows = [
        (_facet(knowledge, facet), *(counts[facet, province] for province in provinces))
        for facet in knowledge.taxonomy.facets
    ]
    names = [knowledge.taxonomy.provinces[province].name for province in provinces]
    return f"## Theo khía cạnh và tỉnh\n\n{_table(('Khía cạnh', *names), rows)}"


def _status(entry: Entry, today: dt.date) -> str:
    if entry.valid_from and entry.valid_from > today:
        return "chưa tới ngày áp dụng"
    if entry.valid_to and entry.valid_to < today:
        return "đã quá hạn"
    return "đang dùng, có ngày hết hạn" if entry.valid_to else "đang dùng"


def _breakdowns(knowledge: KnowledgeBase, as_of: dt.date) -> str:
    entries = list(knowledge.entries.values())
    provinces = Counter(entry.province for entry in entries)
    confidences = Counter(entry.confidence for entry in entries)
    statuses = Counter(_status(entry, as_of) for entry in entries)
    kinds: Counter[str] = Counter(entry.kind for entry in entries)
    tables = (
        _bars("Tỉnh", {_place(knowledge, p): provinces[p] for p in knowledge.taxonomy.provinces}),
        _bars("Độ tin cậy", {name: confidences[level] for level, name in CONFIDENCES.items()}),
        _bars("Hiệu lực của mục", dict(sorted(statuses.items(), key=lambda pair: (-pair[1], pair[0])))),
        _bars("Loại", {name: kinds[kind] for kind, name in KINDS.items()}),
    )
    return "\n\n".join(("## Theo tỉnh, độ tin cậy, hiệu lực", *tables))


def _gaps(knowledge: KnowledgeBase) -> str:
    """Topics of which a province has nothing of its own: the national entry answers there."""
    lines = ["## Chủ đề tỉnh chưa có mục riêng", "Ở đây người dân của tỉnh nhận câu trả lời chung cả nước."]
    for province in knowledge.taxonomy.provinces:
        if province == NATIONAL:
            continue
        own = {entry.topic for entry in knowledge.entries.values() if entry.province == province}
        missing = [knowledge.label(topic) for topic in knowledge.taxonomy.topics if topic not in own]
        lines.append(f"- [ ] **{_place(knowledge, province)}** ({len(missing)}): {'; '.join(missing) or 'không thiếu'}")
    return f"{lines[0]}\n\n{lines[1]}\n\n" + "\n".join(lines[2:])


def _expiring(knowledge: KnowledgeBase, as_of: dt.date) -> str:
    ending = sorted(
        (entry.valid_to, entry.id, entry) for entry in knowledge.entries.values()
        if entry.valid_to and entry.valid_to <= as_of + SOON
    )  # fmt: skip
    lines = [
        f"- [ ] {_day(day)}: {entry.title} (`{entry.id}`)" + (" — **đã quá hạn**" if day < as_of else "")
        for day, _, entry in ending
    ]
    heading = f"## Mục hết hạn trước {_day(as_of + SOON)}"
    return f"{heading}\n\n" + ("\n".join(lines) or "Không có.")


def _documents(knowledge: KnowledgeBase) -> str:
    documents = sorted(knowledge.documents.values(), key=lambda d: d.id)
    days = sorted({document.checked for document in documents})
    counts = Counter((document.status, document.checked) for document in documents)
    rows = [(name, *(counts[status, day] for day in days)) for status, name in STATUSES.items()]
    parts = ["## Văn bản", _table(("Tình trạng", *(f"kiểm tra {_day(day)}" for day in days)), rows)]
    unclear = [d for d in documents if d.status is DocumentStatus.UNKNOWN and d.number]
    parts += [
        f"### Còn phải tra hiệu lực ({len(unclear)})",
        "\n".join(
            f"- [ ] {_document(d)}: {d.title}" + (f". {d.status_note}" if d.status_note else "") for d in unclear
        ),
    ]
    undated = [d for d in documents if d.number and d.date is None]
    if undated:
        parts += ["### Chưa có ngày ban hành", "\n".join(f"- [ ] {_document(d)}: {d.title}" for d in undated)]
    return "\n\n".join(part for part in parts if part)


def _check_line(knowledge: KnowledgeBase, entry: Entry) -> str:
    points = open_points(entry)
    what = " ".join(points) if points else "đối chiếu với văn bản gốc."
    where = [
        _document(knowledge.documents[source.document])
        for source in entry.sources[:3]
        if source.document in knowledge.documents
    ]
    return (
        f"- [ ] **{entry.title}** ({knowledge.taxonomy.provinces[entry.province].name};"
        f" tin cậy {CONFIDENCES[entry.confidence]}): {what}" + (f" Tra ở: {'; '.join(where)}." if where else "")
    )


def _checklist(knowledge: KnowledgeBase) -> str:
    """One box for each entry that says something is open, or that rests on less than the text itself."""
    by_topic = _by_topic(knowledge, lambda e: bool(open_points(e)) or e.confidence is Confidence.LOW)
    parts = [
        "## Phiếu kiểm tra",
        "Mỗi ô là một mục còn điều chưa chắc: phải xác nhận điều gì, tra ở đâu. Xác nhận xong, sửa mục đó rồi chạy lại"
        " `kb report`; ô sẽ tự mất.",
    ]
    for topic, entries in by_topic.items():
        owners = "; ".join(dict.fromkeys(entry.owner for entry in entries))
        parts += [
            f"### {knowledge.label(topic)} ({len(entries)})",
            f"Đơn vị giữ nội dung: {owners}.  \nNgười xác nhận: ……………………  Ngày: ……/……/………",
            "\n".join(_check_line(knowledge, entry) for entry in entries),
        ]
    return "\n\n".join(parts)
