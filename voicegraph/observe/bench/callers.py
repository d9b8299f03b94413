"""Who calls when nobody is given: what a synthesised caller does, and a line on which a caller has a real voice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import Word
from voicegraph.graph.source import Source
from voicegraph.graph.tree import Map, read_tree
from voicegraph.node import node
from voicegraph.testing.conversations.model import Caller, Case
from voicegraph.testing.conversations.shapes import Reading
from voicegraph.testing.conversations.steps import read_steps
from voicegraph.testing.simulated import Act, SimulatedCall

DEADLINE = 30.0
"""Seconds of the call's time that a step may take to happen."""

STEPS = """\
steps:
  - caller: "Hello, when do you open on Saturdays?"
  - agent: "On Saturdays we are open from nine in the morning. We close at noon, and answer the phone until two."
  - caller: "And where can I park?"
  - agent: "There is a car park behind the house. The first hour is free, and each one after that is two pounds."
  - after: {agent_audio: 500ms}
  - caller: "Sorry, I meant to ask about Sundays."
  - agent: "On Sundays we are closed."
"""
"""Two questions, and a third that interrupts the agent. A scripted language model says what stands here."""


def synthesised() -> Case:
    """The conversation of a caller that nobody has written."""
    source = Source("the synthesised caller", STEPS, Path())
    report = Report()
    tree = read_tree(source, report)
    assert isinstance(tree, Map)
    steps = read_steps(tree.values["steps"], Reading(report))
    report.raise_errors()
    return Case(Word("a synthesised caller", source.start), steps, (), DEADLINE)


def described(case: Case) -> bytes:
    """All that the caller and the agent do, to tell whether two cases are the same."""
    steps = [
        (type(step).__name__, *(str(getattr(step, each.name)) for each in fields(step) if each.name != "place"))
        for step in case.steps
    ]
    return repr((case.title, steps)).encode()


def words(case: Case) -> list[str]:
    """All that the caller says."""
    return [step.text for step in case.steps if isinstance(step, Caller)]


@node("voiced.call", line=True)
class VoicedCall(SimulatedCall):
    """A simulated call whose caller may have a real voice, which real transcribers understand.

    sounds: what the caller sounds like, by what they say: PCM16 at `rate`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sounds: Mapping[str, bytes] = {}

    def say(self, text: str, *, speed: float = 1.0) -> Act:
        act = super().say(text, speed=speed)
        act.sound = self.sounds.get(text, act.sound)
        return act
