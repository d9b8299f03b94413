"""Where the time of an answer went: the chain of nodes that the caller waited for, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voicegraph.engine.milestones import Milestone, TurnTimes
from voicegraph.engine.timing import TurnAtNode
from voicegraph.observe.timeline import Part

QUEUE = "queue"
WORK = "at work"


def critical_path(
    times: TurnTimes, at: Mapping[str, TurnAtNode], givers: Mapping[str, Sequence[str]], line: str
) -> list[Part]:
    """The parts of an answer, in order; they add up to it. Empty for a turn that is no answer, or was not heard.

    It is read backwards, from the first sound at the line: what did that wait for? at: the nodes' work on the turn.
    givers: of each node, those whose frames it takes. line: its name. All times are loop times.
    """
    if times.speech_end is None or times.heard is None:
        return []
    path = _Backwards(times.speech_end, max(times.speech_end, times.heard))
    committed = times.marks.get(Milestone.COMMIT)
    first = at.get(line)
    if committed is not None and (first is None or first.came is None or first.came < committed):
        path.back(line, "played out", committed)  # all was ready before, and waited to be sure of the caller's end
        _decision(path, times, Milestone.COMMIT)
        return path.parts()
    if first is not None and first.taken is not None and first.came is not None:
        path.back(line, "played out", first.taken)
        path.back(line, QUEUE, first.came)
    else:
        path.back(line, "played out", times.marks.get(Milestone.AUDIO, path.reached))
    node = _giver(givers.get(line, ()), at, path.reached)
    while node and node != times.origin:
        came, taken = at[node].fed or (path.reached, path.reached)
        path.back(node, WORK, taken)
        path.back(node, QUEUE, came)
        node = _giver([each for each in givers.get(node, ()) if each != node], at, path.reached)
    _decision(path, times, Milestone.TURN)
    return path.parts()


def _decision(path: _Backwards, times: TurnTimes, milestone: Milestone) -> None:
    """Who began, or committed, the turn; and who told it last of the end of the caller's speech."""
    cue = times.cues.get(milestone)
    if cue is not None and cue.at <= path.reached:
        path.back(times.origin, milestone.value, cue.at)
        path.back(cue.node, cue.what, path.start)
    path.back(times.origin, milestone.value, path.start)


def _giver(names: Sequence[str], at: Mapping[str, TurnAtNode], until: float) -> str | None:
    """Of these nodes, the last to have begun to give by then."""
    begun = [(first, name) for name in names if name in at and (first := at[name].first) is not None and first <= until]
    return max(begun)[1] if begun else None


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
