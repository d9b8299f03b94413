"""Bars as SVG, legible on light and on dark pages. Nothing is drawn that is not in the tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 820, 290, 130
ROW, GAP, HEAD, FOOT = 22, 16, 26, 18

STYLE = """
text { font: 12.5px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
.title { font-weight: 600 } .small { font-size: 11px; fill: #57606a } .ours-label { font-weight: 600 }
.grid { stroke: #d0d7de; stroke-width: 1 } .whisker { stroke: #24292f; stroke-width: 1.2; opacity: .7 }
.ours { fill: #1f6feb } .rival { fill: #9a6b3f } .floor { fill: #afb8c1 } .lost { fill: #cf222e; opacity: .75 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #3d444d } .whisker { stroke: #e6edf3 }
.ours { fill: #58a6ff } .rival { fill: #d29a63 } .floor { fill: #656c76 } .lost { fill: #ff7b72 }
}
"""


class Span(NamedTuple):
    """kind: ours, rival, floor or lost, which gives the colour."""

    begin: float
    end: float
    kind: str


class Bar(NamedTuple):
    """One row: spans, what is written behind them, and a whisker over what was measured."""

    label: str
    spans: tuple[Span, ...]
    text: str
    whisker: tuple[float, float] | None = None


class Panel(NamedTuple):
    """Bars on one axis."""

    title: str
    bars: Sequence[Bar]
    log: bool = False


def kind_of(contender: str) -> str:
    first = contender.split()[0]
    return {"voicegraph": "ours", "hosted": "ours", "floor": "floor", "bare": "floor"}.get(first, "rival")


def bar(label: str, value: float, text: str, kind: str, whisker: tuple[float, float] | None = None) -> Bar:
    """From the axis' beginning."""
    return Bar(label, (Span(0, value, kind),), text, whisker)


class _Axis:
    def __init__(self, panel: Panel) -> None:
        ends = [span.end for each in panel.bars for span in each.spans]
        tips = [each.whisker[1] for each in panel.bars if each.whisker]
        self.log = panel.log
        self.most = max([*ends, *tips, 1e-9])
        if self.log:
            least = min(end for end in ends if end > 0)
            self.low = math.floor(math.log10(least) - 0.15)
            self.high = math.log10(self.most)
            self.ticks = [10.0**power for power in range(self.low, math.floor(self.high) + 1)]
        else:
            step = 10 ** math.floor(math.log10(self.most))
            step = next(each for each in (step / 5, step / 2, step, 2 * step) if self.most / each <= 6)
            self.ticks = [index * step for index in range(math.floor(self.most / step) + 1)]

    def at(self, value: float) -> float:
        width = WIDTH - LEFT - RIGHT
        if not self.log:
            return LEFT + width * max(value, 0.0) / self.most
        if value <= 0:
            return LEFT
        return LEFT + width * max(0.0, (math.log10(value) - self.low) / (self.high - self.low))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 and value == round(value) else f"{value:g}"


def _panel(panel: Panel, top: float) -> tuple[list[str], float]:
    axis, bottom = _Axis(panel), top + HEAD + ROW * len(panel.bars)
    lines = [f'<text class="title" x="8" y="{top + 16:.0f}">{escape(panel.title)}</text>']
    for tick in axis.ticks:
        x = axis.at(tick)
        lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD:.0f}" y2="{bottom:.0f}"/>')
        lines.append(
            f'<text class="small" x="{x:.1f}" y="{bottom + 13:.0f}" text-anchor="middle">{_number(tick)}</text>'
        )
    for index, each in enumerate(panel.bars):
        lines += _bar(each, axis, top + HEAD + ROW * index)
    return lines, bottom + FOOT + GAP


def _bar(each: Bar, axis: _Axis, top: float) -> list[str]:
    middle, ours = top + ROW / 2, each.spans and all(span.kind == "ours" for span in each.spans)
    label = ' class="ours-label"' if ours else ""
    lines = [f'<text{label} x="{LEFT - 10}" y="{middle + 4:.1f}" text-anchor="end">{escape(each.label)}</text>']
    end = LEFT + 0.0
    for span in each.spans:
        x, width = axis.at(span.begin), max(1.0, axis.at(span.end) - axis.at(span.begin))
        lines.append(
            f'<rect class="{span.kind}" x="{x:.1f}" y="{top + 4:.1f}" width="{width:.1f}" height="{ROW - 8}"/>'
        )
        end = max(end, x + width)
    if each.whisker:
        low, high = (axis.at(value) for value in each.whisker)
        lines.append(f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}M{high:.1f} {middle - 4:.1f}v8"/>')
        end = max(end, high)
    lines.append(f'<text x="{end + 6:.1f}" y="{middle + 4:.1f}">{escape(each.text)}</text>')
    return lines


def svg(title: str, panels: Sequence[Panel]) -> str:
    """title: for those who cannot see it."""
    top = 4.0
    lines: list[str] = []
    for panel in panels:
        drawn, top = _panel(panel, top)
        lines += drawn
    size = f'width="{WIDTH}" height="{top:.0f}" viewBox="0 0 {WIDTH} {top:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>'
    return "\n".join([head, f"<style>{STYLE}</style>", *lines, "</svg>", ""])
