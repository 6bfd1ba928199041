"""``docs/accuracy.md``: the figures of ``make eval`` in tables and hand-made SVG charts, and what still goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.scoring import Line, Row, answered_wrongly, topic_right

DOCS = Path(__file__).parent.parent / "docs"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 560, 300, 52, 40
_COLOURS = ("#0b5cad", "#b3541e", "#2c7a3f", "#7a2c77", "#8a6d00", "#1f7a7a", "#a32a3c", "#555555")

Series = Mapping[str, Sequence[tuple[float, float]]]


def chart(series: Series, *, title: str, x_label: str, y_label: str, low: float, diagonal: bool = False) -> str:
    """Lines over 0…1 on both axes (y from ``low``) as an SVG document."""
    width, height = _WIDTH - _LEFT - 130, _HEIGHT - _BOTTOM - 34

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + x * width, 30 + height * (1 - (max(y, low) - low) / (1 - low))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' font-family="sans-serif" font-size="11" role="img" aria-label="{title}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="18" font-size="13" font-weight="bold">{title}</text>',
    ]
    for step in range(6):
        y = low + (1 - low) * step / 5
        (x0, at), (x1, _) = place(0, y), place(1, y)
        parts.append(f'<line x1="{x0:.0f}" y1="{at:.1f}" x2="{x1:.0f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x0 - 6:.0f}" y="{at + 4:.1f}" text-anchor="end">{y:.0%}</text>')
        x, base = place(step / 5, low)
        parts.append(f'<text x="{x:.0f}" y="{base + 15:.0f}" text-anchor="middle">{step / 5:.0%}</text>')
    x, base = place(0.5, low)
    parts.append(f'<text x="{x:.0f}" y="{base + 31:.0f}" text-anchor="middle">{x_label}</text>')
    parts.append(
        f'<text x="12" y="{30 + height / 2:.0f}" transform="rotate(-90 12 {30 + height / 2:.0f})" text-anchor="middle">'
        f"{y_label}</text>"
    )
    if diagonal:
        (xa, ya), (xb, yb) = place(low, low), place(1, 1)
        parts.append(
            f'<line x1="{xa:.0f}" y1="{ya:.0f}" x2="{xb:.0f}" y2="{yb:.0f}" stroke="#999" stroke-dasharray="4 3"/>'
        )
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in (place(*point) for point in points):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')
        parts.append(f'<text x="{_WIDTH - 124}" y="{42 + 16 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def coverage_curve(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """Share answered against share right among those, most confident first."""
    answered = sorted(
        ((float(a.get("confidence") or 0), topic_right(q, a)) for q, a in rows if a.get("outcome") == "answer"),
        key=lambda pair: -pair[0],
    )
    points, right = [], 0
    for number, (_, good) in enumerate(answered, start=1):
        right += good
        if number % max(1, len(answered) // 25) == 0:
            points.append((number / len(rows), right / number))
    return points


def reliability(rows: Sequence[Row], bins: int = 10) -> list[tuple[float, float]]:
    """Mean confidence against share right, by bins of confidence; bins of fewer than five are left out."""
    pairs = [(float(a.get("confidence") or 0), topic_right(q, a)) for q, a in rows if a.get("outcome") == "answer"]
    points = []
    for number in range(bins):
        part = [p for p in pairs if number / bins <= p[0] < (number + 1) / bins or (number == bins - 1 and p[0] == 1)]
        if len(part) >= 5:
            points.append((sum(c for c, _ in part) / len(part), sum(r for _, r in part) / len(part)))
    return points


def confusions(rows: Sequence[Row], most: int = 15) -> list[tuple[str, str, int]]:
    """The topics most often answered in place of another."""
    counts = Counter((q["topics"][0], str(a.get("topic"))) for q, a in rows if answered_wrongly(q, a))
    return [(wanted, got, count) for (wanted, got), count in counts.most_common(most)]


def write_report(data: Mapping[str, Any]) -> None:
    """Write the page and its charts.

    ``data`` holds ``targets`` (rows of name, target, value), ``noise`` (class → level points), ``rows`` (questions with
    answers), ``by_noise``, ``ablation`` (rows, with ``ablation_head``), ``wrong`` (question, answer) pairs of our own
    dev set and, where they are saved, ``baselines`` (rows, with ``baselines_head`` and ``baselines_run``, which says on
    what they were measured).
    """
    folder = DOCS / "charts"
    folder.mkdir(parents=True, exist_ok=True)
    rows: Sequence[Row] = data["rows"]
    (folder / "noise.svg").write_text(
        chart(
            data["noise"],
            title="Gõ càng lỗi, còn đúng chủ đề bao nhiêu",
            x_label="mức nhiễu",
            y_label="đúng chủ đề",
            low=0.5,
        ),
        encoding="utf-8",
    )
    (folder / "coverage.svg").write_text(
        chart({"dev": coverage_curve(rows)}, title="Trả lời bao nhiêu, đúng bao nhiêu", x_label="tỷ lệ được trả lời",
              y_label="đúng trong số đó", low=0.8),
        encoding="utf-8",
    )  # fmt: skip
    (folder / "reliability.svg").write_text(
        chart({"dev": reliability(rows)}, title="Độ chắc nói ra và tỷ lệ đúng thật", x_label="độ chắc",
              y_label="đúng thật", low=0.0, diagonal=True),
        encoding="utf-8",
    )  # fmt: skip
    (DOCS / "accuracy.md").write_text("\n".join(_page(data, rows)) + "\n", encoding="utf-8")


def _table(head: Sequence[str], body: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in body), ""]


def _page(data: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    page = [
        "# How well it understands", "",
        "Written by `python -m benchmark.evaluate --report` from the sets in `benchmark/`. Questions of the dev set"
        " have been looked at while building; the test set was only scored.", "",
        "## Figures", "", *_table(["Figure", "Target", "dev", "test"], data["targets"]),
        "## By kind of typing (as written)", "",
        *_table(["Kind", "Questions", "Topic", "Topic and facet"], data["by_noise"]),
        "## The noise curve", "",
        "Every clean question, rewritten by a seeded generator (`benchmark/noise.py`) to a share of its words.", "",
        "![noise](charts/noise.svg)", "",
        "## Coverage and accuracy", "", "![coverage](charts/coverage.svg)", "",
        "## Reliability of the confidence", "", "![reliability](charts/reliability.svg)", "",
        "## Topics taken for one another", "", *_table(["Wanted", "Answered", "Times"], confusions(rows)),
    ]  # fmt: skip
    if data.get("ablation"):
        page += [
            "## What each part is worth",
            "",
            "Both sets with one part left out at a time, nothing trained anew; rewritten: every third clean question in"
            " each of the ways of the noise curve.", "",
            *_table(data["ablation_head"], data["ablation"]),
        ]  # fmt: skip
    if data.get("baselines"):
        page += [
            "## Beside simpler search", "", data["baselines_run"], "",
            *_table(data["baselines_head"], data["baselines"]),
        ]  # fmt: skip
    wrong: Sequence[tuple[Line, Line]] = data["wrong"]
    page += ["## What still goes wrong", ""]
    page += [
        f"- «{q['text'][:160]}»: wanted {q['topics'][0]}, got {a['outcome']} {a.get('topic') or ''}".rstrip()
        for q, a in wrong
    ]
    return page
