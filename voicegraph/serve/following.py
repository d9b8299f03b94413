"""What a process knows of its calls, looked at once a second: figures of turns that are over, for all who want them.

So nothing of this is done while a frame waits. `/stats` and `/metrics` are told of turns, and so is who exports them.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from voicegraph.engine.observers import guarded
from voicegraph.engine.session import Session
from voicegraph.engine.timing import NodeTiming
from voicegraph.graph.formats import CONVERTER
from voicegraph.graph.plan import Plan
from voicegraph.observe.call_spans import about_call
from voicegraph.observe.call_times import turn_of
from voicegraph.observe.exporting import Exporting, Traced
from voicegraph.observe.spans import Spans
from voicegraph.observe.stats import SAMPLES, WINDOW, NodeSeen
from voicegraph.observe.timeline import Turn
from voicegraph.serve.metrics import Metrics

EVERY = 1.0
"""Seconds from one look to the next."""


@dataclass
class Trouble:
    """A node's, in one call or several; see `NodeTiming`. waiting: frames in its inboxes."""

    waiting: int = 0
    dropped: int = 0
    errors: int = 0
    blocked: float = 0.0

    def add(self, more: NodeTiming) -> None:
        self.dropped += more.dropped
        self.errors += more.errors
        self.blocked += more.blocked


class Followed:
    """One call. answer: seconds that its last answer took. traced: if it is exported."""

    def __init__(self, session: Session, traced: Traced | None) -> None:
        self.session = session
        self.traced = traced
        self.answer: float | None = None
        self.counted: dict[str, Trouble] = defaultdict(Trouble)  # of its nodes, as `/metrics` knows it
        self._open: set[int] = set()
        self._over: set[int] = set()  # at the look before: the last figures of a turn come a little later
        self._newest = 0

    @property
    def active(self) -> int:
        """Turns that are not over."""
        return len(self._open)

    def news(self, *, last: bool = False) -> set[int]:
        """Turns that are over, each once. last: the call is, and so are all of its turns."""
        newest = self.session.turns.latest
        self._open |= set(range(self._newest + 1, newest + 1))
        self._newest = newest
        told, self._over = self._over, {turn for turn in self._open if last or self.session.reply(turn).over}
        self._open -= self._over
        if last:
            told |= self._over
        return told


class Samples:
    """Of the newest turns: when, and what."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def add(self, seconds: float | None) -> None:
        if seconds is not None:
            self._samples.append((time.monotonic(), seconds))

    def recent(self) -> tuple[float, ...]:
        since = time.monotonic() - WINDOW
        return tuple(seconds for at, seconds in self._samples if at >= since)


class Following:
    """Of one process. exporting: where spans go, if anywhere. words: what both sides say is in them."""

    def __init__(self, metrics: Metrics, exporting: Exporting | None = None, *, words: bool = False) -> None:
        self.calls: dict[str, Followed] = {}
        self.answers, self.barge_ins = Samples(), Samples()
        self.interrupts = 0
        self.cpu = 0.0
        self._metrics = metrics
        self._exporting = exporting
        self._words = words
        self._first: dict[str, Samples] = defaultdict(Samples)
        self._queue: dict[str, Samples] = defaultdict(Samples)
        self._before: dict[str, Trouble] = defaultdict(Trouble)  # of calls that are over, by node
        self._looked = time.monotonic(), time.process_time()

    @property
    def spans_lost(self) -> int:
        return self._exporting.lost if self._exporting else 0

    def begin(self, session: Session, headers: Mapping[str, str]) -> Followed:
        """A call begins. headers: of the request that it came with."""
        traced = Traced(Spans(session.id, session.plan, time.time(), served=True), headers) if self._exporting else None
        self.calls[session.id] = followed = Followed(session, traced)
        return followed

    def end(self, followed: Followed, why: str) -> None:
        """A call is over. why: as a name in voicegraph.serve.reasons."""
        del self.calls[followed.session.id]
        self._tell(followed, followed.news(last=True))
        session = followed.session
        for name, timing in session.timings().items():
            self._before[name].add(timing)
        if self._exporting is not None and followed.traced is not None:
            seconds = session.now() - (session.began or session.now())
            span = followed.traced.spans.call(seconds, why, about_call(session), failed=why == "failed")
            self._exporting.call(followed.traced, span)

    def nodes(self, plan: Plan) -> tuple[NodeSeen, ...]:
        """Those of a plan, converters aside, as they are now in all calls."""
        trouble = {name: replace(before) for name, before in self._before.items()}
        for followed in self.calls.values():
            running = followed.session.nodes
            for name, timing in followed.session.timings().items():
                node = trouble.setdefault(name, Trouble())
                node.add(timing)
                node.waiting += sum(len(lane.inbox) for lane in running[name].lanes)
        shown = [node for node in (*plan.nodes.values(), *plan.standby.values()) if node.kind.name != CONVERTER]
        return tuple(
            NodeSeen(
                name=node.name,
                use=node.kind.name,
                first=self._first[node.name].recent(),
                queue=self._queue[node.name].recent(),
                **asdict(trouble.get(node.name, Trouble())),
            )
            for node in shown
        )

    def look(self) -> None:
        """Once."""
        wall, cpu = time.monotonic(), time.process_time()
        self.cpu = (cpu - self._looked[1]) / max(0.001, wall - self._looked[0])
        self._looked = wall, cpu
        for followed in [*self.calls.values()]:
            if news := followed.news():
                self._tell(followed, news)
        self._metrics.active(sum(followed.active for followed in self.calls.values()), self.spans_lost)

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(EVERY)
            guarded(self.look)()

    def _tell(self, followed: Followed, turns: set[int]) -> None:
        """All who want to know of turns that are over."""
        session = followed.session
        for number in sorted(turns & session.turn_times.turns.keys()):
            self._note(followed, turn_of(session, session.turn_times.turns[number], words=self._words))
        for name, timing in session.timings().items():
            counted = followed.counted[name]
            self._metrics.trouble(name, timing.dropped - counted.dropped, timing.blocked - counted.blocked)
            followed.counted[name] = Trouble(0, timing.dropped, timing.errors, timing.blocked)

    def _note(self, followed: Followed, turn: Turn) -> None:
        followed.answer = turn.answer if turn.answer is not None else followed.answer
        self.answers.add(turn.answer)
        self.barge_ins.add(turn.barge_in)
        self.interrupts += turn.interrupted is not None and turn.heard_seconds > 0
        for stage in turn.stages:
            if stage.taken is not None and stage.first is not None:
                self._first[stage.node].add(stage.first - stage.taken)
                self._queue[stage.node].add(stage.queued)
        self._metrics.turn(turn)
        if self._exporting is not None and followed.traced is not None:
            self._exporting.turn(followed.traced, turn)
