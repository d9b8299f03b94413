"""A node at work in one call, and how the nodes of a plan are joined."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from functools import partial
from typing import Any, Protocol

from voicegraph.engine.handlers import Bound, Source, Work
from voicegraph.engine.heard import Heard
from voicegraph.engine.inbox import AUDIO_BOUND, REPLY_BOUND, Inbox
from voicegraph.engine.inline import InlineFunction, InlineGenerator
from voicegraph.engine.lanes import LET_GO, FrameLane, Lane, LineLane, SourceLane, StreamLane
from voicegraph.engine.milestones import Milestones
from voicegraph.engine.outlet import Inlet, Outlet, Push, Route, Tap, Wait, after, done
from voicegraph.engine.timing import NodeTiming, Sampling
from voicegraph.engine.turns import Turns
from voicegraph.engine.turnstile import Turnstile
from voicegraph.frames import Audio, End, Frame, ReplyEnd, TTSAudio
from voicegraph.graph.plan import PlannedNode
from voicegraph.ports import Form, Handler, Style


class Givers(Protocol):
    """Knows the wires."""

    def of(self, node: str, end: Frame) -> int:
        """How many such end markers a node has to wait for."""
        ...


class Policy(Protocol):
    """What a node's requests and faults come to: the session."""

    turns: Turns
    heard: Heard
    taps: list[Tap]
    turn_times: Milestones
    signals: dict[type[Frame], Route]
    sampling: Sampling

    def recovers(self, node: str) -> bool: ...
    def listening(self, planned: PlannedNode, takes: Iterable[type[Frame]], *, live: bool) -> Work: ...
    def work(self, planned: PlannedNode, bound: Bound, *, live: bool) -> Work: ...
    def keep(self, work: Awaitable[None]) -> asyncio.Task[None]: ...
    def interrupt(self, frame: Frame) -> None: ...
    def commit(self, frame: Frame) -> None: ...
    def pause(self, frame: Frame) -> None: ...
    def resume(self, frame: Frame) -> None: ...
    def failed(self, node: str, error: BaseException, *, fatal: bool) -> None: ...
    def notice(self, node: str, text: str) -> None: ...
    def source_done(self, node: str) -> None: ...
    def node_ended(self, node: str) -> None: ...
    def line_done(self, end: Frame) -> None: ...


