"""The nodes that can do one node's work in a call, and which of them does it now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import aclosing
from math import inf
from typing import TYPE_CHECKING, Any

from voicegraph.engine.recovery.breakers import Breaker
from voicegraph.errors import NotAnswered
from voicegraph.frames import Audio, Frame, Recovery, ReplyEnd, Sentence, TTSAudio
from voicegraph.graph.plan import PlannedNode, Recover
from voicegraph.node import lookup
from voicegraph.ports import Form

if TYPE_CHECKING:
    from voicegraph.engine.handlers import Bound

CONVERTER = "resample"
"""The node type that brings sound to another rate."""
AGAIN = 1.0
"""Seconds after which a failure at what belongs to no reply is a failure of its own."""
LET_GO = 0.25
"""Seconds that a candidate which is not needed any more has for its clean-up, before that is told."""


class Candidate:
    """One node of one call that can do the work, maybe of several nodes.

    bounds: its handlers. ready: done when the node has been entered. broken: it could not be, because of this.
    """

    def __init__(self, planned: PlannedNode, instance: Any, bounds: Sequence[Bound], breaker: Breaker) -> None:
        self.planned = planned
        self.name = planned.name
        self.instance = instance
        self.policy = planned.recover or Recover()
        self.breaker = breaker
        self.ready: asyncio.Task[None] | None = None
        self.broken: Exception | None = None
        self._bounds = bounds

    @property
    def is_ready(self) -> bool:
        return self.ready is None or self.ready.done()

    async def answer(self, frames: AsyncIterator[Frame], taken: frozenset[type[Frame]]) -> AsyncGenerator[Frame, None]:
        """What it gives for these frames, whether its handlers take them one by one or as a stream.

        taken: the types among them.
        """
        if self.ready is not None:
            await asyncio.shield(self.ready)
        if self.broken is not None:
            raise self.broken
        fit = [bound for bound in self._bounds if taken.intersection(bound.takes)]
        stream = next((bound for bound in fit if bound.form is Form.STREAM), None)
        made = stream.outputs(_Taken(frames, stream)) if stream else self._one_by_one(fit, frames)
        async with aclosing(made):
            async for given in made:
                yield given

    async def _one_by_one(self, bounds: Sequence[Bound], frames: AsyncIterator[Frame]) -> AsyncGenerator[Frame, None]:
        by_type = {each: bound for bound in bounds for each in bound.takes}
        ears = {bound: _Ear(bound.hertz) for bound in bounds}
        async for frame in frames:
            bound = by_type.get(type(frame))
            heard = ears[bound].bring(frame) if bound else None
            if bound is None or heard is None:
                continue
            silent = TTSAudio in self.planned.kind.gives and isinstance(frame, Sentence) and has_words(frame.text)
            async with aclosing(bound.outputs(heard)) as made:
                async for given in made:
                    silent = silent and not (isinstance(given, TTSAudio) and given.pcm)
                    yield given
            if silent:
                raise NotAnswered(self.name, "ended without a sound")


def has_words(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


class _Taken:
    """Those of the frames that a stream handler takes, at its rate. Cancelling a read loses nothing."""

    def __init__(self, frames: AsyncIterator[Frame], bound: Bound) -> None:
        self._frames = frames
        self._takes = bound.takes
        self._ear = _Ear(bound.hertz)

    def __aiter__(self) -> _Taken:
        return self

    async def __anext__(self) -> Frame:
        while True:
            frame = await anext(self._frames)
            if type(frame) in self._takes and (heard := self._ear.bring(frame)) is not None:
                return heard


class _Ear:
    """Brings the caller's sound to the rate that a handler takes; None: any."""

    def __init__(self, rate: int | None) -> None:
        self._resample = _converter(rate)

    def bring(self, frame: Frame) -> Frame | None:
        if self._resample is None or not isinstance(frame, Audio):
            return frame
        heard: Audio | None = self._resample.on_audio(frame)
        return heard


class Converter:
    """Brings a voice to the rate, in Hz, that its takers want; None: any."""

    def __init__(self, rate: int | None) -> None:
        self._resample = _converter(rate)

    def bring(self, frame: Frame) -> Iterator[Frame]:
        if self._resample is None or not isinstance(frame, TTSAudio):
            yield frame
        else:
            yield from self._resample.on_voice(frame)

    def rest(self) -> Iterator[Frame]:
        """What was held back."""
        if self._resample is not None:
            yield from self._resample.on_reply_end(ReplyEnd())


