"""A result for people: tables of its figures, of its budgets, and of what has changed since another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from rich.text import Text

from voicegraph.durations import format_duration
from voicegraph.observe.bench.figures import Figures, NodeFigures, Samples, spread
from voicegraph.observe.tables import NOTHING, Trouble, milliseconds, plain_table

if TYPE_CHECKING:
    from rich.table import Table

    from voicegraph.observe.bench.compare import Compared, Comparison, Unit, Verdict
    from voicegraph.observe.bench.result import Cost, Result

PERCENTILES = "p50/p95/p99"


def answer_table(figures: Figures) -> Table:
    """The time to the answer and its parts, and the time to fall silent. The parts' percentiles need not add up."""
    table = plain_table("in ms", "p50", "p95", "p99", "count")
    rows = [
        (Text("end of speech to answer", "bold"), figures.answers),
        *((Text(f"  {what}"), samples) for what, samples in figures.steps.items()),
        (Text("interrupt to silence", "bold"), figures.barge_ins),
    ]
    for name, samples in rows:
        if found := spread(samples):
            table.add_row(name, *map(milliseconds, (found.p50, found.p95, found.p99)), f"{found.count:,}")
    return table


def node_table(figures: Figures) -> Table:
    """Per node, over all calls. The last column is what each took of all answers together."""
    nodes = [node for node in figures.nodes.values() if node.items or not node.standby]
    trouble = Trouble(nodes)
    answered = bool(figures.answers)
    shares = ("of answer",) if answered else ()
    table = plain_table("node, in ms", "count", "queue", "first output", "total", *shares, *trouble.headings)
    for column in table.columns[2:5]:
        column.no_wrap, column.overflow = False, "fold"  # on a narrow terminal rather in two lines than cut
    table.add_row("", "", *(Text(PERCENTILES, "dim"),) * 3)
    for node in nodes:
        times = (_percentiles(samples) for samples in (node.queue, node.first, node.total))
        table.add_row(node.node, f"{node.items:,}", *times, *_share(node, answered), *trouble.cells(node))
    if figures.nobody > 0.001:
        table.add_row(Text("(no node)", "dim"), "", "", "", "", f"{figures.nobody:.1%}")
    return table


def _share(node: NodeFigures, answered: bool) -> Sequence[Text]:
    if not answered:
        return ()
    return (Text(f"{node.share:.1%}", "bold" if node.share > 0.2 else "") if node.share else Text(NOTHING, "dim"),)


def _percentiles(samples: Samples) -> Text:
    found = spread(samples)
    if found is None:
        return Text(NOTHING, "dim")
    return Text("/", "dim").join(Text(milliseconds(each)) for each in (found.p50, found.p95, found.p99))


def budget_table(result: Result) -> Table:
    """Each budget, and whether it was kept."""
    table = plain_table("budget", "limit", "p95 in ms", "count", "")
    for budget in result.budgets:
        verdict = Text("over", "bold red") if budget.broken else Text("kept", "green")
        if budget.p95 is None:
            verdict = Text("not measured", "yellow")
        row = (format_duration(budget.limit), milliseconds(budget.p95), f"{budget.count:,}")
        table.add_row(budget.name, *row, verdict)
    return table


def summary(result: Result, figures: Figures) -> str:
    """What was measured, in a line."""
    seconds = figures.seconds
    length = (
        f"{seconds:.0f} s"
        if seconds < 600
        else f"{seconds / 60:.0f} min"
        if seconds < 36e3
        else f"{seconds / 3600:.1f} h"
    )
    parts = [
        f"{len(figures.answers):,} answers in {figures.calls:,} calls, {length} in all",
        f"{len(result.rounds)} rounds",
    ]
    if (cpu := result.cpu_per_call_second) is not None:
        parts.append(f"{1000 * cpu:.3g} ms of CPU for each second of a call")
    if result.memory_bytes is not None:
        parts.append(f"{result.memory_bytes / 1e6:.0f} MB of memory at most")
    return "; ".join(parts)


# --- a node alone ---------------------------------------------------------------------------------------------------


def node_summary(result: Result) -> str:
    """What was measured of a node alone."""
    turns = result.costs[0].turns
    return f"{result.graph} alone, fed with {result.caller.told}; {len(result.rounds)} rounds of {turns:,} turns"


def cost_table(costs: Sequence[Cost]) -> Table:
    """CPU for each frame, by round in short."""
    table = plain_table("CPU for each frame, in us", "median", "least", "most", "")
    table.columns[4].justify = "left"
    rows = (
        ("framework", [cost.framework for cost in costs], "the same engine, with an empty node of the same shape"),
        ("its own", [cost.own for cost in costs], "what the node takes more than that"),
    )
    for name, values, what in rows:
        figures = (f"{1e6 * each:.2f}" for each in (median(values), min(values), max(values)))
        table.add_row(Text(name, "bold"), *figures, Text(what, "dim"))
    return table


# --- a comparison ---------------------------------------------------------------------------------------------------


def comparison_table(comparison: Comparison) -> Table:
    """Figure by figure: then, now, and what can be said of the difference."""
    table = plain_table("medians of the rounds", "then", "now", "difference", "surely between", "")
    for each in comparison.figures:
        show = _SHOW[each.figure.unit]
        figures = (show(each.old), show(each.new), _signed(each.new - each.old, each))
        table.add_row(each.figure.name, *figures, _interval(each), _told(each))
    return table


def _interval(each: Compared) -> str:
    if each.shift is None:
        return NOTHING
    return f"{_signed(each.shift.low, each)} and {_signed(each.shift.high, each)}"


def _signed(value: float, each: Compared) -> str:
    shown = _SHOW[each.figure.unit](abs(value))
    sign = "+" if value > 0 else "-"
    return (sign if any(digit in shown for digit in "123456789") else "") + shown


def _told(each: Compared) -> Text:
    if each.verdict in ("alike", "too few rounds"):
        return Text("no difference" if each.verdict == "alike" else each.verdict, "dim")
    share = f" by {abs(each.shift.difference / each.old):.0%}" if each.shift and each.old else ""
    return Text(_WORDS[each.figure.unit][each.verdict] + share, _LOOKS[each.verdict])


def _time(seconds: float) -> str:
    return f"{milliseconds(seconds)} ms"


def _cpu(share: float) -> str:
    return f"{1000 * share:.3g} ms/s"


def _frame(seconds: float) -> str:
    return f"{1e6 * seconds:.2f} us"


_SHOW: dict[Unit, Callable[[float], str]] = {"time": _time, "cpu": _cpu, "frame": _frame}
"""How a figure of each unit is written."""
_WORDS: dict[Unit, dict[Verdict, str]] = {
    "time": {"more": "slower", "less": "faster"},
    "cpu": {"more": "more", "less": "less"},
    "frame": {"more": "slower", "less": "faster"},
}
_LOOKS: dict[Verdict, str] = {"more": "bold red", "less": "bold green"}
