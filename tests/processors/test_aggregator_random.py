"""The aggregator under random events: no pause is left in force, no word is lost or answered twice, nothing raises.

Nor is an answer taken back for a sound where that takes words, or a caller asked who is not idle.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import force_setattr

from voicegraph import (
    Call,
    Commit,
    Dtmf,
    EndOfTurn,
    Frame,
    Interrupt,
    Pause,
    Reply,
    Resume,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    UserTurn,
)
from voicegraph.call import give_call
from voicegraph.node import node_type
from voicegraph.processors.aggregator import Aggregator, Heard
from voicegraph.testing.virtual import run_virtual
from voicegraph.turn_taking.barge_in import LONGEST
from voicegraph.turn_taking.idle import GOODBYES

SLACK = 1e-6


@dataclass
class Entry:
    """A reply: it is heard from `begins` on, for so many seconds, and has a word each half a second."""

    begins: float
    seconds: float
    held: bool = False
    heard: float = 0.0
    interrupted: bool = False

    @property
    def over(self) -> bool:
        return self.interrupted or self.heard >= self.seconds


class FakeCall:
    """A call whose replies are heard as time goes by, and which checks all that is decided.

    stirred: when the caller last did anything. words_at: and said a word, be it guessed. asked: what they were asked
    since they did. over: the agent hung up.
    """

    def __init__(self, aggregator: Aggregator, *, pausable: bool) -> None:
        self.line = SimpleNamespace(pause=None) if pausable else SimpleNamespace()
        self.entries: list[Entry] = []
        self.turns: list[UserTurn] = []  # those that stand
        self.paused_at: float | None = None
        self.stirred = self.words_at = 0.0
        self.caller_speaks = False
        self.asked: list[str] = []
        self.over = False
        self.config = aggregator
        self._given_at = 0.0
        self._quiet_since = 0.0
        self._parting = False
        self._now = 0.0

    # what the aggregator asks

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def reply(self, turn: int) -> Reply:
        self._play()
        entry = self.entries[turn - 1]
        words = " ".join(["word"] * int(entry.heard / 0.5))
        return Reply(turn, heard=words, seconds=entry.seconds, heard_seconds=entry.heard, ended=True,
                     interrupted=entry.interrupted)  # fmt: skip

    def replies(self) -> list[Reply]:
        return [self.reply(turn + 1) for turn in range(len(self.entries))]

    def speaking(self) -> bool:
        self._play()
        return any(not entry.over for entry in self.entries)

    def say(self, text: str) -> None:
        """Of the aggregator: to a caller who is idle."""
        idle = self.config.idle
        assert idle, "nobody is to be asked"
        assert not self.speaking(), "the agent speaks"
        assert not self.caller_speaks, "the caller speaks"
        assert self.now() - max(self.stirred, self._quiet_since) >= idle.after - SLACK, "the caller had no time"
        self.asked.append(text)
        assert self.asked == [*[idle.say] * idle.times, *[idle.goodbye] * GOODBYES][: len(self.asked)]
        self.entries.append(Entry(self.now(), 2.0))

    def hang_up(self, reason: str, *, after_speaking: bool) -> None:
        assert self.config.idle
        assert len(self.asked) > self.config.idle.times, "the caller was not told"
        self._parting = after_speaking
        self._play()

    # what happens to it

    def someone_says(self) -> None:
        """Not the aggregator."""
        self._play()
        self.entries.append(Entry(self.now(), 2.0))

    def interrupt(self) -> None:
        self._play()
        self._parting = False
        for entry in self.entries:
            entry.interrupted = not entry.over or entry.interrupted
        self.paused_at = None

    def take(self, decision: Frame) -> None:
        """Carries out what the aggregator decides, if it may decide that."""
        self._play()
        match decision:
            case UserTurn():
                assert self.paused_at is None, "a turn into a pause"
                self._given_at = self.now()
                self.entries.append(Entry(self.now() + 0.3, 4.0, held=decision.speculative))
                force_setattr(decision, "turn", len(self.entries))
                self.turns.append(decision)
            case Commit():
                entry = self.entries[self.turns[-1].turn - 1]
                assert entry.held, "a commit of what is not held"
                assert not entry.interrupted, "a commit of what was given up"
                entry.held = False
            case Interrupt():
                assert self.speaking(), "an interrupt of nothing"
                if decision.reason == "the caller went on":
                    sound = self.config.interrupt.min_words == 0 and not self.config.interrupt.ignore
                    assert sound or self.words_at >= self._given_at, "taken back for a mere sound"
                    assert not self.reply(self.turns.pop().turn).heard, "taken back after a word of it"
                self.interrupt()
            case Pause():
                assert self.paused_at is None, "paused twice"
                assert any(not (entry.over or entry.held) for entry in self.entries), "nothing to pause"
                self.paused_at = self.now()
            case Resume():
                assert self.paused_at is not None, "resumed what was not paused"
                assert self.now() - self.paused_at <= LONGEST + SLACK, "dead air"
                self.paused_at = None
            case _:
                raise AssertionError(decision)

    def _play(self) -> None:
        """Time has passed: replies are heard one after another."""
        now = self.now()
        at, self._now = self._now, now
        live = [entry for entry in self.entries if not entry.over]
        self._listen(at, now)
        if live:
            self._quiet_since = now
        if self._parting and all(entry.over for entry in self.entries):
            self.over = True

    def _listen(self, at: float, now: float) -> None:
        for entry in self.entries:
            if entry.over:
                continue
            if entry.held or self.paused_at is not None:
                return
            at = max(at, entry.begins)
            step = min(entry.seconds - entry.heard, max(0.0, now - at))
            entry.heard += step
            at += step
            if not entry.over:
                return


class Frames:
    """A stream of frames whose reading can be given up and taken up again, as the engine's."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Heard | None] = asyncio.Queue()

    def __aiter__(self) -> Frames:
        return self

    async def __anext__(self) -> Heard:
        frame = await self.queue.get()
        if frame is None:
            raise StopAsyncIteration
        return frame


