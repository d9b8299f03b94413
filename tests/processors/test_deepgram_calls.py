"""The Deepgram nodes in whole calls: on the engine, with an aggregator behind them and a VAD beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.engine.calls import Log, TestLine, plan
from voicegraph.call import Call, this_call
from voicegraph.emulators.faults import After, AnyFault, Drop, Faults, Status
from voicegraph.emulators.listening import Utterance
from voicegraph.emulators.scripted import Latencies, Script, scripted
from voicegraph.emulators.server import Emulators
from voicegraph.engine.session import Session, warm
from voicegraph.errors import ProviderError
from voicegraph.frames import Audio, Commit, EndOfTurn, Interrupt, SpeechStarted, SpeechStopped, Transcript, UserTurn
from voicegraph.node import node
from voicegraph.processors.aggregator import Aggregator
from voicegraph.processors.deepgram_flux import DeepgramFlux
from voicegraph.processors.deepgram_stt import DeepgramSTT
from voicegraph.processors.echo import Echo
from voicegraph.processors.sentences import Sentences
from voicegraph.processors.tone import Tone
from voicegraph.testing.speech import utter

RATE = 16_000
HELLO = "hello there my friend"
AT_ONCE = Script(latency=Latencies(transcript=0.0))
Happened = Callable[[], object]


@node("test.caller", line=True, live=True)
class Caller(TestLine):
    """Says a text, and is then silent until something has happened. The VAD is theirs, if they have one."""

    say: str = ""
    vad: bool = False
    log: Any = None
    until: Any = None
    call: Call = this_call()

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript]:
        speech = utter(self.say, rate=RATE, origin=1)
        at = len(speech) / (2 * RATE)
        for begin in range(0, len(speech), 640):
            yield Audio(speech[begin : begin + 640], at=begin / (2 * RATE))
        if self.vad:
            yield SpeechStopped(at, at)
        while not self.until():
            yield Audio(bytes(640), at=at)
            at += 0.02
            await asyncio.sleep(0)


def call(
    stt: type[Any],
    config: dict[str, Any],
    aggregator: dict[str, Any],
    until: Callable[[Log], object],
    *faults: AnyFault,
    script: Script = AT_ONCE,
    **caller: Any,
) -> tuple[Session, Log]:
    """One call to its end."""
    log = Log()

    async def go() -> Session:
        async with (
            asyncio.timeout(5),
            Emulators(["deepgram"], backend=scripted(script), faults=Faults(faults)) as there,
        ):
            with pytest.MonkeyPatch.context() as patch:
                for name, value in there.environment.items():
                    patch.setenv(name, value)
                made = plan(
                    {"line": Caller, "stt": stt, "aggregator": Aggregator, "llm": Echo, "cut": Sentences, "tts": Tone},
                    "line -> stt -> aggregator -> llm -> cut -> tts -> line",
                    config={
                        "line": {**caller, "until": lambda: until(log)},
                        "stt": config,
                        "aggregator": aggregator,
                    },
                )
                await warm(made)
                session = Session(made, seed=1, observers=(log,))
                await session.run()
                return session

    return asyncio.run(go()), log


STT_ENDS = {"end_of_turn": {"by": "stt"}}


def test_flux_ends_the_callers_turn() -> None:
    session, log = call(DeepgramFlux, {}, STT_ENDS, lambda log: log.of(UserTurn), say=HELLO)
    assert [turn.text for turn in log.of(UserTurn)] == [HELLO]
    assert not session.faults


HESITANT = Script(
    hears=(Utterance(text="I would like", at=0.5, until=1.5, done=0.5), Utterance(text="pizza", at=3.0, until=4.0)),
    latency=Latencies(transcript=0.0),
)


def test_flux_lets_the_answer_begin_early_and_takes_it_back() -> None:
    settings = {**STT_ENDS, "speculate": True}
    eager = {"eager_eot_threshold": 0.4}
    session, log = call(DeepgramFlux, eager, settings, lambda log: log.of(Commit), script=HESITANT)
    turns = [(turn.text, turn.speculative) for turn in log.of(UserTurn)]
    assert turns == [("I would like", True), ("I would like pizza", True)]
    assert len(log.of(Interrupt)) == 1
    assert len(log.of(Commit)) == 1
    assert not session.faults


@pytest.mark.parametrize("kind", [DeepgramSTT, DeepgramFlux])
def test_a_drop_changes_nothing_for_the_caller(kind: type[Any]) -> None:
    _, log = call(kind, {}, STT_ENDS, lambda log: log.of(UserTurn), Drop(after=After(words=2)), say=HELLO)
    assert [turn.text for turn in log.of(UserTurn)] == [HELLO]


def test_nova_ends_it_too() -> None:
    _, log = call(DeepgramSTT, {}, STT_ENDS, lambda log: log.of(UserTurn), say=HELLO)
    assert [turn.text for turn in log.of(UserTurn)] == [HELLO]


def test_a_vad_beside_it_makes_the_transcript_final() -> None:
    never = {"endpointing": 5000, "utterance_end_ms": None}
    _, log = call(DeepgramSTT, never, {}, lambda log: log.of(UserTurn), say=HELLO, vad=True)
    assert [turn.text for turn in log.of(UserTurn)] == [HELLO]
    assert not log.of(EndOfTurn)


@pytest.mark.parametrize("kind", [DeepgramSTT, DeepgramFlux])
def test_a_wrong_key_is_the_nodes_fault(kind: type[Any]) -> None:
    with pytest.raises(ProviderError, match="Deepgram: does not accept the key"):
        call(kind, {}, {}, lambda log: False, Status(status=401), say=HELLO)