class RunningNode:
    """One node of one call: its instance, its handlers in place, and its outlet.

    live: caller audio cannot be made to wait for this node; past the bound of its inbox it is dropped.
    """

    def __init__(self, planned: PlannedNode, instance: Any, policy: Policy, *, live: bool) -> None:
        self._planned = planned
        self.name = planned.name
        self.kind = planned.kind
        self.instance = instance
        self.policy = policy
        self.timing = NodeTiming(policy.sampling, ends=self.kind.line)
        self.outlet = Outlet(self.name, self.timing, policy)
        self.inlets: dict[type[Frame], Inlet] = {}
        self.lanes: list[FrameLane | StreamLane] = []
        self.source: SourceLane | None = None
        self.givers: Givers | None = None
        self.last_words: Callable[[], list[asyncio.Task[None]]] = list  # what the call itself says here and waits
        self.turnstile: Turnstile | None = None
        self.ended = 0  # the newest turn of which nothing more comes in
        self._live = live
        self._arrived: Counter[int] = Counter()
        self._worked: Counter[int] = Counter()
        self._place_handlers()

    def start(self) -> None:
        for lane in self._all_lanes():
            lane.start()

    def interrupt(self) -> None:
        """Cancels what works on a void turn. Never waits for it."""
        for lane in self._all_lanes():
            lane.interrupt()
        if self.turnstile is not None:
            self.turnstile.interrupt()
        turns = self.policy.turns
        for counter in (self._arrived, self._worked):
            for turn in [turn for turn in counter if 0 < turn < turns.floor and not turns.outlives(turn)]:
                del counter[turn]
        self.timing.ended(turns.floor - 1, turns.outlives)

    def keep_replies_apart(self) -> None:
        """For a node where several givers of replies meet."""
        self.turnstile = turnstile = Turnstile(self.policy.turns, self.timing.came)
        for taken, inlet in self.inlets.items():
            if taken.side == "reply":
                self.inlets[taken] = Inlet(*map(turnstile.guard, inlet))

    def stop(self) -> list[asyncio.Task[None]]:
        """Cancels all of the node's tasks, those that were left behind too, and returns them in a fixed order."""
        tasks = [task for lane in self._all_lanes() for task in lane.tasks]
        for lane in self._all_lanes():
            lane.stop()
        return tasks

    def at_work(self) -> bool:
        """Whether it has something to do for a reply, and does not wait for others."""
        return any(lane.at_work() for lane in self.lanes)

    def dropped(self) -> int:
        """Caller audio frames dropped because the node was behind."""
        return sum(lane.inbox.dropped for lane in self.lanes)

    # --- end markers: handed on when every giver has handed one in and all that came before it is worked through -----

    def arrive(self, end: Frame) -> Wait:
        """An end marker comes in from one of the givers."""
        if self.policy.turns.void(end):
            return None
        self._arrived[end.turn] += 1
        if self.givers is not None and self._arrived[end.turn] < self.givers.of(self.name, end):
            return None
        del self._arrived[end.turn]
        if isinstance(end, End) and (words := self.last_words()):
            return self._behind(words, end)
        return self._take_end(end)

    async def _behind(self, words: list[asyncio.Task[None]], end: Frame) -> None:
        await asyncio.wait(words)
        await done(self._take_end(end))

    def _take_end(self, end: Frame) -> Wait:
        self.ended = max(self.ended, end.turn)
        if self.turnstile is not None:
            self.turnstile.ended(end.turn)
        if self.kind.line and isinstance(end, ReplyEnd):
            self.policy.heard.ended(end.turn)  # all its sound is on the books, though not all is taken yet
        lanes = self._lanes_for(end)
        for lane in lanes:
            lane.inbox.push_marker(end)
        if lanes:
            return None
        inlet = self.inlets.get(type(end))
        return after(inlet.measured(end) if inlet else None, lambda: self._hand_on(end))

    def lane_done(self, end: Frame) -> Wait:
        """A lane has worked through all that came before this end marker."""
        self._worked[end.turn] += 1
        if self._worked[end.turn] < len(self._lanes_for(end)):
            return None
        del self._worked[end.turn]
        if self.kind.line:
            self.timing.ended(end.turn)
            self.policy.line_done(end)
            return None
        return self._hand_on(end)

    def source_done(self) -> Wait:
        """The source gives no more: the end of the call begins here."""
        self.policy.source_done(self.name)
        return self.outlet.send_end(End()) if self.kind.line else self.arrive(End())

    def _lanes_for(self, end: Frame) -> list[FrameLane | StreamLane]:
        return self.lanes if isinstance(end, End) else [lane for lane in self.lanes if lane.inbox.replies]

    def _hand_on(self, end: Frame) -> Wait:
        if isinstance(end, End):
            self.policy.node_ended(self.name)
        return self.outlet.send_end(end)

    # --- what the outlet and the lanes report ------------------------------------------------------------------------

    def failed(self, error: BaseException, *, fatal: bool = False) -> None:
        self.policy.failed(self.name, error, fatal=fatal)

    def notice(self, text: str) -> None:
        self.policy.notice(self.name, text)

    def attempt(self, function: Callable[..., Any], *args: Any) -> None:
        """Calls a function of the node's own that is no handler. Its fault is the node's, its waiting is nobody's."""
        try:
            result = function(*args)
        except Exception as error:  # noqa: BLE001 - see above
            self.failed(error)
            return
        if asyncio.iscoroutine(result):
            self.policy.keep(self._attempt_rest(result))

    async def _attempt_rest(self, rest: Coroutine[Any, Any, Any]) -> None:
        slow = asyncio.get_running_loop().call_later(LET_GO, self.notice, "takes long to tidy up after an interrupt")
        try:
            await rest
        except Exception as error:  # noqa: BLE001 - see above
            self.failed(error)
        finally:
            slow.cancel()

    # --- putting the handlers in place -------------------------------------------------------------------------------

    def _place_handlers(self) -> None:
        if self.kind.inline and not self.policy.recovers(self.name):
            for handler in self.kind.handlers:
                self.inlets.update(dict.fromkeys(handler.takes, self._inline(handler)))
            return
        handlers = list(self.kind.handlers)
        if ears := self._ears():
            takes = [taken for handler in ears for taken in handler.takes]
            work = self.policy.listening(self._planned, takes, live=self._live)
            self.lanes.append(StreamLane(self, work, self._inbox(takes)))
            handlers = [handler for handler in handlers if handler not in ears]
        one_by_one = [handler for handler in handlers if handler.form is Form.FRAME]
        if one_by_one:
            self._place_frame_lane(one_by_one)
        for handler in handlers:
            if handler.form is Form.STREAM:
                self.lanes.append(StreamLane(self, self._work(handler), self._inbox(handler.takes)))
            elif handler.form is Form.SOURCE:
                came = partial(self.policy.turn_times.came, self.name)
                self.source = SourceLane(self, Source(self._bind(handler), came))

    def _ears(self) -> list[Handler]:
        """The handlers that recover as one: those of a node that hears the caller's sound frame by frame."""
        ears = [each for each in self.kind.handlers if any(taken.side == "caller" for taken in each.takes)]
        frame_by_frame = all(each.form is Form.FRAME for each in ears)
        hears = any(Audio in each.takes for each in ears)
        return ears if hears and frame_by_frame and self.policy.recovers(self.name) else []

    def _inline(self, handler: Handler) -> Inlet:
        bound = self._bind(handler)
        begins = bound.begins and any(taken.side == "caller" for taken in handler.takes)
        if handler.style is Style.GENERATOR:
            inline: InlineFunction | InlineGenerator = InlineGenerator(
                bound.function, self.outlet, self.failed, begins=begins
            )
        elif begins:  # its one frame may have to wait, with nobody waiting for it
            inline = InlineGenerator(_as_generator(bound.function), self.outlet, self.failed, begins=True)
        else:
            inline = InlineFunction(bound.function, self.outlet, self.failed)
        return Inlet(inline.push, inline.push_measured)

    def _place_frame_lane(self, handlers: list[Handler]) -> None:
        bounds = {taken: self._work(handler) for handler in handlers for taken in handler.takes}
        inbox = self._inbox(bounds)
        if self.kind.line:
            self.lanes.append(LineLane(self, bounds, inbox))
            self.inlets[TTSAudio] = Inlet(*map(self._on_the_books, self.inlets[TTSAudio]))
        else:
            self.lanes.append(FrameLane(self, bounds, inbox, self.kind.concurrency))

    def _on_the_books(self, push: Push) -> Push:
        """Enters what goes to the line into the ledger, the sooner the better: it tells how long its words take."""

        def enter(audio: Frame) -> Wait:
            assert isinstance(audio, TTSAudio)
            self.policy.heard.queued(audio)
            return push(audio)

        return enter

    def _inbox(self, takes: Iterable[type[Frame]]) -> Inbox:
        takes = tuple(takes)
        bound = AUDIO_BOUND if Audio in takes else REPLY_BOUND
        replies = any(taken.side == "reply" or taken is ReplyEnd for taken in takes)
        inbox = Inbox(self.policy.turns, bound, self.timing, lossy=self._live, replies=replies)
        self.inlets.update(dict.fromkeys(takes, Inlet(inbox.push, inbox.push_measured)))
        return inbox

    def _bind(self, handler: Handler) -> Bound:
        return Bound.of(handler, self.instance, self.kind)

    def _work(self, handler: Handler) -> Work:
        return self.policy.work(self._planned, self._bind(handler), live=self._live)

    def _all_lanes(self) -> list[Lane]:
        return [*self.lanes, self.source] if self.source else [*self.lanes]


def _as_generator(function: Callable[[Any], Any]) -> Callable[[Any], Generator[Any, None, None]]:
    def give(frame: Any) -> Generator[Any, None, None]:
        given = function(frame)
        if given is not None:
            yield given

    return give
