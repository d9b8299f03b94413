"""calls.json and pipecat_bridge.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.document import Document, emphasised, figure, plot, table
from benchmarks.report.plots import Bar, Panel, Span, bar, kind_of, svg

Made = tuple[dict[str, str], dict[str, str]]
Row = Mapping[str, Any]

LADDER = {
    "contender": "contender",
    "calls": "calls at a time",
    "p50": "answer p50 ms",
    "p95": "p95",
    "p99": "p99",
    "added_p95": "p95 beyond one call's p50",
    "stop_p95": "silent after an interrupt, p95 ms",
    "failed": "failed",
    "own_lateness_p95": "the caller's own lateness, p95 ms",
    "server_core": "of the server's core",
    "ms_a_call": "CPU ms a call and second",
}


def calls(document: Document) -> Made:
    results = document["results"]
    rows: Sequence[Row] = results.get("ladder") or ()
    parts: list[str] = []
    plots: dict[str, str] = {}
    if rows:
        carried: Mapping[str, int] = results["carried"]
        best = emphasised([str(each) for each in carried.values()], [*carried.values()], most=True)
        parts += [
            plot("calls", "Answers with many calls at a time"),
            table(_tried(rows, carried), [best]),
            _ladder(rows),
        ]
        plots["calls"] = svg("Calls at a time", [*_answers(rows), _most(carried)])
    for name, show in {"wire": _wire, "soak": _soak}.items():
        if results.get(name):
            parts.append(show(results[name]))
    return {"calls": "\n\n".join(parts)}, plots


def _tried(rows: Sequence[Row], carried: Mapping[str, int]) -> list[str]:
    most = {name: max(row["calls"] for row in rows if row["contender"] == name) for name in carried}
    return [f"{name}: calls at a time with answers in time, {most[name]} tried" for name in carried]


def _ladder(rows: Sequence[Row]) -> str:
    heads = {name: head for name, head in LADDER.items() if any(name in row for row in rows)}
    return table([*heads.values()], [[_cell(row.get(name)) for name in heads] for row in rows])


def _cell(value: Any) -> str:
    if value == 1e9:  # no answer at all
        return "none"
    return figure(value) if isinstance(value, float) else "" if value is None else str(value)


def _answers(rows: Sequence[Row]) -> list[Panel]:
    """Where there were any."""
    return [
        Panel(
            f"{name}: p95 of answers, ms beyond one call's median, by calls at a time",
            [
                bar(str(row["calls"]), max(0.0, row["added_p95"]), figure(row["added_p95"]), kind_of(name))
                for row in rows
                if row["contender"] == name and row["added_p95"] < 1e6
            ],
        )
        for name in dict.fromkeys(row["contender"] for row in rows)
    ]


def _most(carried: Mapping[str, int]) -> Panel:
    return Panel("Calls at a time with answers in time", [bar(k, v, str(v), kind_of(k)) for k, v in carried.items()])


def _wire(found: Row) -> str:
    shares = ("p50", "p95", "p99", "count")
    return table(
        ("on the wire, ms", *shares),
        [(what, *(_cell(each[share]) for share in shares)) for what, each in found.items()],
    )


def _soak(found: Row) -> str:
    moments: dict[str, Row] = {name: found[name] for name in found if name.startswith("after")}
    heads = [name for name in next(iter(moments.values())) if name != "at"]
    rows = [(moment, *(_cell(each.get(head)) for head in heads)) for moment, each in moments.items()]
    return table((f"{found['calls']:,} short calls in a row", *heads), rows)


# --- pipecat_bridge --------------------------------------------------------------------------------------------------


def bridge(document: Document) -> Made:
    rows: Sequence[Row] = document["results"]["first_output"]
    stops: Sequence[Row] = document["results"]["interrupts"]
    shown: list[tuple[str, ...]] = []
    for row in rows:
        ours, theirs, added = row["hosted_ms"], row["pipecat_ms"], row["hosting_adds_ms"]
        p50 = emphasised([figure(ours["p50"]), figure(theirs["p50"])], [ours["p50"], theirs["p50"]])
        cells = (p50[0], figure(ours["p95"]), p50[1], figure(theirs["p95"]))
        quartiles = f"{figure(added['q1'])} to {figure(added['q3'])}"
        shown.append((row["service"], *cells, f"{added['p50']:+.2f}", quartiles))
    heads = ("service", "hosted p50 ms", "p95", "in pipecat p50", "p95", "hosting adds p50", "middle half")
    cleared = [(row["voice"], *(figure(row["clear_ms"][k]) for k in ("p50", "p99", "max", "samples"))) for row in stops]
    parts = [
        plot("pipecat-bridge", "First output of hosted services and inside pipecat"),
        table(heads, shown),
        table(("hosted voice", "interrupt to clear p50 ms", "p99", "max", "interrupts"), cleared),
    ]
    panels = [
        Panel(
            f"{row['service']}: first output, ms: p50, whisker to p95",
            [
                Bar(
                    label,
                    (Span(0, row[f"{name}_ms"]["p50"], kind_of(name)),),
                    figure(row[f"{name}_ms"]["p50"]),
                    (row[f"{name}_ms"]["p50"], row[f"{name}_ms"]["p95"]),
                )
                for name, label in {"hosted": "hosted in a node", "pipecat": "inside pipecat"}.items()
            ],
        )
        for row in rows
    ]
    return {"pipecat-bridge": "\n\n".join(parts)}, {"pipecat-bridge": svg("Services of pipecat in a node", panels)}
