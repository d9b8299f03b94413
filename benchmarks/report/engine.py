"""hop.json and framework.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.report.document import Document, behind, emphasised, figure, not_measured, plot, table
from benchmarks.report.plots import Bar, Panel, bar, kind_of, svg

Made = tuple[dict[str, str], dict[str, str]]
Row = Mapping[str, Any]


def hop(document: Document) -> Made:
    rows: Mapping[str, Row] = document["results"]
    medians = [None if _floor(name) else row["median_us"] for name, row in rows.items()]
    per_core = [None if _floor(name) else row.get("frames_per_core", {}).get("median") for name, row in rows.items()]
    shown = table(
        ("contender", "CPU us a hop, median", "min", "max", "frames a second and core, through ten"),
        [
            (f"{name}: {row['what']}", median, figure(row["min_us"]), figure(row["max_us"]), frames)
            for (name, row), median, frames in zip(
                rows.items(),
                emphasised([figure(row["median_us"]) for row in rows.values()], medians),
                emphasised([figure(_frames(row)) for row in rows.values()], per_core, most=True),
                strict=True,
            )
        ],
    )
    panels = [Panel("CPU per hop, microseconds, logarithmic (whisker: least to most)", _bars(rows, _hop_bar), log=True)]
    if all(map(_frames, rows.values())):
        panels.append(
            Panel("Frames a second and core through ten nodes, logarithmic", _bars(rows, _frames_bar), log=True)
        )
    drawn = svg("What a hop costs", panels)
    return {"hop": f"{plot('hop', 'CPU per hop of each contender')}\n\n{shown}"}, {"hop": drawn}


def _floor(name: str) -> bool:
    return kind_of(name) == "floor"


def _frames(row: Row) -> float | None:
    median: float | None = row.get("frames_per_core", {}).get("median")
    return median


def _bars(rows: Mapping[str, Row], draw: Callable[[str, Row], Bar]) -> list[Bar]:
    return [draw(name, row) for name, row in rows.items()]


def _hop_bar(name: str, row: Row) -> Bar:
    return bar(name, row["median_us"], figure(row["median_us"]), kind_of(name), (row["min_us"], row["max_us"]))


def _frames_bar(name: str, row: Row) -> Bar:
    found = row["frames_per_core"]
    return bar(name, found["median"], figure(found["median"]), kind_of(name), (found["min"], found["max"]))


# --- framework -------------------------------------------------------------------------------------------------------


def framework(document: Document) -> Made:
    blocks: dict[str, str] = {}
    plots: dict[str, str] = {}
    for name, make in QUESTIONS.items():
        if found := document["results"].get(name):
            shown, panels = make(found)
            blocks[f"framework-{name}"] = shown
            if panels:
                plots[f"framework-{name}"] = svg(f"The framework alone: {name}", panels)
                blocks[f"framework-{name}"] = f"{plot(f'framework-{name}', f'{name}, by contender')}\n\n{shown}"
        else:
            blocks[f"framework-{name}"] = not_measured("framework")
    return blocks, plots


def _label(row: Row) -> str:
    loop = ", uvloop" if row.get("loop") == "uvloop" else ""
    return f"{row['contender']}, {row['way']}{loop}"


def _rankable(rows: Sequence[Row], value: Callable[[Row], float]) -> list[float | None]:
    return [None if row["contender"] == "floor" else value(row) for row in rows]


def calls(rows: Sequence[Row]) -> tuple[str, list[Panel]]:
    loops = {loop: [row for row in rows if row["loop"] == loop] for loop in ("asyncio", "uvloop")}
    cells: dict[tuple[str, ...], str] = {}
    for loop, each in loops.items():
        texts = [f"{figure(found['median'])} ({_range(found)})" for found in (row["calls_per_core"] for row in each)]
        best = emphasised(texts, _rankable(each, lambda row: row["calls_per_core"]["median"]), most=True)
        cells |= {(row["contender"], row["way"], loop): text for row, text in zip(each, best, strict=True)}
    per_core = ("calls per core, asyncio (range)", "uvloop")
    shown = table(
        (
            "contender",
            "what",
            *per_core,
            "CPU ms a call and second, asyncio",
            "with 25 calls only",
            "ms late in the end",
        ),
        [
            (
                f"{row['contender']}, {row['way']}",
                row["what"],
                *(cells.get((row["contender"], row["way"], loop), "") for loop in loops),
                figure(row["cpu_ms_per_call_second"]["median"]),
                figure(row["cpu_ms_per_call_second_of_few"]),
                figure(row["behind_ms"]["median"]),
            )
            for row in loops["asyncio"]
        ],
    )
    panels = [
        Panel(
            f"Calls per core on {loop}, ten nodes each, 50 frames a second",
            [
                bar(
                    _label({**row, "loop": ""}),
                    row["calls_per_core"]["median"],
                    figure(row["calls_per_core"]["median"]),
                    kind_of(row["contender"]),
                    (row["calls_per_core"]["min"], row["calls_per_core"]["max"]),
                )
                for row in each
            ],
            log=True,
        )
        for loop, each in loops.items()
        if each
    ]
    return f"{shown}\n\n{_times(loops['asyncio'])}", panels


def _times(rows: Sequence[Row]) -> str:
    """What each of ours carries, as a multiple of each rival."""
    found = {f"{row['contender']}, {row['way']}": row["calls_per_core"]["median"] for row in rows}
    rivals = [label for label in found if label.startswith("pipecat")]
    ours = [label for label in found if label.startswith("voicegraph")]
    return table(
        ("calls per core on asyncio, times those of", *rivals),
        [(label, *(f"{found[label] / found[rival]:.1f}" for rival in rivals)) for label in ours],
    )


def _range(spread: Row) -> str:
    return f"{figure(spread['min'])}-{figure(spread['max'])}"


def idle(rows: Sequence[Row]) -> tuple[str, list[Panel]]:
    """Ten nodes with ten nodes, agents with agents."""
    parts: list[str] = []
    panels: list[Panel] = []
    compared: list[tuple[str, dict[str, float], bool]] = []
    names = {"kilobytes": "kB", "tasks": "tasks", "start_ms": "CPU ms to start"}
    for agents, what in ((False, "ten nodes"), (True, "an agent")):
        chosen = [row for row in rows if _is_agent(row) is agents]
        columns = [
            emphasised(
                [figure(row[name]["median"]) for row in chosen],
                _rankable(chosen, lambda row, name=name: row[name]["median"]),  # type: ignore[misc]
            )
            for name in names
        ]
        rows_shown = [
            (f"{row['contender']}, {row['way']}", row["what"], *cells)
            for row, *cells in zip(chosen, *columns, strict=True)
        ]
        parts.append(table((f"{what}, a call", "what", *names.values()), rows_shown))
        compared += [
            (f"{title} of {what}", {_label(row): row[name]["median"] for row in chosen}, False)
            for name, title in names.items()
        ]
        panels += [
            Panel(f"{title}, {what}, a call", [_spread_bar(row, name) for row in chosen])
            for name, title in names.items()
        ]
    return "\n\n".join([*parts, behind(compared)]), panels


def _is_agent(row: Row) -> bool:
    return "agent" in row["way"] or "livekit" in row["contender"]


def _spread_bar(row: Row, name: str) -> Bar:
    found = row[name]
    return bar(
        f"{row['contender']}, {row['way']}",
        found["median"],
        figure(found["median"]),
        kind_of(row["contender"]),
        (found["min"], found["max"]),
    )


def turn(rows: Sequence[Row]) -> tuple[str, list[Panel]]:
    beyond = [row["ms"]["p50"] - row["waits_ms"] for row in rows]
    shown = table(
        ("contender", "what", "p50 ms", "p95", "max", "of it set as silence", "p50 beyond that"),
        [
            (
                _label(row),
                row["what"],
                *(figure(row["ms"][name]) for name in ("p50", "p95", "max")),
                row["waits_ms"] or "",
                best,
            )
            for row, best in zip(rows, emphasised([figure(value) for value in beyond], beyond), strict=True)
        ],
    )
    bars = [
        bar(
            _label(row),
            row["ms"]["p50"] - row["waits_ms"],
            figure(row["ms"]["p50"] - row["waits_ms"]),
            kind_of(row["contender"]),
            (row["ms"]["p50"] - row["waits_ms"], row["ms"]["p95"] - row["waits_ms"]),
        )
        for row in rows
    ]
    lost = behind([("p50 beyond the silence", {_label(r): v for r, v in zip(rows, beyond, strict=True)}, False)])
    return f"{shown}\n\n{lost}", [
        Panel("Final transcript to first sound beyond the silence that is set, ms: p50, whisker to p95", bars)
    ]


def imports(rows: Sequence[Row]) -> tuple[str, list[Panel]]:
    best = emphasised([figure(row["ms"]["median"]) for row in rows], [row["ms"]["median"] for row in rows])
    shown = table(
        ("", "median ms", "min", "max"),
        [
            (f"`{row['what']}`", text, figure(row["ms"]["min"]), figure(row["ms"]["max"]))
            for row, text in zip(rows, best, strict=True)
        ],
    )
    bars = [
        bar(
            f"{row['contender']}{', with its engine' if 'engine' in row['what'] else ''}",
            row["ms"]["median"],
            figure(row["ms"]["median"]),
            kind_of(row["contender"]),
            (row["ms"]["min"], row["ms"]["max"]),
        )
        for row in rows
    ]
    return shown, [Panel("Import in a fresh process, ms", bars)]


def virtual(found: Row) -> tuple[str, list[Panel]]:
    cpu = found["cpu_seconds"]
    return (
        f"A conversation of {figure(found['seconds'])} s takes **{figure(cpu['median'])} s** of CPU "
        f"({figure(cpu['min'])}-{figure(cpu['max'])}): {found['times_real_time']} times real time.",
        [],
    )


QUESTIONS: Mapping[str, Callable[[Any], tuple[str, list[Panel]]]] = {
    "calls": calls,
    "idle": idle,
    "turn": turn,
    "import": imports,
    "virtual": virtual,
}