@dataclass
class Caller:
    """Makes frames of the names of events; each word that is said is another, but for the "okay"s."""

    call: FakeCall
    said: list[str] = field(default_factory=list[str])
    utterance: int = 0
    last: list[str] = field(default_factory=list[str])

    def do(self, event: str) -> Heard | None:
        at = self.call.now()
        match event.split():
            case ["started", passed]:
                self.call.caller_speaks, self.call.stirred = True, at
                return SpeechStarted(max(0.0, at - float(passed)), noticed=at)
            case ["stopped", passed]:
                self.call.caller_speaks = False
                return SpeechStopped(max(0.0, at - float(passed)), noticed=at)
            case ["judged", probability, ago]:
                self.call.caller_speaks &= not self.call.config.end_of_turn.at_once  # else it is the end of that
                return EndOfTurn(max(0.0, at - float(ago)), float(probability))
            case ["guess", count]:
                self.call.stirred = self.call.words_at = at
                words = [f"guess{number}" for number in range(int(count))]
                return Transcript(" ".join(words), final=False, start=self.utterance + 1.0)
            case ["final", count]:
                self.utterance += 1
                self.last = []
                return self._final(int(count))
            case ["more", count]:
                return self._final(int(count))
            case ["okay"]:
                self._speak()
                return Transcript("Okay.", start=None)
            case ["key"]:
                self._speak()
                return Dtmf("1")
            case ["say"]:
                self.call.someone_says()
            case _:
                self.call.interrupt()
        return None

    def _speak(self) -> None:
        """The caller is surely there."""
        self.call.stirred = self.call.words_at = self.call.now()
        self.call.asked.clear()

    def _final(self, count: int) -> Transcript:
        if count:
            self._speak()
        new = [f"word{len(self.said) + number}" for number in range(count)]
        self.said += new
        self.last = [*self.last, *new]
        return Transcript(" ".join(self.last), start=float(self.utterance))


