"""A call for people: a row for each thing that happened, as `voicegraph test` shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from voicegraph.caller.leg import Event, Leg
from voicegraph.caller.phone import Phone
from voicegraph.caller.twilio import RATE
from voicegraph.caller.voiced import Run
from voicegraph.testing.conversations.timeline import Part, Row
from voicegraph.testing.speech import HeardWord

SPEECH = "(speech)"
_WHO = {"fault": "fault", "dtmf": "caller", "clear": "interrupt", "gap": "gap"}
_ENDS = {
    "caller": ("caller", "(hangs up)"),
    "agent": ("agent", "(hangs up)"),
    "lost": ("fault", "the connection broke"),
}
SLACK = 0.05
"""Seconds by which a word may stand outside of the run that it is in."""


def rows(phone: Phone, texts: Mapping[int, str]) -> list[Row]:
    """texts: what a transcriber made of the agent's runs, by their number."""
    leg = phone.leg
    found = [*_caller(leg), *_agent(leg, texts), *map(_event, leg.events)]
    if phone.ended:
        who, text = _ENDS[phone.ended.by]
        found.append(Row(phone.ended.at, None, who, (Part(text),), phone.ended.why))
    return sorted(found, key=lambda row: row.start)


def _caller(leg: Leg) -> Iterator[Row]:
    for act in leg.mouth.acts:
        if act.began is not None:
            yield Row(act.began / RATE, act.began / RATE + act.seconds, "caller", (Part(act.text or SPEECH),))


def _agent(leg: Leg, texts: Mapping[int, str]) -> Iterator[Row]:
    for number, run in enumerate(leg.agent.runs):
        heard = _words(leg.heard.words, run.start / RATE, run.end / RATE)
        following = leg.agent.runs[number + 1 : number + 2]
        until = following[0].start / RATE if following else float("inf")
        unheard = _words(leg.heard.flushed, run.start / RATE, until)
        parts = [Part(heard or texts.get(number, SPEECH))]
        if unheard:
            parts.append(Part(unheard, heard=False))
        yield Row(run.start / RATE, run.end / RATE, "agent", tuple(parts), _note(run, leg))


def _words(words: Iterable[HeardWord], start: float, end: float) -> str:
    return " ".join(word.text for word in words if start - SLACK <= word.start < end + SLACK)


def _note(run: Run, leg: Leg) -> str:
    """How long the caller waited for it."""
    said = [each.end for each in leg.caller.runs if each.end < run.start]
    earlier = [each.start for each in leg.agent.runs if each.start < run.start]
    if not said or (earlier and earlier[-1] > said[-1]):
        return ""
    return f"{(run.start - said[-1]) / RATE * 1000:.0f} ms"


def _event(event: Event) -> Row:
    texts = {"dtmf": f"[{event.text}]", "clear": "cleared", "gap": f"sound came {event.text} late"}
    return Row(event.at, None, _WHO[event.kind], (Part(texts.get(event.kind, event.text)),))
