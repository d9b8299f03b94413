"""What `voicegraph top` shows: `Stats` for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from voicegraph.observe.stats import Call, Node, Process, Stats
from voicegraph.observe.tables import NOTHING, milliseconds, plain_table

STATES = {"listening": "cyan", "thinking": "yellow", "speaking": "green"}
MORE = ("waiting", "blocked")
"""Figures of the nodes for which there is not always room."""
WIDE = 110
"""Columns that all of them take."""
LATE = 0.02
"""Seconds of lag from which a process is short of time."""


def screen(stats: Stats, url: str, *, most_calls: int, width: int) -> RenderableType:
    """most_calls: shown; of the others their number is told. width: columns that there are."""
    parts = [_headline(stats, url), _title("Processes"), _processes(stats.processes)]
    if stats.calls:
        parts += [_title("Calls"), _calls(stats.calls[:most_calls], several=len(stats.processes) > 1)]
        if more := len(stats.calls) - most_calls:
            parts += [Text(f"and {more:,} more", "dim")] if more > 0 else []
    parts += [_title("Nodes, in ms, over five minutes"), _nodes(stats.nodes, narrow=width < WIDE)]
    broken = {provider: state for provider, state in stats.breakers.items() if state != "closed"}
    if broken:
        told = ", ".join(f"{provider} {state}" for provider, state in broken.items())
        parts.append(Text.assemble("\n", ("Breakers: ", "bold red"), told))
    return Group(*parts)


def _headline(stats: Stats, url: str) -> Text:
    places = sum(process.max_calls for process in stats.processes)
    told = [f"{len(stats.calls):,} of {places:,} calls"]
    if stats.answer.samples:
        told.append(f"answer p50 {milliseconds(stats.answer.p50)} ms, p95 {milliseconds(stats.answer.p95)} ms")
    if stats.barge_in.samples:
        told.append(f"barge-in p95 {milliseconds(stats.barge_in.p95)} ms")
    told.append(f"{stats.interrupts:,} interrupts")
    return Text.assemble((stats.graph, "bold"), (f"  {url}  ", "dim"), " · ".join(told))


def _title(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def _processes(processes: Iterable[Process]) -> RenderableType:
    table = plain_table("process", "up", "calls", "CPU", "memory", "loop lag", "state", "spans lost")
    for each in processes:
        table.add_row(
            str(each.pid),
            _age(each.seconds),
            str(each.calls),
            f"{each.cpu:.0%}",
            f"{each.memory / 1e6:,.0f} MB",
            Text(f"{milliseconds(each.lag)} ms", "bold red" if each.lag > LATE else ""),
            Text(each.closed or "open", "yellow" if each.closed else "green"),
            _count(each.spans_lost),
        )
    return table


def _calls(calls: Iterable[Call], *, several: bool) -> RenderableType:
    table = plain_table(
        "call", "line", "state", "age", "turns", "last answer", *(["process"] if several else []), left=3
    )
    for each in calls:
        state = Text(each.state, STATES.get(each.state, ""))
        answer = NOTHING if each.answer is None else f"{milliseconds(each.answer)} ms"
        cells = (each.id, Text(each.line, "dim"), state, _age(each.seconds), str(each.turns), answer)
        table.add_row(*cells, *([str(each.pid)] if several else []))
    return table


def _nodes(nodes: Iterable[Node], *, narrow: bool) -> RenderableType:
    headings = ("first p50", "p95", "queue p50", "p95", "turns", "dropped", "errors")
    table = plain_table("node", *headings) if narrow else plain_table("node", "type", *headings, *MORE, left=2)
    for each in nodes:
        times = (each.first.p50, each.first.p95, each.queue.p50, each.queue.p95)
        cells = (*map(milliseconds, times), str(each.first.samples or NOTHING))
        trouble = (_count(each.dropped), _count(each.errors))
        if narrow:
            table.add_row(each.name, *cells, *trouble)
        else:
            blocked = f"{each.blocked:,.1f} s" if each.blocked >= 0.05 else NOTHING
            table.add_row(each.name, Text(each.use, "dim"), *cells, *trouble, str(each.waiting or NOTHING), blocked)
    return table


def _count(trouble: int) -> Text:
    return Text(f"{trouble:,}", "bold red") if trouble else Text(NOTHING, "dim")


def _age(seconds: float) -> str:
    """`42 s`, `3:07`, `1:00:59`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"
