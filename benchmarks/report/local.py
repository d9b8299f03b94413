"""local_turn.json and vad_batch.json."""

from __future__ import annotations

from typing import Any

from benchmarks.report.document import Document, emphasised, figure, plot, table
from benchmarks.report.plots import Bar, Panel, Span, bar, svg


def local_turn(document: Document) -> tuple[dict[str, str], dict[str, str]]:
    results = document["results"]
    answer: dict[str, Any] = results["answer"]
    steps = {what: found for what, found in results["answer_parts"].items() if found and found["p50"] >= 0.0005}
    shown = [
        ("**end of speech to answer**", f"**{1000 * answer['p50']:.0f}**", f"**{1000 * answer['p95']:.0f}**"),
        *((what, f"{1000 * found['p50']:.0f}", f"{1000 * found['p95']:.0f}") for what, found in steps.items()),
    ]
    bars: list[Bar] = []
    at = 0.0
    for what, found in steps.items():
        end = at + 1000 * found["p50"]
        bars.append(Bar(what, (Span(at, end, "ours"),), f"{end - at:.0f}"))
        at = end
    whisker = (1000 * answer["p50"], 1000 * answer["p95"])
    bars.append(Bar("the answer", (Span(0, whisker[0], "ours"),), f"{whisker[0]:.0f}, p95 {whisker[1]:.0f}", whisker))
    drawn = svg("A turn of the local agent", [Panel("Medians of the parts, one behind the other, ms", bars)])
    block = f"{plot('local-turn', 'Parts of an answer')}\n\n{table(('in ms', 'p50', 'p95'), shown)}"
    return {"local-turn": block}, {"local-turn": drawn}


def vad_batch(document: Document) -> tuple[dict[str, str], dict[str, str]]:
    rows: list[dict[str, float]] = document["results"]["per window"]
    shown: list[tuple[object, ...]] = []
    for row in rows:
        pair = [row["apart_us"], row["together_us"]]
        shown.append((row["calls"], *emphasised([figure(value) for value in pair], pair)))
    heads = ("calls at a time", "each alone, CPU us a window of 32 ms", "together")
    panels = [
        Panel(
            f"{what}: CPU us a window, by calls at a time",
            [bar(str(row["calls"]), row[name], figure(row[name]), kind) for row in rows],
        )
        for name, what, kind in (("apart_us", "each alone", "floor"), ("together_us", "together", "ours"))
    ]
    block = f"{plot('vad-batch', 'CPU of a window, by calls at a time')}\n\n{table(heads, shown)}"
    return {"vad-batch": block}, {"vad-batch": svg("The VAD of many calls, alone and together", panels)}