async def hold(config: dict[str, Any], script: list[tuple[float, str]], pausable: bool) -> tuple[FakeCall, Caller]:
    """A call with these events. pausable: its line can fall silent."""
    aggregator = node_type(Aggregator).configure(config)
    call, frames = FakeCall(aggregator, pausable=pausable), Frames()
    caller = Caller(call)
    give_call(aggregator, cast(Call, call))

    async def happen() -> None:
        for step in spread(script):
            if not isinstance(step, str):
                await asyncio.sleep(step)
                call.speaking()  # the ledger keeps up
                if call.over:
                    break
            elif (frame := caller.do(step)) is not None:
                frames.queue.put_nowait(frame)
        frames.queue.put_nowait(None)

    async def decide() -> None:
        async for decision in aggregator.listen(frames):
            call.take(decision)

    work: list[Awaitable[None]] = [happen(), decide()]
    await asyncio.gather(*work)
    return call, caller


EVENTS = """
    started 0, started 0.1, started 0.3, stopped 0, stopped 0.1, guess 1, guess 2, final 0, final 1, final 3, more 0,
    more 1, okay, judged 1 0, judged 1 0.2, judged 0.1 0.2, judged 1 2, say, interrupt, key,
    started 0.1; 0.8; guess 1; 0.4; stopped 0.1; 0.2; final 3, started 0.1; 0.1; stopped 0.1; 0.2; final 1,
    started 0.1; 1; stopped 0.1; 0.1; judged 1 0.2; final 2, started 0.1; 0.1; stopped 0.1, guess 1; 0.3; final 2,
    started 0.1; 0.2; stopped 0.1; 0.1; okay, guess 1; 0.3; guess 2; 0.3; final 3; 0.2; judged 1 0.2
""".strip().split(",")
"""What may happen, alone or in a row with so many seconds between."""
PAUSES = st.sampled_from([0.0, 0.02, 0.1, 0.2, 0.31, 0.5, 0.7, 1.0, 2.2, 5.0])
SCRIPTS = st.lists(st.tuples(PAUSES, st.sampled_from(EVENTS)), min_size=1, max_size=20)


def spread(script: list[tuple[float, str]]) -> Iterator[float | str]:
    """Events, with pauses between."""
    for pause, events in script:
        yield pause
        for event in events.split(";"):
            if event.strip()[0].isdigit():
                yield float(event)
            else:
                yield event


IDLE = [None, {"after": "400.7ms", "times": 1}, {"after": "2000.7ms"}, {"after": "1000.7ms", "times": 0}]
"""Times at which nothing else happens: which of two things of the same moment comes first does not matter."""
CONFIGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "end_silence": st.sampled_from(["0s", "100ms", "500ms"]),
        "end_of_turn": st.sampled_from(["silence", "model", "stt", {"by": "model", "at_most": "1s"}]),
        "speculate": st.booleans(),
        "interrupt": st.fixed_dictionaries(
            {
                "after_speech": st.sampled_from(["0s", "250ms", "1s", "3s"]),
                "min_words": st.integers(0, 2),
                "ignore": st.sampled_from([[], ["okay"]]),
                "pause_first": st.booleans(),
            }
        ),
        "history": st.integers(0, 3),
        "idle": st.sampled_from(IDLE),
    }
)


@settings(max_examples=400, deadline=None)
@given(CONFIGS, SCRIPTS, st.booleans())
def test_whatever_happens(config: dict[str, Any], script: list[tuple[float, str]], pausable: bool) -> None:
    call, caller = run_virtual(hold(config, script, pausable))
    assert call.paused_at is None, "a pause is left in force"
    assert not any(entry.held and not entry.interrupted for entry in call.entries), "a turn is left held"
    answered = Counter(word for turn in call.turns for word in turn.text.split() if word.startswith("word"))
    assert answered == Counter(caller.said)
