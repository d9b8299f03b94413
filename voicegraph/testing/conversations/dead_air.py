"""`dead_air`, an expectation: how long a caller who waited for the agent heard nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from voicegraph.durations import format_duration
from voicegraph.testing.conversations.happened import Finding, Happened, Spoken
from voicegraph.testing.conversations.shapes import Comparison


class Stretch(NamedTuple):
    """Seconds in the call."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def check(limit: Comparison, call: Happened) -> Iterator[Finding]:
    """The longest stretch of it."""
    longest = max(dead_air(call), key=lambda each: each.seconds, default=Stretch(0.0, 0.0))
    if not limit.holds(longest.seconds):
        silence = format_duration(round(longest.seconds, 3))
        yield Finding(f"the caller heard nothing for {silence} from {longest.start:.2f} s on, not {limit.written}")


def dead_air(call: Happened) -> list[Stretch]:
    """Where a reply was due or not yet heard to its end, and neither agent nor caller made a sound.

    A pause of the agent's, who listens whether the caller interrupts, is none.
    """
    record = call.record
    said = (event for event in record.events if event.who in ("caller", "pause") and event.end is not None)
    sounds = sorted([*map(Stretch._make, record.sounds), *(Stretch(each.start, each.end or 0.0) for each in said)])
    return [gap for reply in call.replies for gap in _gaps(_due(reply, call), sounds)]


def _due(reply: Spoken, call: Happened) -> Stretch:
    """From when to when the caller waits for a reply, or hears it.

    It begins with the end of what the caller said. A reply that failed is waited for until another one is begun.
    """
    record = call.record
    times = next((each for each in call.times if each.turn == reply.turn), None)
    if times is None or reply.turn not in record.opened:
        return Stretch(0.0, 0.0)
    start = record.opened[reply.turn] if times.speech_end is None else record.since(times.speech_end)
    if times.interrupted is not None:
        return Stretch(start, record.since(times.interrupted))
    if reply.heard and not reply.cut:
        return Stretch(start, record.last_heard[reply.turn])
    later = (opened for turn, opened in record.opened.items() if turn > reply.turn)
    return Stretch(start, min(later, default=call.seconds))


def _gaps(due: Stretch, sounds: Iterable[Stretch]) -> Iterator[Stretch]:
    """What is left of it without the sounds, which are in order."""
    at = due.start
    for sound in sounds:
        if sound.start > at:
            yield Stretch(at, min(sound.start, due.end))
        at = max(at, sound.end)
        if at >= due.end:
            return
    yield Stretch(at, due.end)
