"""From a graph's line into the pipeline: in order, at the pace at which it is heard there, and cut by an interrupt.

One task pushes all that the graph gives, so that an interruption stands in the row where it belongs: behind it comes
nothing of a reply that was given up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf

from pipecat.frames import frames as pc
from pipecat.utils.text.base_text_aggregator import TextType

from voicegraph.frames import CallerFrame, ReplyEnd, Sentence, TTSAudio
from voicegraph.pipecat.unheard import Heard, Unheard
from voicegraph.providers.pipecat_frames import context_id, to_pipecat
from voicegraph.providers.pipecat_seam import LAST, seconds_of

LOST = 5.0
"""Seconds without news of what is heard after which it counts as heard: a reply must have an end."""

Played = Callable[[int, float], None]
Push = Callable[[pc.Frame], Awaitable[None]]
Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class _Step:
    """What is pushed together. must: an interrupt does not take it back. seconds: of what is to be heard."""

    frames: list[pc.Frame]
    must: bool = False
    seconds: float = 0.0


class WayOut:
    """Of one call (see `voicegraph.providers.pipecat_seam.Around`).

    played: is told how many seconds of a turn have been heard. push: a frame down the pipeline. interrupt: tells the
    pipeline of an interrupt of ours. lead: seconds. told: whether an output transport tells what is heard; if none
    does, what is pushed counts as heard. text: whether the pipeline speaks it.
    """

    def __init__(self, played: Played, push: Push, interrupt: Work, *, lead: float, told: bool, text: bool) -> None:
        self._played = played
        self._push = push
        self._interrupt = interrupt
        self._lead = lead
        self._told = told
        self._is_text = text
        self._steps: deque[_Step] = deque()
        self._urgent: deque[Work] = deque()
        self._unheard = Unheard()
        self._marks: dict[int, int] = {}  # by the id of a frame: the turn that is heard when it comes to be passed on
        self._turn = 0  # whose beginning was pushed, and whose end was not
        self._must: set[int] = set()  # turns of which a part is to be said to its end
        self._text: list[str] = []  # whose sound, or whose other words, are being given
        self._deaf = False  # an interruption is on its way: what is told of until then was given up
        self._theirs: bool | None = None  # the interrupt that is carried out; True: the output has it still before it
        self._paused = False
        self._pushing = False
        self._changed = asyncio.Event()  # there may be something to push
        self._moved = asyncio.Event()  # something was pushed or heard

    # --- for the line ------------------------------------------------------------------------------------------------

    async def give(self, frame: TTSAudio | ReplyEnd) -> None:
        """Hands a part of a reply to the pipeline. Waits while that has more than the lead."""
        if isinstance(frame, ReplyEnd):
            self._add(_Step(self._end(frame.turn), must=frame.turn in self._must))
            return
        while not self._is_text and self._unheard.seconds >= self._lead:
            await self._news()
        must = not frame.interruptible
        if must:
            self._must.add(frame.turn)
        self._unheard.add(frame.turn, frame.seconds, must=must)
        made = [*self._begin(frame.turn), *(self._words(frame) if self._is_text else self._sound(frame))]
        self._add(_Step(made, must, frame.seconds))

    def tell(self, frame: CallerFrame) -> None:
        """Hands it something that the caller did."""
        if (made := to_pipecat(frame)) is not None:
            self._add(_Step([made], must=True))

    def clear(self) -> None:
        self._steps = deque(step for step in self._steps if step.must)
        self._unheard.clear()
        self._marks.clear()
        self._text.clear()
        self._turn, self._paused = 0, False
        self._deaf = self._told and self._theirs is not False
        if self._theirs is None:
            self.urgently(self._interrupt)
        self._changed.set()
        self._moved.set()

    def pause(self) -> None:
        """What the pipeline has is heard; nothing follows."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._changed.set()

    async def drain(self) -> None:
        """Until all is pushed. That it is heard is the pipeline's business, whose end comes behind it."""
        self.resume()
        while self._steps or self._urgent or self._pushing:
            self._moved.clear()
            await self._moved.wait()

    # --- for the processor -------------------------------------------------------------------------------------------

    def hurry(self) -> None:
        """The end of the pipeline waits: all may be pushed at once."""
        self._lead = inf
        self._moved.set()

    def interrupted(self, interrupt: Callable[[], None], *, ahead: bool) -> None:
        """Carries out an interrupt of the pipeline's own. ahead: it goes down, so the output does not know yet."""
        self._theirs = ahead
        try:
            interrupt()
        finally:
            self._theirs = None

    def urgently(self, work: Work) -> None:
        """Behind what is being pushed, and before all the rest, even while paused."""
        self._urgent.append(work)
        self._changed.set()

    async def in_turn(self, work: Work) -> None:
        """The same; returns when it is done."""
        done = asyncio.Event()

        async def step() -> None:
            try:
                await work()
            finally:
                done.set()

        self.urgently(step)
        await done.wait()

    def on_pushed(self, frame: pc.Frame) -> None:
        """The output transport passes a frame on: what came before it has been heard."""
        if isinstance(frame, pc.InterruptionFrame):
            self._deaf = False
        elif self._deaf:
            return
        elif (turn := self._marks.pop(frame.id, None)) is not None:
            self._tell(self._unheard.heard_through(turn))
        elif isinstance(frame, pc.TTSTextFrame):
            self._tell(self._unheard.heard(seconds_of(frame.text) if self._is_text else 0.0))
        elif isinstance(frame, pc.TTSAudioRawFrame):
            seconds = len(frame.audio) / (2 * frame.num_channels * frame.sample_rate)
            self._tell(self._unheard.heard(0.0 if self._is_text else seconds))

    async def run(self) -> None:
        """Pushes, as long as the call lasts."""
        while True:
            self._pushing = True
            if self._urgent:
                await self._urgent.popleft()()
            elif self._steps and not self._paused:
                await self._take(self._steps.popleft())
            else:
                self._pushing = False
                self._moved.set()
                self._changed.clear()
                await self._changed.wait()
            self._moved.set()

    async def _take(self, step: _Step) -> None:
        for frame in step.frames:
            await self._push(frame)
        if not self._told:
            self._tell(self._unheard.heard(step.seconds))

    # --- what is pushed ----------------------------------------------------------------------------------------------

    def _begin(self, turn: int) -> list[pc.Frame]:
        if turn == self._turn:
            return []
        self._turn = turn
        begun: list[pc.Frame] = [pc.LLMFullResponseStartFrame()]
        return begun if self._is_text else [*begun, pc.TTSStartedFrame(context_id=context_id(turn))]

    def _sound(self, audio: TTSAudio) -> list[pc.Frame]:
        """Its text is told of behind its sound, as pipecat does it, so that what is cut short is not told of."""
        before = self._said(audio.turn) if audio.text else []
        if audio.text:
            self._text.append(audio.text)
        made = to_pipecat(audio)
        return [*before, made] if made is not None and audio.pcm else before

    def _words(self, audio: TTSAudio) -> list[pc.Frame]:
        """A sentence, once all its words are there."""
        self._text += audio.text.split()
        if not audio.text.endswith(LAST):
            return []
        text, self._text = " ".join(self._text), []
        made = to_pipecat(Sentence(text, interruptible=audio.interruptible))
        return [made] if made is not None else []

    def _said(self, turn: int) -> list[pc.Frame]:
        text, self._text = " ".join(self._text), []
        return [pc.TTSTextFrame(text, TextType.SENTENCE, context_id=context_id(turn))] if text else []

    def _end(self, turn: int) -> list[pc.Frame]:
        """The last frame is a mark: the output transport passes it on when all before it has been heard."""
        if turn != self._turn:
            return []  # nothing of it was for the caller's ear
        mark = pc.LLMFullResponseEndFrame()
        self._turn = 0
        if self._told:
            self._marks[mark.id] = turn
        if self._is_text:
            return [mark]
        return [*self._said(turn), pc.TTSStoppedFrame(context_id=context_id(turn)), mark]

    # --- inside ------------------------------------------------------------------------------------------------------

    def _add(self, step: _Step) -> None:
        self._steps.append(step)
        self._changed.set()

    async def _news(self) -> None:
        """Waits until something was pushed or heard, but not for ever."""
        self._moved.clear()
        try:
            async with asyncio.timeout(LOST):
                await self._moved.wait()
        except TimeoutError:
            self._tell(self._unheard.heard(inf))

    def _tell(self, heard: Heard) -> None:
        for turn, seconds in heard.items():
            self._played(turn, seconds)
        if heard:
            self._moved.set()
