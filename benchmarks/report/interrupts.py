"""interrupts.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.document import Document, emphasised, figure, plot, table
from benchmarks.report.plots import Panel, bar, kind_of, svg

Row = Mapping[str, Any]


def interrupts(document: Document) -> tuple[dict[str, str], dict[str, str]]:
    results = document["results"]
    rows: Sequence[Row] = results["clear"]
    blocks = {
        "interrupts": f"{plot('interrupts', 'Decision to clear, by case and contender')}\n\n{clear(rows)}",
        "interrupts-virtual": virtual(results),
    }
    cases = {row["case"]: row["what"] for row in rows}
    panels = [
        Panel(
            f"{what.split(' (')[0]}, ms",
            [
                bar(
                    f"{row['contender']}, {row['loop']}, heard {_heard(row)}",
                    row["decided_to_cleared_ms"]["p50"],
                    figure(row["decided_to_cleared_ms"]["p50"]),
                    kind_of(row["contender"]),
                    (row["decided_to_cleared_ms"]["p50"], row["decided_to_cleared_ms"]["max"]),
                )
                for row in rows
                if row["case"] == case
            ],
            log=True,
        )
        for case, what in cases.items()
    ]
    return blocks, {"interrupts": svg("What an interrupt costs: p50, whisker to the most", panels)}


def _heard(row: Row) -> str:
    return f"{row['heard']['interrupts']} of {row['count']}"


def clear(rows: Sequence[Row]) -> str:
    shown: list[Sequence[object]] = []
    for case in dict.fromkeys(row["case"] for row in rows):
        chosen = [row for row in rows if row["case"] == case]
        p50 = [row["decided_to_cleared_ms"]["p50"] for row in chosen]
        for row, best in zip(chosen, emphasised([figure(value) for value in p50], p50), strict=True):
            times = row["decided_to_cleared_ms"]
            rest = (figure(times["p99"]), figure(times["max"]), _heard(row))
            shown.append((row["what"], f"{row['contender']}, {row['loop']}", best, *rest))
    return table(("case", "contender", "p50", "p99", "max", "heard"), shown)


def virtual(results: Row) -> str:
    random, pauses, minute = results["random"], results["pause_first"], results["conversation"]
    planted = random["self_check"]
    rows = [
        (
            f"stale chunks at the line, or at any node, in {random['interrupts']:,} random interrupts of random graphs "
            "of hostile nodes",
            f"**{random['line']}**, **{random['nodes']}**",
        ),
        ("chunks that these nodes made of a reply that had been given up", f"{random['tried']:,}"),
        ("interrupts per second of one core", f"{random['interrupts_per_cpu_second']:,}"),
        (
            "the same with a mistake planted in the engine, in 2,000: no reply is ever void; stale frames get the new "
            "turn's number",
            "; ".join(f"{found['line']:,}" for found in planted.values()),
        ),
        (
            "pause first: samples of the agent heard from when speech was noticed, the most of "
            f"{pauses['pauses']:,} pauses",
            f"**{pauses['heard_after']}**",
        ),
        ("coughs at which it did not pause, as it had just been silent for 2 s and more of them", pauses["spoke_on"]),
        (
            f"samples lost or repeated over these pauses, of {pauses['samples'] / 1e6:.1f} million",
            f"**{pauses['lost_or_repeated']}**",
        ),
        ("computing from the start of speech to the line's silence, p50 in ms", figure(pauses["computing_ms"]["p50"])),
        (
            "a minute's conversation with three interruptions (`minute_test.yaml`): CPU seconds",
            f"**{figure(minute['cpu_seconds']['median'])}**",
        ),
    ]
    return table(("", ""), rows)
