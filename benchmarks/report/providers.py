"""providers.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.document import Document, emphasised, figure, plot, table
from benchmarks.report.plots import Panel, bar, kind_of, svg

Row = Mapping[str, Any]
LIMIT = 1.2
"""Times the CPU of the SDK with nothing around it."""
HEADS = (
    "node",
    "contender",
    "asking p50, ms",
    "first p50, ms",
    "p95",
    "paced, us",
    "of the SDK's",
    "flood, us",
    "of the SDK's",
)


def providers(document: Document) -> tuple[dict[str, str], dict[str, str]]:
    rows: list[Row] = [row for row in document["results"] if "first_ms" in row]
    shown: list[tuple[object, ...]] = []
    first: list[Panel] = []
    paced: list[Panel] = []
    for node in dict.fromkeys(row["node"] for row in rows):
        chosen = [row for row in rows if row["node"] == node]
        p50 = [row["first_ms"]["p50"] for row in chosen]
        for row, best in zip(chosen, emphasised([figure(value) for value in p50], p50), strict=True):
            asking, p95 = figure(row["asking_ms"]["p50"]), figure(row["first_ms"]["p95"])
            shown.append((node, name(row), asking, best, p95, *cpu(row, "paced"), *cpu(row, "flood")))
        first.append(
            Panel(
                f"{node}: first output, ms, logarithmic: p50, whisker to p95", [_first(row) for row in chosen], log=True
            )
        )
        paced.append(Panel(f"{node}: CPU when paced, us: median, and the middle half", [_paced(row) for row in chosen]))
    blocks = {
        "providers": f"{plot('providers-first', 'First output of each node and contender')}\n\n"
        f"{plot('providers-cpu', 'CPU of each node and contender')}\n\n{table(HEADS, shown)}\n\n{above(rows)}"
    }
    return blocks, {
        "providers-first": svg("What the vendors' nodes add to the first output", first),
        "providers-cpu": svg("What the vendors' nodes cost", paced),
    }


def above(rows: Sequence[Row]) -> str:
    """Where ours costs too much."""
    found = [
        f"`{row['node']}` {share:.2f} ({of})"
        for row in rows
        for of, share in row.get("paced_cpu_of_sdk", {}).items()
        if share > LIMIT
    ]
    told = f"**above {LIMIT:.2f}**: {', '.join(found)}" if found else f"none above {LIMIT:.2f}"
    return f"Shares of the SDK's CPU when paced, of its helper or its raw stream: {told}."


def name(row: Row) -> str:
    """As in the tables."""
    if row["contender"] == "sdk":
        bare = "`websockets` and json" if row["node"] == "elevenlabs.tts" else "SDK"
        ways = {"helper": "SDK", "raw": f"{bare}{'' if bare.startswith('`') else ', raw stream'}"}
        return ways.get(row["way"], f"SDK, {row['way']}")
    return f"{row['contender']}, timestamps" if row["way"] == "timestamps" else row["contender"]


def cpu(row: Row, how: str) -> tuple[str, str]:
    """Median and middle half; and shares of the SDK's helper and of its raw stream."""
    found = row.get(f"{how}_cpu_us")
    if not found:
        return "", ""
    shares = ", ".join(f"{share:.2f}" for share in row.get(f"{how}_cpu_of_sdk", {}).values())
    return f"{found['median']:.0f} ({found['q1']:.0f}-{found['q3']:.0f})", shares


def _first(row: Row) -> Any:
    found = row["first_ms"]
    kind = kind_of(row["contender"])
    return bar(name(row).replace("`", ""), found["p50"], figure(found["p50"]), kind, (found["p50"], found["p95"]))


def _paced(row: Row) -> Any:
    found = row["paced_cpu_us"]
    kind = kind_of(row["contender"])
    return bar(name(row).replace("`", ""), found["median"], figure(found["median"]), kind, (found["q1"], found["q3"]))
