"""The spans of a call on a `Session`."""

from __future__ import annotations

from collections import Counter

from voicegraph.engine.session import Session
from voicegraph.observe.call_times import turn_of
from voicegraph.observe.exporting import Exporting, Traced
from voicegraph.observe.genai import CACHED, READ, WRITTEN, Value
from voicegraph.observe.spans import Spans


def about_call(session: Session) -> dict[str, Value]:
    """Attributes of the call's span: what happened in it, and the tokens of its language models, where they tell."""
    timings = session.timings().values()
    told: Counter[str] = Counter()
    for node in session.nodes.values():
        usage = getattr(node.instance, "usage", None)
        for name, part in ((READ, "read"), (CACHED, "cached"), (WRITTEN, "written")):
            tokens = getattr(usage, part, 0)
            told[name] += tokens if isinstance(tokens, int) else 0
    return {
        "voicegraph.call.turns": session.turns.latest,
        "voicegraph.call.dropped": sum(timing.dropped for timing in timings),
        "voicegraph.call.errors": sum(timing.errors for timing in timings),
        **{name: tokens for name, tokens in told.items() if tokens},
    }


def export(exporting: Exporting, session: Session, began: float, *, failed: bool, words: bool) -> None:
    """A call that was run, all at once. began: seconds since 1970."""
    traced = Traced(Spans(session.id, session.plan, began, served=False))
    start = reached = session.began or 0.0
    for _, times in sorted(session.turn_times.turns.items()):
        exporting.turn(traced, turn_of(session, times, words=words))
        reached = max((reached, *times.marks.values()))
    why = "failed" if failed else "done" if session.ended else "cancelled"
    seconds = (session.ended or reached) - start
    exporting.call(traced, traced.spans.call(seconds, why, about_call(session), failed=failed))
