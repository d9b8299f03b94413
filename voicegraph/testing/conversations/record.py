"""What happens in a call, as it is seen from outside."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from voicegraph.call import SLACK, Reply
from voicegraph.durations import format_duration
from voicegraph.frames import (
    Audio,
    Error,
    Frame,
    Interrupt,
    Pause,
    Recovery,
    Resume,
    Sentence,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.observe.conversation import Answer
from voicegraph.testing.conversations.wording import has_phrase, words_of


@dataclass(slots=True)
class Event:
    """start, end: seconds in the call. who: the caller, the agent, or what it is about. text: for people."""

    start: float
    who: str
    text: str
    end: float | None = None


class Record:
    """An observer of one call. Times are seconds since it was made.

    counts: frames by giver and type. events: for people, but for what the agent says. answers: what was made of each
    reply. opened: when each reply was begun. begun, last_heard: when the caller first and last heard it, in the order
    of begun. seconds: of it heard in all. sounds: when the caller heard something, from and to, in order. asked: what
    the brain was given last. recoveries: what the engine did about failures, step by step.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, type[Frame]]] = Counter()
        self.events: list[Event] = []
        self.answers: dict[int, Answer] = {}
        self.opened: dict[int, float] = {}
        self.begun: dict[int, float] = {}
        self.last_heard: dict[int, float] = {}
        self.seconds: dict[int, float] = {}
        self.sounds: list[tuple[float, float]] = []
        self.asked: UserTurn | None = None
        self.recoveries: list[Recovery] = []
        self._said: Event | None = None  # by the caller, last
        self._pause: Event | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._handlers: dict[type[Frame], Callable[[str, Any], None]] = {
            Transcript: self._on_transcript,
            UserTurn: self._on_turn,
            Token: self._on_token,
            Sentence: self._on_sentence,
            TTSAudio: self._on_audio,
            ToolCall: self._on_tool_call,
            ToolResult: self._on_tool_result,
            Interrupt: self._on_interrupt,
            Pause: self._on_pause,
            Resume: self._on_resume,
            Error: self._on_error,
            Recovery: self._on_recovery,
        }

    def now(self) -> float:
        return self._clock() - self._began

    def since(self, loop_time: float) -> float:
        """A time of the loop's clock on this one."""
        return loop_time - self._began

    def note(self, who: str, text: str, *, start: float | None = None, end: float | None = None) -> Event:
        """Something happened: now, or then."""
        event = Event(self.now() if start is None else start, who, text, end)
        self.events.append(event)
        return event

    def caller_says(self, text: str, start: float, end: float) -> None:
        """The caller's words, which the transcriber may understand otherwise."""
        self._said = self.note("caller", text, start=start, end=end)

    def count(self, frame_type: type[Frame], node: str | None = None) -> int:
        """Frames of a type so far, of one node or of all."""
        return sum(
            number for (giver, kind), number in self.counts.items() if kind is frame_type and node in (None, giver)
        )

    def text(self, reply: Reply) -> str:
        """All that was made of a reply, be it spoken or not."""
        made = self.answers.get(reply.turn)
        return "".join(made.split(reply)) if made else reply.said

    # --- waiting -----------------------------------------------------------------------------------------------------

    async def change(self, until: float) -> None:
        """Waits for the next thing that happens, until this time at most."""
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        alarm = loop.call_at(self._began + until, self.wake) if isfinite(until) else None
        try:
            await self._waiting
        finally:
            self._waiting = None
            if alarm is not None:
                alarm.cancel()

    def wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # --- what a session tells its observers --------------------------------------------------------------------------

    def given(self, node: str, frame: Frame) -> None:
        kind = type(frame)
        self.counts[node, kind] += 1
        handle = self._handlers.get(kind)
        if handle is not None:
            handle(node, frame)
        if kind is not Audio or self.counts[node, kind] == 1:  # nobody waits for every 20 ms
            self.wake()

    def played(self, turn: int, seconds: float) -> None:
        if seconds > self.seconds.get(turn, 0.0):
            now = self.now()
            self.begun.setdefault(turn, max(now - seconds, self.opened.get(turn, 0.0)))
            self._hear(now - seconds + self.seconds.get(turn, 0.0), now)
            self.seconds[turn], self.last_heard[turn] = seconds, now
            self.wake()

    def _hear(self, start: float, end: float) -> None:
        if self.sounds and start - self.sounds[-1][1] < SLACK:
            start = self.sounds.pop()[0]
        self.sounds.append((start, end))

    def _on_transcript(self, node: str, transcript: Transcript) -> None:
        if transcript.final and not (self._said and has_phrase(words_of(self._said.text), words_of(transcript.text))):
            self.note(node, f'understood "{transcript.text}"')

    def _on_turn(self, node: str, turn: UserTurn) -> None:
        self.asked = turn
        self._answer(turn)
        self.note("turn", turn.text + (" (speculative)" if turn.speculative else ""))

    def _on_token(self, node: str, token: Token) -> None:
        self._answer(token).tokens += token.text

    def _on_sentence(self, node: str, sentence: Sentence) -> None:
        self._answer(sentence).sentences.append(sentence.text)

    def _on_audio(self, node: str, audio: TTSAudio) -> None:
        self._answer(audio)

    def _answer(self, frame: Frame) -> Answer:
        if frame.turn not in self.answers:
            self.opened[frame.turn] = self.now()
            self.answers[frame.turn] = Answer(self.now(), frame.turn)
        return self.answers[frame.turn]

    def _on_tool_call(self, node: str, call: ToolCall) -> None:
        self.note("tool", f"{call.name}({call.arguments})")

    def _on_tool_result(self, node: str, result: ToolResult) -> None:
        self.note("tool", ("failed: " if result.failed else "gave ") + result.content)

    def _on_interrupt(self, node: str, interrupt: Interrupt) -> None:
        self._on_resume(node)
        self.note("interrupt", interrupt.reason)

    def _on_pause(self, node: str, pause: Pause) -> None:
        self._pause = self._pause or self.note("pause", "")

    def _on_resume(self, node: str, resume: Resume | None = None) -> None:
        if self._pause is not None:
            self._pause.end, self._pause = self.now(), None

    def _on_error(self, node: str, error: Error) -> None:
        self.note("fault", f"{error.node}: {error.message}")

    def _on_recovery(self, node: str, step: Recovery) -> None:
        self.recoveries.append(step)
        why = f" ({step.why})" if step.why else ""
        self.note("recovery", f"{told(step)}{why}")


def told(step: Recovery) -> str:
    """A step of a recovery, for people."""
    silence = f" after {format_duration(round(step.silence, 3))} of silence" if step.silence else ""
    to = f" {step.to}" if step.to and step.to != step.node else ""
    return f"{step.node}: {step.step.replace('_', ' ')}{to}{silence}"
