"""Calls in which a script says what is noticed of the caller, for the tests of the aggregator. On virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.engine.calls import Log, plan
from voicegraph import (
    Audio,
    Call,
    Dtmf,
    Frame,
    Interrupt,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.engine.session import Session
from voicegraph.graph.plan import Plan
from voicegraph.processors.aggregator import Aggregator, Heard
from voicegraph.testing.virtual import run_virtual
from voicegraph.transports.playout import Playout

RATE = 16_000


@node("talk.line", line=True, live=False)
class Line:
    """A caller to whom things happen as in `script`: frames, with pauses between in seconds.

    What is heard is known to 5 ms: `sounds` are the stretches of it, as turn, start and end.
    """

    script: list[Any]
    greeting: str = ""
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.sounds: list[tuple[int, float, float]] = []
        self.events: list[str] = []
        self._playout = Playout(RATE, self._hear)

    async def listen(self) -> AsyncIterator[Audio | Heard | Dtmf]:
        if self.greeting:
            self.call.say(self.greeting)
        for step in self.script:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step

    async def play(self, audio: TTSAudio) -> None:
        self._playout.add(audio, self.call.now())
        await self.drain()

    def clear(self) -> None:
        self.events.append("clear")
        self._report(self._playout.clear(self.call.now()))

    def pause(self) -> None:
        self.events.append("pause")
        self._report(self._playout.pause(self.call.now()))

    def resume(self) -> None:
        self.events.append("resume")
        self._playout.resume(self.call.now())

    async def drain(self) -> None:
        while (end := self._playout.end) > (now := self.call.now()):
            await asyncio.sleep(min(0.005, end - now))
            self._report(self._playout.advance(self.call.now()))

    def _report(self, heard: Mapping[int, float]) -> None:
        for turn, seconds in heard.items():
            self.call.played(turn, seconds)

    def _hear(self, at: float, turn: int, pcm: bytes) -> None:
        end = at + len(pcm) / (2 * RATE)
        last = self.sounds[-1] if self.sounds else None
        if last is not None and last[0] == turn and abs(last[2] - at) < 1 / RATE:
            self.sounds[-1] = (turn, last[1], end)
        else:
            self.sounds.append((turn, at, end))


@node("talk.answer")
class Answer:
    """So many words for each turn."""

    words: int = 10

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        yield Sentence(" ".join(f"word{index}" for index in range(self.words)))


@node("talk.halting")
class Halting:
    """A sentence, and after a while another; none if there is nothing in it."""

    first: str = "One two."
    wait: float = 5.0
    then: str = "Three."

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        yield Sentence(self.first)
        await asyncio.sleep(self.wait)
        if self.then:
            yield Sentence(self.then)


@node("talk.voice")
class Voice:
    """So many seconds for each word, in frames of a word."""

    pace: float = 0.1

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[TTSAudio]:
        for word in sentence.text.split():
            yield TTSAudio(bytes(2 * round(RATE * self.pace)), text=word)


@node("talk.key")
def interrupts(key: Dtmf) -> Interrupt:
    """A key interrupts."""
    return Interrupt(reason=key.digit)


def started(spoken: float = 0.0, at: float = 1.0) -> SpeechStarted:
    return SpeechStarted(at=at, noticed=at + spoken)


def stopped(silence: float = 0.0, at: float = 1.0) -> SpeechStopped:
    return SpeechStopped(at=at, noticed=at + silence)


def said(text: str, start: float | None = 0.0, *, final: bool = True) -> Transcript:
    return Transcript(text, final=final, start=start)


def guessed(text: str, start: float | None = 5.0) -> Transcript:
    return Transcript(text, final=False, start=start)


def speaking(seconds: float = 0.45) -> list[Any]:
    """The caller has asked something, and the agent has been speaking for so long."""
    return [started(), 1.0, stopped(), said("hello"), 0.5 + seconds]


@dataclass
class Talk:
    """A call that is over. ended: when, as loop time."""

    session: Session
    log: Log
    ended: float

    @property
    def line(self) -> Line:
        line: Line = self.session.nodes["line"].instance
        return line

    @property
    def decisions(self) -> list[tuple[str, float]]:
        """What the aggregator gave, and when: turns by their words, with a ? while they are speculative."""
        told = zip(self.log.frames, self.log.times, strict=True)
        return [(_word(frame), time) for (name, frame), time in told if name == "aggregator"]

    @property
    def kinds(self) -> list[str]:
        return [word for word, _ in self.decisions]

    @property
    def turns(self) -> list[UserTurn]:
        return self.log.of(UserTurn)

    def when(self, decision: str) -> float:
        """Loop time of the first decision that reads so."""
        return next(time for word, time in self.decisions if word == decision)

    def time_of(self, frame: Frame) -> float:
        told = zip(self.log.frames, self.log.times, strict=True)
        return next(time for (_, given), time in told if given is frame)

    def message(self, turn: int, index: int) -> str:
        """What a message in the history of a turn says; turns are counted from 0."""
        return self.turns[turn].messages[index].content

    def wait(self, before: type[Frame], decision: str) -> float:
        """Seconds from the last frame of a type to the first decision that reads so."""
        return self.when(decision) - self.time_of(self.log.of(before)[-1])


def _word(frame: Frame) -> str:
    return f"{frame.text}{'?' * frame.speculative}" if isinstance(frame, UserTurn) else type(frame).__name__


def talk(
    *script: Any,
    llm: Any = Answer,
    brain: dict[str, Any] | None = None,
    pace: float = 0.1,
    greeting: str = "",
    **config: Any,
) -> Talk:
    """A call with this script. llm, brain: who answers, and its settings. config: the aggregator's."""
    nodes = {"line": Line, "aggregator": Aggregator, "llm": llm, "tts": Voice, "key": interrupts}
    line = {"script": list(script), "greeting": greeting}
    return held(
        plan(
            nodes,
            "line -> aggregator -> llm -> tts -> line",
            "line -> key",
            config={"line": line, "aggregator": config, "llm": brain or {}, "tts": {"pace": pace}},
        )
    )


def held(made: Plan) -> Talk:
    """The same for any plan."""

    async def hold() -> Talk:
        log = Log()
        session = Session(made, seed=1, observers=(log,))
        async with asyncio.timeout(600):
            await session.run()
        return Talk(session, log, asyncio.get_running_loop().time())

    return run_virtual(hold())


def silences(heard: Talk, turn: int) -> Iterator[float]:
    """Seconds of each silence inside what was heard of a turn."""
    of_turn = [(start, end) for each, start, end in heard.line.sounds if each == turn]
    for (_, end), (start, _) in itertools.pairwise(of_turn):
        yield start - end
