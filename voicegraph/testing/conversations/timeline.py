"""What happened in a call, for people: a row for each thing, in the order in which they began.

from      to
0.00    1.62  agent      Oak Dental, good morning.
1.62    2.58  caller     When do you open?
3.10          turn       When do you open?
3.38    4.21  agent      From nine to [not heard: five on weekdays.]  (800 ms)
3.96    4.86  caller     And on Sundays?
4.21          interrupt  barge-in
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from voicegraph.call import Reply
from voicegraph.engine.milestones import Milestones
from voicegraph.testing.conversations.happened import Spoken
from voicegraph.testing.conversations.record import Record

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

FAILED = "failed"
"""Who, in the row that tells where the test failed."""

_LOOKS = {
    "caller": "cyan",
    "agent": "green",
    "interrupt": "bold yellow",
    "pause": "yellow",
    "fault": "red",
    "recovery": "magenta",
    FAILED: "bold red",
}
_PEOPLE = ("caller", "agent")
_DETAIL = "dim"
_TIMES = ("from", "to")


class Part(NamedTuple):
    """A piece of what somebody said. heard: by the caller."""

    text: str
    heard: bool = True


class Row(NamedTuple):
    """start, end: seconds in the call. who: whom it is about. parts: what happened, or was said. note: a figure."""

    start: float
    end: float | None
    who: str
    parts: tuple[Part, ...]
    note: str = ""


def rows(record: Record, spoken: Iterable[Spoken], replies: Iterable[Reply], milestones: Milestones) -> list[Row]:
    """All that happened, by when it began."""
    found = [Row(event.start, event.end, event.who, (Part(event.text),)) for event in record.events]
    heard = {each.turn: each.heard for each in spoken}
    found += [
        _agent(record, reply, heard[reply.turn], milestones.answer(reply.turn))
        for reply in replies
        if reply.turn in record.begun
    ]
    return sorted(found, key=lambda row: row.start)


def _agent(record: Record, reply: Reply, heard: str, answer: float | None) -> Row:
    note = "" if answer is None else f"{answer * 1000:.0f} ms"
    start, end = record.begun[reply.turn], record.last_heard[reply.turn]
    return Row(start, end, "agent", tuple(_parts(record.text(reply).split(), heard.split())), note)


def _parts(words: list[str], heard: list[str]) -> Iterator[Part]:
    """A text, by what was heard of it. Usually that is its beginning, but a fault may take out its middle."""
    done = 0
    for at, _, size in SequenceMatcher(None, words, heard, autojunk=False).get_matching_blocks():
        if at > done:
            yield Part(" ".join(words[done:at]), heard=False)
        if size:
            yield Part(" ".join(words[at : at + size]))
        done = at + size


def as_table(rows: Sequence[Row]) -> Table:
    """For a terminal, where what was not heard can be struck out."""
    from rich.table import Table

    table = Table(box=None, header_style=_DETAIL, padding=(0, 2, 0, 0))
    for heading in _TIMES:
        table.add_column(heading, justify="right", no_wrap=True, style=_DETAIL, min_width=8)
    table.add_column(no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*_times(row), *_cells(row, styled=True))
    return table


def as_text(rows: Sequence[Row]) -> str:
    """The same for files, with brackets."""
    cells = [_cells(row, styled=False) for row in rows]
    width = max((len(who) for who, _ in cells), default=0)
    lines = ["{:>8}{:>9}".format(*_TIMES)]
    for row, (who, text) in zip(rows, cells, strict=True):
        start, end = _times(row)
        lines.append(f"{start:>8}{end:>9}  {who.plain:<{width}}  {text.plain}".rstrip())
    return "\n".join(lines)


def _times(row: Row) -> tuple[str, str]:
    return f"{row.start:.2f}", "" if row.end is None else f"{row.end:.2f}"


def _cells(row: Row, *, styled: bool) -> tuple[Text, Text]:
    """Who, and what."""
    from rich.text import Text

    look = _LOOKS.get(row.who, _DETAIL)
    text = Text(style="" if row.who in _PEOPLE else look)
    for part in row.parts:
        shown = printable(part.text)
        if text:
            text.append(" ")
        if part.heard:
            text.append(shown)
        elif styled:
            text.append(shown, "strike dim")
        else:
            text.append(f"[not heard: {shown}]")
    if row.note:
        text.append(f"  ({row.note})", _DETAIL)
    return Text(row.who, look), text


def printable(text: str) -> str:
    """On one line, without anything that could move a terminal's cursor."""
    return "".join(c if c.isprintable() else " " for c in text)
