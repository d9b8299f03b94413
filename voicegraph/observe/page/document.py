"""The page put together: its scripts, its style and its data in one file, whose policy lets nothing else in.

What is shown is data and never markup: it stands in a block of JSON without a `<`, and the scripts put it on the page
as text. Should one of them ever fail at that, the policy still runs none but those that were there when it was made.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from statistics import median

import msgspec

from voicegraph.errors import VoicegraphError
from voicegraph.observe.bench.result import Result, cpu_share
from voicegraph.observe.page.comparison import Older, beside
from voicegraph.observe.page.contents import Contents, contents
from voicegraph.observe.timeline import Struct, Timeline

SCRIPTS = (
    "dom.js",
    "axis.js",
    "parts.js",
    "rows.js",
    "legend.js",
    "turns.js",
    "overview.js",
    "graph.js",
    "spreads.js",
    "tables.js",
    "compare.js",
    "page.js",
)
"""In the order in which they are run: they share their names."""


@dataclass(frozen=True)
class Report:
    """What the page is to show. old: an earlier result of the same graph, to compare with."""

    title: str
    results: Timeline | Result
    old: Result | None = None


class Fact(Struct, frozen=True, kw_only=True):
    """Something about how it was measured."""

    name: str
    value: str


class Shown(Struct, frozen=True, kw_only=True):
    """The page's data."""

    title: str
    facts: tuple[Fact, ...]
    contents: Contents
    older: Older | None = None


def render(report: Report) -> str:
    """The whole HTML file."""
    style, scripts = _asset("style.css"), [_asset(f"scripts/{name}") for name in SCRIPTS]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_digest(style)}; script-src {' '.join(map(_digest, scripts))}"
    )
    return _filled(
        _asset("page.html"),
        title=html.escape(report.title),
        policy=html.escape(policy),
        style=f"<style>{style}</style>",
        icon=f"data:image/svg+xml;base64,{b64encode(_icon()).decode()}",
        data=_as_text(shown(report)),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def write(report: Report, path: Path) -> None:
    """`render` into a file. Raises VoicegraphError."""
    try:
        path.write_text(render(report), encoding="utf-8")
    except OSError as error:
        raise VoicegraphError(f"cannot write {path}: {error.strerror}") from error


def shown(report: Report) -> Shown:
    """What `render` puts into the page."""
    result = report.results
    if isinstance(result, Timeline):
        return Shown(title=report.title, facts=_facts(_of_call(result)), contents=contents(((result,),)))
    places = {budget.name: f"{budget.file}:{budget.line}" for budget in result.budgets if budget.line}
    older = beside(report.old, result) if report.old is not None else None
    return Shown(
        title=report.title, facts=_facts(_of_bench(result)), contents=contents(result.rounds, places), older=older
    )


def _facts(told: Mapping[str, str]) -> tuple[Fact, ...]:
    """Those that are known."""
    return tuple(Fact(name=name, value=value) for name, value in told.items() if value)


def _of_call(call: Timeline) -> dict[str, str]:
    return {
        "graph": call.file or call.graph,
        "began": _date(call.began),
        "lasted": f"{call.seconds:,.0f} s",
        "CPU": _cpu(cpu_share(iter([call]))),
    }


def _of_bench(result: Result) -> dict[str, str]:
    """How it was measured, in the words of people."""
    calls, machine = [*result.calls], result.machine
    return {
        "graph": result.file or result.graph,
        "began": _date(result.began),
        "calls": f"{len(calls):,} in {len(result.rounds)} rounds, {sum(call.seconds for call in calls):,.0f} s in all",
        "command": result.command,
        "caller": result.caller.told,
        "time": {"live": "", "fast": "silences skipped", "virtual": "virtual"}[result.mode],
        "vendors": "emulated" if result.emulated else "",
        "machine": f"{machine.processor}, {machine.cores} cores, {machine.system}, {machine.python}",
        "voicegraph": machine.voicegraph,
        "load": "" if result.load is None else f"{result.load:.2f} when it began",
        "memory": "" if result.memory_bytes is None else f"{result.memory_bytes / 1e6:,.0f} MB at most",
        "CPU": _cpu(result.cpu_per_call_second),
        "own time": _of_frame(cost.own for cost in result.costs),
        "framework": _of_frame(cost.framework for cost in result.costs),
    }


def _cpu(share: float | None) -> str:
    return f"{share * 1e3:,.1f} ms per second of call" if share else ""


def _of_frame(costs: Iterable[float]) -> str:
    """The median over the rounds."""
    known = [*costs]
    return f"{median(known) * 1e6:,.2f} µs a frame" if known else ""


def _date(began: float | None) -> str:
    return "" if began is None else f"{datetime.fromtimestamp(began, UTC):%Y-%m-%d %H:%M} UTC"


def _as_text(shown: Shown) -> str:
    """JSON in which nothing ends the block that it stands in, and nothing is special to JavaScript."""
    text = msgspec.json.encode(shown).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _filled(page: str, **values: str) -> str:
    """The template with its `{{name}}` replaced, all at once: what is filled in is not looked at."""
    pieces = page.split("{{")
    return pieces[0] + "".join(values[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:]))


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return files("voicegraph.observe.page").joinpath(name).read_text(encoding="utf-8")


def _icon() -> bytes:
    return files("voicegraph").joinpath("web/icon.svg").read_bytes()
