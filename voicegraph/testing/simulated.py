"""A call whose caller is a test: it says what it is told to, and keeps what it heard of the agent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Annotated, Any

from annotated_types import Ge, Gt

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Audio, Dtmf, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.settings import Spoken
from voicegraph.testing.blocks import block_size
from voicegraph.testing.heard_sound import HeardSound
from voicegraph.testing.speech import PACE, murmur, utter
from voicegraph.transports.playout import Playout

KEYS = frozenset("0123456789*#ABCD")
KEY_EVERY = 0.1
"""Seconds from one key that is pressed to the next."""


@dataclass(eq=False)
class Act:
    """Something that the caller was told to do, and does when all before it is done.

    text: the words, or keys; empty for a cough. number: of the utterance, from 1, which is the origin of its sound; 0
    for keys. began, ended: loop time of the first sample and just behind the last; None before that.
    """

    text: str
    number: int
    sound: bytes = field(repr=False)
    line: SimulatedCall = field(repr=False)
    began: float | None = None
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """How long it takes in all."""
        return len(self.sound) / (2 * self.line.rate)

    @property
    def spoken(self) -> float:
        """Seconds of it so far."""
        return 0.0 if self.began is None else min(self.seconds, max(0.0, self.line.call.now() - self.began))

    async def begun(self) -> bool:
        """Waits until it has begun. False if the call ends before."""
        return await self._until(lambda: self.began is not None)

    async def done(self) -> bool:
        """Waits until it is done. False if the call ends before."""
        return await self._until(lambda: self.ended is not None)

    async def _until(self, happened: Callable[[], bool]) -> bool:
        while not happened():
            if not await self.line.tick():
                return happened()
        return True


@node("simulated.call", line=True)
class SimulatedCall:
    """A caller who is silent until a test tells them to speak, and a line whose playback is known to the sample.

    rate: of the caller's sound, in Hz. plays_at: of the agent's, by default the same. lead: how much audio is taken
    ahead of what is being heard. greeting: what the agent says first. report_every: how often playback is reported, as
    carriers do by marks. latency: of the way to the caller's ear, and again of the reports back.

    `session.nodes[plan.line].instance` is this object; the methods of a test's director are `say`, `cough`, `press`,
    `hang_up` and `tick`. acts: what the caller was told to do. over: there is no caller any more. transferred: to whom
    the caller was put through.
    """

    rate: int = 16_000
    plays_at: int | None = None
    lead: Duration = 0.2
    greeting: Spoken = ""
    report_every: Annotated[Duration, Gt(0)] = 0.02
    latency: Annotated[Duration, Ge(0)] = 0.0
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.acts: list[Act] = []
        self._heard = HeardSound(self.voice_rate)
        self.over = False
        self.transferred = ""
        self._open = False  # the call has begun, and not ended
        self._size = block_size(self.rate)
        self._utterances = 0
        self._to_say: deque[Act] = deque()
        self._to_press: deque[Act] = deque()
        self._next_key = -inf
        self._ticked = asyncio.Event()
        self._playout = Playout(self.voice_rate, self._hear)
        self._moved = asyncio.Event()  # what is heard when is no longer what it was going to be
        self._heard_so_far: dict[int, float] = {}  # seconds in all, by turn
        self._reported: dict[int, float] = {}  # the same when the last report was sent off
        self._told: dict[int, float] = {}  # and as the call knows it
        self._report_at = 0.0
        self._timer: asyncio.TimerHandle | None = None  # of the next report
        self._under_way: list[asyncio.TimerHandle] = []  # reports

    @property
    def voice_rate(self) -> int:
        """Of the agent's sound, in Hz."""
        return self.plays_at or self.rate

    @property
    def heard(self) -> HeardSound:
        """What the caller has heard by now, or in all once the call is over."""
        if self._open:
            self._remember()
        return self._heard

    # --- for the director of a test ----------------------------------------------------------------------------------

    def say(self, text: str, *, speed: float = 1.0) -> Act:
        """The caller says this: from the next 20 ms on, or when what they were told before is said."""
        self._utterances += 1
        sound = utter(text, rate=self.rate, origin=self._utterances, pace=PACE * speed).rstrip(b"\0")
        return self._act(self._to_say, text, self._utterances, sound)

    def cough(self, seconds: float) -> Act:
        """A sound of the caller's that a VAD takes for speech, and of which no transcriber makes a word."""
        self._utterances += 1
        sound = murmur(seconds, rate=self.rate, origin=self._utterances)
        return self._act(self._to_say, "", self._utterances, sound)

    def press(self, keys: str) -> Act:
        """The caller presses keys of their phone, one each tenth of a second. Raises ValueError for what is no key."""
        if unknown := set(keys) - KEYS:
            raise ValueError(f"a phone has no key {', '.join(sorted(unknown))}")
        return self._act(self._to_press, keys, 0, b"")

    def hang_up(self) -> None:
        """The caller is gone: the call ends, and nothing more is heard."""
        self._end()
        self.call.hang_up("the caller hung up")

    async def tick(self) -> bool:
        """Waits for the end of the next 20 ms of the caller's sound. False once the call is over."""
        if not self.over:
            await self._ticked.wait()
        return not self.over

    # --- the caller --------------------------------------------------------------------------------------------------

    async def listen(self) -> AsyncIterator[Annotated[Audio | Dtmf, Rate("rate")]]:
        """20 ms at a time, each when its last sample has been spoken; silence while the caller says nothing."""
        began = self.call.now()
        if self.greeting:
            self.call.say(self.greeting)
        try:
            for number in count():
                at = number * self._size / (2 * self.rate)
                act = self._to_say[0] if self._to_say else None
                frame = Audio(self._next_sound(act, began + at), rate=self.rate, at=at)
                await asyncio.sleep(began + at + frame.seconds - self.call.now())
                if self.over:
                    return
                if key := self._next_key_pressed():
                    yield Dtmf(key)
                yield frame
                self._finish(act, began + at + frame.seconds)
                self._tick()
        finally:
            self._end()

    def _next_sound(self, act: Act | None, now: float) -> bytes:
        """The next 20 ms, which begin now."""
        if act is None:
            return bytes(self._size)
        if act.began is None:
            act.began = now
        start = round((now - act.began) * self.rate) * 2
        return act.sound[start : start + self._size].ljust(self._size, b"\0")

    def _finish(self, act: Act | None, now: float) -> None:
        if act is not None and act.began is not None and now - act.began >= act.seconds - 0.5 / self.rate:
            act.ended = act.began + act.seconds
            self._to_say.popleft()

    def _next_key_pressed(self) -> str:
        """Empty if it is not time for one."""
        now = self.call.now()
        if not self._to_press or now < self._next_key:
            return ""
        act = self._to_press[0]
        if act.began is None:
            act.began = now
        position = round((now - act.began) / KEY_EVERY)
        if position >= len(act.text) - 1:
            act.ended = now
            self._to_press.popleft()
        self._next_key = now + KEY_EVERY
        return act.text[position : position + 1]

    def _act(self, queue: deque[Act], text: str, number: int, sound: bytes) -> Act:
        act = Act(text, number, sound, self)
        self.acts.append(act)
        queue.append(act)
        return act

    def _tick(self) -> None:
        ticked, self._ticked = self._ticked, asyncio.Event()
        ticked.set()

    def _end(self) -> None:
        self.over = True
        self._ticked.set()

    # --- the agent ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> SimulatedCall:
        self._open = True
        return self

    async def __aexit__(self, *_: Any) -> None:
        """The caller has heard what they have heard by now."""
        self._end()
        self._report_now(self._playout.pause(self._ear_time()))
        self._open = False

    async def play(self, audio: Annotated[TTSAudio, Rate("voice_rate")]) -> None:
        """Waits until there is room."""
        if audio.rate != self.voice_rate:
            raise ValueError(f"simulated.call plays {self.voice_rate} Hz, and was given {audio.rate} Hz")
        await self._until(self.lead)
        self._playout.add(audio, self._ear_time())
        self._plan_report()

    def clear(self) -> None:
        self._report_now(self._playout.clear(self._ear_time()))
        self._moved.set()

    def pause(self) -> None:
        self._report_now(self._playout.pause(self._ear_time()))
        self._moved.set()

    def resume(self) -> None:
        self._playout.resume(self._ear_time())
        self._plan_report()
        self._moved.set()

    async def transfer(self, to: str) -> None:
        """The caller is put through to somebody else."""
        self.transferred = to
        self._end()
        self.call.hang_up("the caller was put through")

    async def drain(self) -> None:
        await self._until(0.0)
        self._report_now(self._playout.advance(self._ear_time()))

    def _ear_time(self) -> float:
        """When what the line does now comes to the caller's ear."""
        return self.call.now() + self.latency

    async def _until(self, left: float) -> None:
        """Waits until no more than so many seconds are still to be heard, whenever that comes to be."""
        while (when := self._playout.room_at(left)) > self._ear_time():
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(when - self.latency if when < inf else None):
                    await self._moved.wait()

    def _hear(self, at: float, turn: int, pcm: bytes) -> None:
        """The caller has heard this."""
        reply = self.call.reply(turn)
        self._heard.hear(at, turn, pcm, void=reply.interrupted and not reply.kept)

    # --- reports of what was heard -----------------------------------------------------------------------------------

    def _report_now(self, heard: dict[int, float]) -> None:
        """Whoever stops the sound knows what was heard of it, and need not wait to be told."""
        self._heard_so_far.update(heard)
        for report in self._under_way:
            report.cancel()
        self._under_way.clear()
        self._reported = dict(self._heard_so_far)
        self._tell(self._reported)
        self._plan_report()

    def _plan_report(self) -> None:
        """The next comes when it is time, or earlier if all has been heard by then."""
        self._remember()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, end = self.call.now(), self._playout.end
        if self._reported != self._heard_so_far or self._ear_time() < end < inf:
            if self._report_at <= now:
                self._report_at = now + self.report_every
            when = max(now, min(self._report_at, end - self.latency))
            self._timer = asyncio.get_running_loop().call_at(when, self._report)

    def _report(self) -> None:
        self._timer = None
        self._remember()
        if self.call.now() >= self._report_at or self._playout.end <= self._ear_time():
            self._send()
        self._plan_report()

    def _send(self) -> None:
        """What has been heard by now. It is told when the sound has gone there and the report has come back."""
        self._reported = report = dict(self._heard_so_far)
        if not self.latency:
            self._tell(report)
            return
        loop = asyncio.get_running_loop()
        self._under_way = [each for each in self._under_way if each.when() > loop.time()]
        self._under_way.append(loop.call_later(2 * self.latency, self._tell, report))

    def _remember(self) -> None:
        """Keeps what has been heard for the next report."""
        self._heard_so_far.update(self._playout.advance(self._ear_time()))

    def _tell(self, report: dict[int, float]) -> None:
        for turn, seconds in report.items():
            if self._told.get(turn) != seconds:
                self._told[turn] = seconds
                self.call.played(turn, seconds)