def _converter(rate: int | None) -> Any:
    return None if rate is None else lookup(CONVERTER).configure({"rate": rate})


class Chain:
    """A node's candidates in their order, itself first, and which of them does the work now.

    After a fail-over the stand-in stays, so that the voice is one voice, until `retry_primary_after`, and then until a
    reply is over. wanted: the rate, in Hz, to which the voice of a stand-in has to be brought; None for any. tell: told
    of each step. failed: told of what a candidate raises when it is told to let go. notice: told of one that does not.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        wanted: int | None,
        *,
        tell: Callable[[Recovery], None],
        failed: Callable[[str, BaseException], None],
        notice: Callable[[str, str], None],
    ) -> None:
        self.candidates = candidates
        self.primary = candidates[0]
        self.policy = self.primary.policy
        self.given_up = 0  # replies in a row for which nothing helped
        self.failed = failed
        self._given_up_turn = 0
        self._given_up_at = -inf
        self._wanted = wanted
        self._notice = notice
        self.used: dict[str, Candidate] = {self.primary.name: self.primary}
        self.tasks: dict[asyncio.Task[None], None] = {}
        self._active = 0
        self._since = 0.0  # when the active one took over
        self._turn = 0
        self._tell = tell

    @property
    def name(self) -> str:
        return self.primary.name

    @property
    def active(self) -> Candidate:
        return self.candidates[self._active]

    def first(self, turn: int, now: float) -> Candidate:
        """Who is to take a request of this turn up: the active one, unless its provider is known to be down."""
        after = self.policy.retry_primary_after
        if self._active and after is not None and now - self._since >= after and (not turn or turn != self._turn):
            self._active = 0
            self.step("back", self.name, "it has had its time to recover", turn)
        self._turn = turn
        if not self.active.breaker.lets_through(now):
            down = self.active.name
            if (other := self.next(now, {down})) is not None and other.breaker.state(now) != "open":
                self.stand_in(other, now, f"{down} is failing in this process", turn)
        return self.active

    def next(self, now: float, besides: Collection[str]) -> Candidate | None:
        """Who comes behind the active one, in a circle: rather somebody whose provider is not known to be down.

        None if there is none but those.
        """
        row = [*self.candidates[self._active :], *self.candidates[: self._active]]
        left = [each for each in row if each.name not in besides]
        return next((each for each in left if each.breaker.lets_through(now)), left[0] if left else None)

    def stand_in(self, candidate: Candidate, now: float, why: str, turn: int) -> None:
        """From now on this one does the work."""
        self.take_over(candidate, now)
        self.step("fallback", candidate.name, why, turn)

    def take_over(self, candidate: Candidate, now: float) -> None:
        self.used[candidate.name] = candidate
        if candidate is not self.active:
            self._active, self._since = self.candidates.index(candidate), now

    def note(self, turn: int, now: float, *, answered: bool) -> bool:
        """How a request has ended. False: it is the same failure as a moment ago, of which enough was made.

        Replies count one by one, and what belongs to no reply, such as the caller's sound, second by second.
        """
        if answered:
            self.given_up, self._given_up_at = 0, -inf  # but a reply that was given up stays so: this may be a phrase
            return True
        if not turn and now - self._given_up_at < AGAIN:
            return False
        self.given_up, self._given_up_turn, self._given_up_at = self.given_up + 1, turn, now
        return True

    def voice(self, candidate: Candidate) -> Converter:
        """For the sound of one candidate, or of its phrases."""
        return Converter(None if candidate is self.primary else self._wanted)

    def has_given_up(self, turn: int) -> bool:
        """Whether nothing more of this reply will come."""
        return bool(turn) and turn == self._given_up_turn

    def step(self, step: Any, to: str, why: str, turn: int) -> None:
        self._tell(Recovery(node=self.name, step=step, to=to, why=why, turn=turn))

    def run(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task that ends with the call, if not before."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def let_go(self, task: asyncio.Task[None]) -> None:
        """Cancels a task, and tells of it if it goes on all the same."""
        if task.cancel():
            words = f"did not let go within {LET_GO:g} s; went on without it"
            timer = asyncio.get_running_loop().call_later(LET_GO, self._notice, task.get_name(), words)
            task.add_done_callback(lambda _: timer.cancel())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.pop(task)
        if task.cancelling() and not task.cancelled():
            self._notice(task.get_name(), "swallowed its cancellation: a handler must let CancelledError pass")
