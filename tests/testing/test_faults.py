"""Faults on demand: what each does to the reply, and to none but those that were asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from tests.engine.calls import plan
from tests.testing.directed import Done, directed, passing
from voicegraph import Sentence, Token, Transcript, TTSAudio, UserTurn, node
from voicegraph.errors import CallFailed
from voicegraph.node import node_type
from voicegraph.testing import SimulatedCall
from voicegraph.testing.faults import ScriptedFault
from voicegraph.testing.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS

TEN = "one two three four five six seven eight nine ten"


@node("test.faults.asks")
class Asks:
    """A turn every ten seconds."""

    turns: int = 2

    async def ask(self) -> AsyncIterator[UserTurn]:
        import asyncio

        for number in range(self.turns):
            yield UserTurn(str(number))
            await asyncio.sleep(10.0)


@node("test.faults.sentence")
class OneSentence:
    """All of a turn at once."""

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        text = "".join([token.text async for token in tokens])
        if text:
            yield Sentence(text)


def call(llm: dict[str, Any] | None = None, tts: dict[str, Any] | None = None, turns: int = 2) -> Done:
    nodes = {"line": SimulatedCall, "asks": Asks, "llm": ScriptedLLM, "sentence": OneSentence, "tts": ScriptedTTS}
    config: dict[str, Any] = {
        "asks": {"turns": turns},
        "llm": {"says": [{"text": TEN}], **(llm or {})},
        "tts": {"rate": 16_000, **(tts or {})},
    }
    made = plan(nodes, "asks -> llm -> sentence -> tts -> line", config=config)
    return directed(made, lambda line, session: passing(line, 10.0 * turns))


def heard(done: Done) -> list[str]:
    """What was heard of each turn."""
    return [done.line.heard.text(reply.turn) for reply in done.session.replies()]


def faults(done: Done) -> list[tuple[str, type[BaseException]]]:
    return [(name, type(error)) for name, error in done.session.faults]


# --- a language model -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "after", "said", "raised"),
    [
        ("error", None, "", True),
        ("die", None, "one two three four five", True),
        ("die", 2, "one two", True),
        ("truncate", None, "one two three four five", False),
        ("truncate", 3, "one two three", False),
    ],
)
def test_a_language_model_that_fails(kind: str, after: int | None, said: str, raised: bool) -> None:
    done = call(llm={"faults": [{"kind": kind, "after": after}]})
    assert heard(done) == [said, TEN]
    assert faults(done) == ([("llm", ScriptedFault)] if raised else [])


@pytest.mark.parametrize(("kind", "tokens"), [("hang", 0), ("stall", 5)])
def test_a_language_model_that_stops_for_ever(kind: str, tokens: int) -> None:
    done = call(llm={"faults": [{"kind": kind}]}, turns=1)
    assert len(done.given("llm", Token)) == tokens
    assert not done.session.reply(1).ended


# --- a voice --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "seconds", "raised"), [("error", 0.0, True), ("silence", 0.0, False), ("die", 0.7, True)]
)
def test_a_voice_that_fails(kind: str, seconds: float, raised: bool) -> None:
    done = call(tts={"faults": [{"kind": kind, "after": "700ms"}]})
    assert done.line.heard.seconds(1) == pytest.approx(seconds)
    assert heard(done)[1] == TEN
    assert faults(done) == ([("tts", ScriptedFault)] if raised else [])


@pytest.mark.parametrize(("kind", "after", "share"), [("hang", None, 0.0), ("stall", None, 0.5), ("stall", "1s", None)])
def test_a_voice_that_stops_for_ever(kind: str, after: str | None, share: float | None) -> None:
    whole = call(turns=1).line.heard.seconds(1)
    done = call(tts={"faults": [{"kind": kind, "after": after}]}, turns=1)
    assert done.line.heard.seconds(1) == pytest.approx(1.0 if share is None else share * whole, abs=0.001)
    assert not done.session.reply(1).ended


# --- a transcriber --------------------------------------------------------------------------------------------------


@node("test.faults.sink")
def sink(frame: Transcript) -> None:
    """Where it ends."""


def transcripts(*faults: dict[str, Any]) -> list[Transcript]:
    async def ask(line: SimulatedCall, session: Any) -> None:
        for _ in range(2):
            await line.say("One two three four five six.").done()
            await passing(line, 2.0)

    nodes = {"line": SimulatedCall, "stt": ScriptedSTT, "sink": sink}
    made = plan(nodes, "line -> stt -> sink", config={"stt": {"faults": list(faults)}})
    return directed(made, ask).given("stt", Transcript)


def test_a_transcriber_that_hangs_writes_nothing_of_that_utterance() -> None:
    told = transcripts({"kind": "hang"})
    assert {each.start for each in told} == {told[-1].start}
    assert told[-1].text == "One two three four five six."


def test_a_transcriber_that_stalls_stops_in_the_middle_of_it() -> None:
    whole, stalled = transcripts(), transcripts({"kind": "stall", "after": "1s"})
    first = [each for each in stalled if each.start == stalled[0].start]
    assert 0 < len(first) < len([each for each in whole if each.start == whole[0].start])
    assert not any(each.final for each in first)
    assert stalled[-1].final


@pytest.mark.parametrize("kind", ["error", "die"])
def test_a_transcriber_that_raises_ends_the_call(kind: str) -> None:
    with pytest.raises(CallFailed, match="stt: ScriptedFault: a fault that the test asked for"):
        transcripts({"kind": kind})


# --- which requests -------------------------------------------------------------------------------------------------


def test_so_many_fail_once_so_many_have_gone_well() -> None:
    done = call(llm={"faults": [{"kind": "error", "skip": 1, "count": 2}, {"kind": "truncate", "after": 1}]}, turns=5)
    assert heard(done) == [TEN, "", "", "one", TEN]


def test_a_test_may_ask_for_a_fault_while_the_call_goes_on() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        session.nodes["tts"].instance.fail("silence")
        session.nodes["llm"].instance.fail("truncate", after=2, skip=1)
        await passing(line, 30.0)

    nodes = {"line": SimulatedCall, "asks": Asks, "llm": ScriptedLLM, "sentence": OneSentence, "tts": ScriptedTTS}
    config: dict[str, Any] = {"asks": {"turns": 3}, "llm": {"says": [{"text": TEN}]}, "tts": {"rate": 16_000}}
    made = plan(nodes, "asks -> llm -> sentence -> tts -> line", config=config)
    assert heard(directed(made, direct)) == ["", "one two", TEN]


def test_a_fault_that_a_node_cannot_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="`silence` is no fault of this node; it can have die, error, hang"):
        node_type(ScriptedLLM).configure({"faults": [{"kind": "silence"}]})
    with pytest.raises(ValidationError, match="`after` is a number of tokens here"):
        node_type(ScriptedLLM).configure({"faults": [{"kind": "die", "after": "300ms"}]})
    with pytest.raises(ValidationError, match="`after` is a duration, such as 300ms here"):
        node_type(ScriptedTTS).configure({"faults": [{"kind": "die", "after": 3}]})
    with pytest.raises(ValueError, match="`truncate` is no fault of this node"):
        ScriptedTTS().fail("truncate")


def test_what_was_given_before_a_fault_was_given_in_its_time() -> None:
    done = call(tts={"faults": [{"kind": "die", "after": "400ms"}], "pace": 0.5, "first": "100ms"}, turns=1)
    assert done.times("tts", TTSAudio)[-1] - done.times("llm", Token)[-1] == pytest.approx(0.1 + 0.2, abs=0.002)
