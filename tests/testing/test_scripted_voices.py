"""Scripted nodes that speak: the language model, the voice, the converter. And how long they take."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from tests.engine.calls import plan
from tests.testing.directed import Done, directed, passing
from voicegraph import Audio, Interrupt, Sentence, Token, ToolCall, ToolResult, TTSAudio, UserTurn, node
from voicegraph.frames import Frame
from voicegraph.node import node_type
from voicegraph.testing import SimulatedCall, hear, run_node, utter
from voicegraph.testing.latency import Spread, draw
from voicegraph.testing.scripted import ScriptedLLM, ScriptedResample, ScriptedTTS
from voicegraph.testing.speech import Block, Ear

LONG = "We are open from nine to five, and on Saturdays until noon."


def of(frame_type: type[Frame], frames: list[Frame]) -> list[Any]:
    return [frame for frame in frames if isinstance(frame, frame_type)]


# --- the language model ---------------------------------------------------------------------------------------------


@node("test.scripted.boss")
class Boss:
    """Gives turns, and interrupts, at the times of a schedule."""

    schedule: list[Any]

    async def turns(self) -> AsyncIterator[UserTurn | Interrupt]:
        for step in self.schedule:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield UserTurn(step) if step else Interrupt()


@node("test.scripted.ears")
def ears(token: Token) -> Sentence:
    """A sentence a token."""
    return Sentence(token.text)


def answers(schedule: list[Any], tts: dict[str, Any] | None = None, **settings: Any) -> Done:
    """What a scripted model says to these turns; an empty one is an interrupt."""
    nodes = {"line": SimulatedCall, "boss": Boss, "llm": ScriptedLLM, "ears": ears, "tts": ScriptedTTS}
    config = {"boss": {"schedule": schedule}, "llm": settings, "tts": {"rate": 16_000, **(tts or {})}}
    made = plan(nodes, "boss -> llm -> ears -> tts -> line", config=config)
    return directed(made, lambda line, session: passing(line, 30.0))


def texts(done: Done) -> list[str]:
    return [reply.said for reply in done.session.replies()]


def test_the_first_unused_line_whose_cue_fits_is_said() -> None:
    says = [
        {"cue": "on Sundays?", "text": "Closed on Sundays."},
        {"cue": "open", "text": "From nine."},
        {"cue": "OPEN!", "text": "Still from nine."},
        {"text": "Pardon?"},
    ]
    turns = ["when do you open?", "When do you open", "and open", "And on sundays", "Bye.", "Bye."]
    assert texts(answers([step for turn in turns for step in (turn, 4.0)], says=says)) == [
        "From nine.",
        "Still from nine.",
        "Pardon?",
        "Closed on Sundays.",
        "Pardon?",
        "Pardon?",
    ]


def test_a_turn_that_no_line_fits_gets_the_other_answer() -> None:
    says = [{"cue": "open", "text": "From nine."}]
    assert texts(answers(["Hello?"], says=says, otherwise="What?")) == ["What?"]
    twice = [{"cue": "open", "text": "From nine."}, {"cue": "open", "text": "I said so."}]
    assert texts(answers(["open?", 4.0, "open?", 4.0, "open?"], says=twice)) == [
        "From nine.",
        "I said so.",
        "I said so.",
    ]
    assert texts(answers(["open?", 5.0, "open?"], says=says)) == ["From nine.", "From nine."]


def test_a_line_taken_back_unheard_is_unused_again() -> None:
    says = [{"text": "First answer."}, {"text": "Second answer."}]
    unheard = answers(["I want", 0.1, "", "I want one."], says=says)
    assert unheard.session.reply(2).heard == "First answer."
    heard = answers(["I want", 1.0, "", "Another one."], says=says)
    assert heard.session.reply(1).heard_seconds > 0
    assert heard.session.reply(2).heard == "Second answer."


def test_tokens_are_words_and_come_in_their_time() -> None:
    done = answers(["Go"], says=[{"text": "One two, three."}], first="300ms", between="50ms")
    assert [token.text for token in done.given("llm", Token)] == ["One", " two,", " three."]
    assert done.times("llm", Token) == [0.3, 0.35, 0.4]


def test_an_entry_may_ask_for_a_tool_and_say_what_it_gave() -> None:
    line = {"text": "Let me see.", "tool": {"name": "book", "arguments": {"day": "Monday"}, "then": "Done: {result}"}}
    asked = run_node(ScriptedLLM, UserTurn("Book it."), ToolResult("call-1", "at nine"), with_={"says": [line]})
    (call,) = of(ToolCall, asked)
    assert (call.id, call.name, call.arguments) == ("call-1", "book", '{"day":"Monday"}')
    assert "".join(token.text for token in of(Token, asked)) == "Let me see. Done: at nine"


# --- the voice ------------------------------------------------------------------------------------------------------


def spoken(text: str, **settings: Any) -> tuple[Done, list[TTSAudio]]:
    """A text as one sentence, and the chunks of its sound."""
    nodes = {"line": SimulatedCall, "boss": Boss, "llm": ScriptedLLM, "whole": Whole, "tts": ScriptedTTS}
    config: dict[str, Any] = {
        "boss": {"schedule": ["go"]},
        "llm": {"says": [{"text": text}], "first": "0ms", "between": "0ms"},
        "tts": {"rate": 16_000, **settings},
    }
    made = plan(nodes, "boss -> llm -> whole -> tts -> line", config=config)
    done = directed(made, lambda line, session: passing(line, 20.0))
    return done, done.given("tts", TTSAudio)


@node("test.scripted.whole")
class Whole:
    """One sentence a turn."""

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        yield Sentence("".join([token.text async for token in tokens]))


def test_the_voice_says_its_text_in_the_name_of_its_turn() -> None:
    done, chunks = spoken(LONG)
    heard = hear(b"".join(chunk.pcm for chunk in chunks), 16_000)
    assert " ".join(word.text for word in heard) == LONG
    assert {word.origin for word in heard} == {1}
    assert done.line.heard.text(1) == done.session.reply(1).heard == LONG
    assert done.line.heard.stale() == []


def test_an_aligned_voice_gives_each_word_with_its_sound_and_another_the_text_first() -> None:
    _, aligned = spoken(LONG)
    assert [chunk.text for chunk in aligned if chunk.text] == LONG.split()
    for chunk in (chunk for chunk in aligned if chunk.text):
        start = aligned.index(chunk)
        sound = chunk.pcm
        for following in aligned[start + 1 :]:
            if following.text:
                break
            sound += following.pcm
        assert [word.text for word in hear(sound, 16_000)] == [chunk.text]
    _, plain = spoken(LONG, aligned=False)
    assert [chunk.text for chunk in plain if chunk.text] == [LONG] == [plain[0].text]
    assert all(chunk.seconds <= 0.08 for chunk in (*aligned, *plain))


def test_it_takes_as_long_as_it_is_told_to() -> None:
    done, chunks = spoken("One two three four five six seven.", first="200ms", pace=0.5, chunk="100ms")
    seconds = sum(chunk.seconds for chunk in chunks)
    times = done.times("tts", TTSAudio)
    assert times[0] == pytest.approx(0.2 + 0.5 * chunks[0].seconds, abs=0.002)
    assert times[-1] == pytest.approx(0.2 + 0.5 * seconds, abs=0.002)


def test_the_sentences_of_a_turn_are_one_utterance() -> None:
    done = answers(["Go"], says=[{"text": "One two three."}])
    ear_numbers = [block.start for block in _blocks(done)]
    assert ear_numbers == sorted(ear_numbers)
    numbers = [block.number for block in _blocks(done)]
    assert numbers == sorted(set(numbers))


def _blocks(done: Done) -> list[Block]:
    ear = Ear(16_000)
    return [block for stretch in done.line.heard.stretches for block in ear.feed(bytes(stretch.pcm), stretch.at)]


def test_speed_is_how_fast_it_speaks() -> None:
    slow, fast = (sum(chunk.seconds for chunk in spoken(LONG, speed=speed)[1]) for speed in (0.8, 1.6))
    assert slow == pytest.approx(2 * fast, rel=0.05)


# --- the converter --------------------------------------------------------------------------------------------------


def test_the_converter_keeps_words_both_ways() -> None:
    pcm = bytes(1_600) + utter("Hello there", rate=8_000, origin=1)
    frames = [Audio(pcm[at : at + 320], rate=8_000, at=at / 16_000) for at in range(0, len(pcm), 320)]
    caller = run_node(ScriptedResample, *frames, with_={"rate": 16_000})
    heard = hear(b"".join(each.pcm for each in of(Audio, caller)), 16_000)
    assert [word.text for word in heard] == ["Hello", "there"]
    assert [each.at for each in of(Audio, caller)][:3] == pytest.approx([0.0, 0.02, 0.04])
    whole, cut = utter("Hello there", rate=8_000, origin=0), utter("again", rate=8_000, origin=0)[:-2]
    voice = [TTSAudio(whole, 8_000, "Hello there"), TTSAudio(cut, 8_000, "again")]
    agent = of(TTSAudio, run_node(ScriptedResample, *voice, with_={"rate": 16_000}))
    assert [each.text for each in agent if each.text] == ["Hello there", "again"]
    assert [word.text for word in hear(b"".join(each.pcm for each in agent), 16_000)] == ["Hello", "there"]
    assert {each.rate for each in agent} == {16_000}


# --- latencies ------------------------------------------------------------------------------------------------------


def test_latencies_are_spread_as_they_are_told_to() -> None:
    chance = random.Random(1)
    drawn = [draw(Spread(p50=0.08, p95=0.2), chance) for _ in range(4_000)]
    assert statistics.median(drawn) == pytest.approx(0.08, rel=0.05)
    assert statistics.quantiles(drawn, n=20)[-1] == pytest.approx(0.2, rel=0.08)
    assert draw(0.1, chance) == 0.1


@pytest.mark.parametrize(
    ("latency", "message"),
    [
        ({"p50": "200ms", "p95": "80ms"}, "0 < p50 <= p95"),
        ({"p50": "0ms", "p95": "80ms"}, "0 < p50 <= p95"),
        ("fast", "a duration is a number and a unit"),
        ({"p50": "10ms"}, "required"),
    ],
)
def test_a_latency_that_cannot_be_is_refused(latency: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        node_type(ScriptedLLM).configure({"first": latency})


def test_the_same_seed_takes_the_same_time() -> None:
    spread = {"first": {"p50": "100ms", "p95": "400ms"}, "between": {"p50": "10ms", "p95": "40ms"}}
    one, same = (answers(["Go"], says=[{"text": LONG}], **spread).times("llm", Token) for _ in range(2))
    assert one == same
    assert len({round(b - a, 4) for a, b in pairwise(one)}) > 3
