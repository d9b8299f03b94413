"""What the call says by itself, such as a greeting: it goes through a voice of the graph, like what nodes say."""

from __future__ import annotations

from collections.abc import Mapping

from voicegraph.engine.joining import lay, reachable
from voicegraph.engine.outlet import CALL, Around, Cause, Outlet
from voicegraph.engine.running import RunningNode
from voicegraph.engine.timing import NodeTiming
from voicegraph.frames import Sentence
from voicegraph.graph.plan import Edge, Plan


def find_voice(plan: Plan) -> str | None:
    """What a call speaks through: the first node that takes a Sentence and reaches the line; None without one."""
    replies = [edge for edge in plan.edges if edge.frame.side == "reply"]
    speak = [edge.taker for edge in replies if edge.frame is Sentence]
    return next((name for name in speak if plan.line is None or plan.line in reachable(replies, name)), None)


class Mouth:
    """Of one call. voice: the node that it speaks through. edges: its own."""

    def __init__(self, plan: Plan, call: Around) -> None:
        self.voice = find_voice(plan)
        self.edges = [Edge(CALL, self.voice, Sentence)] if self.voice else []
        self._turns = call.turns
        self._outlet = Outlet(CALL, NodeTiming(call.sampling), call)

    def join(self, nodes: Mapping[str, RunningNode]) -> None:
        """Leads it to the voice, which waits for the last words before it hands on the end of the call."""
        if self.voice:
            nodes[self.voice].last_words = self._outlet.pending
        lay(self._outlet, self.edges, nodes)

    def say(self, text: str, now: float, *, interruptible: bool) -> None:
        """Says something as a turn of its own."""
        sentence = Sentence(text, turn=self._turns.open(CALL), born=now, interruptible=interruptible)
        wait = self._outlet.send_last(self._outlet.send(sentence, sentence), sentence.turn, sentence.born)
        if wait is not None:
            self._outlet.keep(wait)

    def say_in(self, cause: Cause, text: str) -> None:
        """Says something as a part of a reply that the voice speaks. Nobody waits for room."""
        if (wait := self._outlet.send(Sentence(text), cause)) is not None:
            self._outlet.keep(wait)
