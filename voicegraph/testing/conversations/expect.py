"""What a test expects of its call: one table, in which each expectation is a way to read it and a way to check it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from voicegraph.durations import format_duration
from voicegraph.engine.milestones import TurnTimes
from voicegraph.frames import Message
from voicegraph.graph.tree import Map, Tree, is_null
from voicegraph.graph.wording import quote
from voicegraph.testing.conversations import dead_air, expected, recovered, shapes
from voicegraph.testing.conversations.expected import FrameCount, Line
from voicegraph.testing.conversations.happened import By, Finding, Happened, Spoken
from voicegraph.testing.conversations.model import Expected
from voicegraph.testing.conversations.shapes import Comparison, Reading
from voicegraph.testing.conversations.wording import CUT, OPEN, begins, has_phrase, said, words_of


def _worst(
    what: str, measure: Callable[[Happened], Iterable[tuple[TurnTimes, float | None]]]
) -> Callable[[Comparison, Happened], Iterator[Finding]]:
    def check(limit: Comparison, call: Happened) -> Iterator[Finding]:
        measured = [(seconds, times) for times, seconds in measure(call) if seconds is not None]
        if not measured:
            yield Finding(f"there was no {what} to measure")
            return
        broken = [(seconds, times) for seconds, times in measured if not limit.holds(seconds)]
        if broken:
            seconds, times = max(broken, key=lambda each: each[0])
            at = f" of the reply heard at {call.record.since(times.heard or 0.0):.2f} s"
            yield Finding(f"the {what}{at} took {_milliseconds(seconds)}, not {limit.written}")

    return check


def _number(what: str, count: Callable[[Happened], int]) -> Callable[[Comparison, Happened], Iterator[Finding]]:
    def check(limit: Comparison, call: Happened) -> Iterator[Finding]:
        found = count(call)
        if not limit.holds(found):
            yield Finding(f"{_counted(found, what)}, not {limit.written}", _faults(call) if what == "fault" else "")

    return check


def _check_texts(
    verb: str, text_of: Callable[[Spoken], str]
) -> Callable[[tuple[Line, ...], Happened], Iterator[Finding]]:
    """Reply by reply, in order; of several that differ, the first is told."""

    def check(lines: tuple[Line, ...], call: Happened) -> Iterator[Finding]:
        there = [reply for reply in call.replies if text_of(reply)]
        for line, reply in zip(lines, there, strict=False):
            if not _fits(line, text_of(reply), cut=reply.cut):
                end = " and was cut short" if reply.cut else ""
                yield Finding(f"{verb} {said(text_of(reply))}{end}", "not this", line.place)
                return
        if len(lines) > len(there):
            yield Finding(f"{verb} no more than {_counted(len(there), 'reply', 'replies')}", "and not this",
                          lines[len(there)].place)  # fmt: skip
        elif len(there) > len(lines):
            yield Finding(f"{verb} {said(text_of(there[len(lines)]))} besides", "and this is not in it")

    return check


def _fits(line: Line, text: str, *, cut: bool) -> bool:
    """Word for word. What the caller cut short need only begin as a line that ends with dots."""
    if cut and line.text.rstrip().endswith(OPEN):
        return begins(words_of(text), line.words)
    return words_of(text) == line.words


def _check_never(lines: tuple[Line, ...], call: Happened) -> Iterator[Finding]:
    for line in lines:
        for reply in call.replies:
            if has_phrase(words_of(reply.heard), line.words):
                yield Finding(f"the caller heard {said(reply.heard)}", "never this", line.place)
                break


def _check_frames(counts: tuple[FrameCount, ...], call: Happened) -> Iterator[Finding]:
    for each in counts:
        found = call.record.count(each.frame, each.node.text if each.node else None)
        if not each.limit.holds(found):
            by = f" by {quote(each.node.text)}" if each.node else ""
            yield Finding(f"{_counted(found, each.frame.__name__)} given{by}, not {each.limit.written}",
                          place=each.place)  # fmt: skip


def _check_history(lines: tuple[Line, ...], call: Happened) -> Iterator[Finding]:
    if call.record.asked is None:
        yield Finding("nothing was asked of a brain: no UserTurn was given")
        return
    messages = call.record.asked.messages
    for line, message in zip(lines, messages, strict=False):
        if not _same(line, message):
            yield Finding(f"the brain was given {message.role}: {said(message.content)}", "not this", line.place)
            return
    if len(lines) > len(messages):
        yield Finding(f"the brain was given {_counted(len(messages), 'message')}", "and not this",
                      lines[len(messages)].place)  # fmt: skip
    elif len(messages) > len(lines):
        more = messages[len(lines)]
        yield Finding(f"the brain was also given {more.role}: {said(more.content)}", "and this is not in it")


def _same(line: Line, message: Message) -> bool:
    cut = line.text.rstrip().endswith(CUT) == message.content.rstrip().endswith(CUT)
    return line.role == message.role and cut and line.words == words_of(message.content)


def _check_ended(by: By, call: Happened) -> Iterator[Finding]:
    if call.ended != by:
        yield Finding(f"the call was ended by {_ENDED[call.ended]}", _faults(call))


def _check_transferred(to: str, call: Happened) -> Iterator[Finding]:
    if call.transferred != to:
        where = f"to {quote(call.transferred)}" if call.transferred else "to nobody"
        yield Finding(f"the caller was put through {where}")


def _check_duration(limit: Comparison, call: Happened) -> Iterator[Finding]:
    if not limit.holds(call.seconds):
        yield Finding(f"the call lasted {call.seconds:.2f} s, not {limit.written}")


def _answers(call: Happened) -> Iterator[tuple[TurnTimes, float | None]]:
    return ((times, times.answer) for times in call.times)


def _barge_ins(call: Happened) -> Iterator[tuple[TurnTimes, float | None]]:
    return ((times, times.barge_in) for times in call.times)


def _interrupts(call: Happened) -> int:
    """How often a reply was cut short that the caller was hearing; one that was taken back unheard does not count."""
    return len({times.interrupted for times, seconds in _barge_ins(call) if seconds is not None})


_ENDED: dict[By, str] = {"caller": "the caller", "agent": "the agent", "fault": "a fault"}


class Kind(NamedTuple):
    """read: from the key and its value; None if that is wrong, which is told. check: what of it was not met."""

    read: Callable[[str, Tree, Reading], Any]
    check: Callable[[Any, Happened], Iterator[Finding]]


EXPECTATIONS: dict[str, Kind] = {
    "answer": Kind(expected.value(shapes.of_time), _worst("answer", _answers)),
    "barge_in": Kind(expected.value(shapes.of_time), _worst("barge-in", _barge_ins)),
    "heard": Kind(expected.lines, _check_texts("the caller heard", lambda reply: reply.heard)),
    "said": Kind(expected.lines, _check_texts("the agent said", lambda reply: reply.said)),
    "never": Kind(expected.lines, _check_never),
    "frames": Kind(expected.frames, _check_frames),
    "recovery": Kind(recovered.read, recovered.check),
    "dead_air": Kind(expected.value(shapes.of_time), dead_air.check),
    "interrupts": Kind(expected.value(shapes.of_number), _number("interrupt", _interrupts)),
    "errors": Kind(expected.value(shapes.of_number), _number("fault", lambda call: len(call.faults))),
    "history": Kind(expected.history, _check_history),
    "ended": Kind(expected.value(expected.who), _check_ended),
    "transferred": Kind(expected.value(shapes.text), _check_transferred),
    "duration": Kind(expected.value(shapes.of_time), _check_duration),
}


def read_expected(tree: Tree | None, reading: Reading) -> tuple[Expected, ...]:
    """Those expectations that are right."""
    given = reading.shaped(tree, "expect", Map)
    if given is None:
        return ()
    found: list[Expected] = []
    for key in reading.known(given, EXPECTATIONS, "there is no expectation", "unknown-expectation"):
        if is_null(given.values[key]):
            reading.report.error(
                "missing-key", f"{quote(key)} needs a value", given.keys[key], "write what is expected"
            )
        elif (value := EXPECTATIONS[key].read(key, given.values[key], reading)) is not None:
            found.append(Expected(key, value, given.values[key].span))
    return tuple(found)


def no_faults(call: Happened) -> Iterator[Finding]:
    """What every test expects that neither makes nodes fail nor says how many errors there may be."""
    if call.faults:
        yield Finding(_counted(len(call.faults), "fault"), _faults(call))


def _faults(call: Happened) -> str:
    return "; ".join(f"{node}: {type(error).__name__}: {error}{_place(error)}" for node, error in call.faults)


def _place(error: BaseException) -> str:
    """Where it was raised: a node's author wants to know."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


def _counted(number: int, what: str, several: str = "") -> str:
    return f"{number} {what if number == 1 else several or what + 's'}"


def _milliseconds(seconds: float) -> str:
    return format_duration(round(seconds, 3))
