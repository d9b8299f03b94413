"""Where the time of an answer went: the chain of nodes that the caller waited for, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from voicegraph.engine.milestones import Milestone, TurnTimes
from voicegraph.engine.timing import Output, TurnAtNode
from voicegraph.frames import Frame, SpeechStopped, TTSAudio
from voicegraph.graph.plan import Edge
from voicegraph.observe.timeline import Part

QUEUE = "queue"
WORK = "at work"
PLAYED = "played out"


def critical_path(times: TurnTimes, at: Mapping[str, TurnAtNode], edges: Sequence[Edge], line: str) -> list[Part]:
    """The parts of an answer, in order; they add up to it. Empty for a turn that is no answer, or was not heard.

    It is read backwards, from the first sound at the line: what did that wait for? at: the nodes' work on the turn.
    edges: of the graph. line: its name. All times are loop times.
    """
    if times.speech_end is None or times.heard is None:
        return []
    path = _Backwards(times.speech_end, max(times.speech_end, times.heard))
    sound = _output(at, line, TTSAudio)
    committed = times.marks.get(Milestone.COMMIT)
    if committed is not None and (sound is None or sound.came < committed):
        path.back(line, PLAYED, committed)  # all was ready before, and waited to be sure of the caller's end
        _decision(path, times, edges, Milestone.COMMIT)
        return path.parts()
    if sound is None:
        path.back(line, PLAYED, times.marks.get(Milestone.AUDIO, path.reached))
    else:
        path.back(line, PLAYED, sound.taken)
        path.back(line, QUEUE, sound.came)
    for name, output in _chain(times, at, edges, line, path):
        path.back(name, WORK, output.taken)
        path.back(name, QUEUE, output.came)
    _decision(path, times, edges, Milestone.TURN)
    return path.parts()


def _chain(
    times: TurnTimes, at: Mapping[str, TurnAtNode], edges: Sequence[Edge], line: str, path: _Backwards
) -> Iterator[tuple[str, Output]]:
    """From the line up to who began the turn: each node, and its output that the one below waited for."""
    node, seen = line, set[tuple[str, type[Frame]]]()
    kind: type[Frame] | None = TTSAudio
    while (found := _giver(at, edges, node, kind, path.reached) or _at_work(at, edges, node, path.reached)) is not None:
        node, output = found
        if node == times.origin or (node, output.kind) in seen:
            return
        seen.add((node, output.kind))
        kind = output.by
        yield found


def _giver(
    at: Mapping[str, TurnAtNode], edges: Sequence[Edge], node: str, kind: type[Frame] | None, until: float
) -> tuple[str, Output] | None:
    """Who gave the frame of this type that the node took by then: of several, the last to have begun."""
    begun = [
        (edge.giver, output)
        for edge in edges
        if edge.taker == node and edge.frame is (kind or edge.frame)
        if (output := _output(at, edge.giver, edge.frame)) is not None and output.at <= until
    ]
    return max(begun, key=lambda found: found[1].at, default=None)


def _at_work(at: Mapping[str, TurnAtNode], edges: Sequence[Edge], node: str, until: float) -> tuple[str, Output] | None:
    """Who was at it by then, and had nothing to show: the nearest above, as when something is said in its place."""
    found, level = {node}, {node}
    while level := {edge.giver for edge in edges if edge.taker in level and edge.frame.side == "reply"} - found:
        for name in sorted(level & at.keys()):
            came, taken = at[name].came, at[name].taken
            if came is not None and taken is not None and taken <= until:
                return name, Output(Frame, until, came, taken, None)
        found |= level
    return None


def _output(at: Mapping[str, TurnAtNode], node: str, kind: type[Frame]) -> Output | None:
    return next((output for output in at[node].outputs if output.kind is kind), None) if node in at else None


def _decision(path: _Backwards, times: TurnTimes, edges: Sequence[Edge], milestone: Milestone) -> None:
    """Who began, or committed, the turn; who told it last of the end of the caller's speech, and waited for a pause."""
    cue = times.cues.get(milestone)
    if cue is not None and cue.at <= path.reached:
        path.back(times.origin, milestone.value, cue.at)
        pause, noticed_by = times.marks.get(Milestone.PAUSE), times.reached_by.get(Milestone.PAUSE)
        told = any((e.giver, e.taker, e.frame) == (noticed_by, cue.node, SpeechStopped) for e in edges)
        if pause is not None and noticed_by is not None and told:
            path.back(cue.node, cue.what, pause)
            path.back(noticed_by, Milestone.PAUSE.value, path.start)
        path.back(cue.node, cue.what, path.start)
    path.back(times.origin, milestone.value, path.start)


class _Backwards:
    """A path as it is found. start: of the answer. reached: how far back it is."""

    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.reached = end
        self._parts: list[Part] = []

    def back(self, node: str, what: str, since: float) -> None:
        """The time since then is this node's, if it is not somebody's already."""
        since = max(self.start, min(since, self.reached))
        if since < self.reached:
            self._parts.append(Part(node=node, what=what, start=since, end=self.reached))
            self.reached = since

    def parts(self) -> list[Part]:
        return self._parts[::-1]
